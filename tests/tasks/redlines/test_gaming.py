from __future__ import annotations

import pytest

from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding
from pipeline.tasks.redlines import gaming
from pipeline.tasks.redlines.watch import Watch


def check(step: int, reward: float, heldout: float, width: float = 0.1) -> Row:
    return {
        "step": step, "reward": reward, "reward_low": reward - width, "reward_high": reward + width,
        "heldout_reward": heldout, "heldout_low": heldout - width, "heldout_high": heldout + width,
    }  # fmt: skip


def apart(count: int) -> list[Row]:
    """Checks with steps between them, the reward rising and the held-out marks falling."""
    checks = [check(10 * place + 1, 0.4 + place / 50, 0.6 - place / 50) for place in range(count)]
    return [row for found in checks for row in (found, {"step": found["step"] + 1, "reward": 0.5})]


def stops(rows: list[Row]) -> list[Finding]:
    watch = Watch(gaming.RULES, {"heldout_scorer": "offline"})
    return [finding for row in rows for finding in watch(row)]


def test_three_moves_apart_in_a_row_are_needed() -> None:
    assert [len(stops(apart(count))) for count in range(5)] == [0, 0, 0, 0, 1]
    (found,) = stops(apart(4))
    assert found.level == "fault" and (found.data["rule"], found.data["since"]) == ("gamed", 11)
    assert "3 times in a row it rose while offline, which is no part of it" in found.text
    assert "At step 1: reward [0.300, 0.500], held-out [0.500, 0.700]; step 11: reward [0.320, 0.520]" in found.text


@pytest.mark.parametrize(
    "change",
    [
        {"reward_low": 0.0}, {"reward_high": 0.0}, {"heldout_low": 1.0}, {"heldout_high": 1.0}, {"reward_low": None},
        {"heldout_high": None},
    ],
)  # fmt: skip
def test_both_ends_of_both_intervals_have_to_move(change: Row) -> None:
    checks = apart(4)
    checks[4] |= change
    assert not stops(checks)


def test_a_check_without_an_interval_is_not_passed_over() -> None:
    checks = apart(5)
    checks[4] |= dict.fromkeys(("reward_low", "reward_high", "heldout_low", "heldout_high"))
    assert not stops(checks)


def test_one_move_together_begins_the_count_anew() -> None:
    assert not stops([*apart(3), check(31, 0.6, 0.6), check(41, 0.62, 0.58), check(51, 0.64, 0.56)])
    assert stops(
        [*apart(3), check(31, 0.6, 0.6), *(check(41 + 10 * n, 0.62 + n / 50, 0.58 - n / 50) for n in range(3))]
    )
