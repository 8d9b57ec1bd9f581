from __future__ import annotations

import pytest

from pipeline.tasks.redlines import reinforced
from tests.tasks.redlines.rig import rules_said, told


def test_twenty_steps_without_variance_in_any_group_stop() -> None:
    warning, fault = told(reinforced.RULES, zero_std_ratio=[0.0] * 5 + [1.0] * 20)
    assert (warning.level, fault.level) == ("warning", "fault")
    assert "50% of the groups" in warning.text and warning.data["since"] == 10
    assert fault.data["since"] == 6 and "last 20 steps" in fault.text
    broken = [0.0] * 5 + [1.0] * 19 + [0.9] + [1.0] * 19
    assert rules_said(told(reinforced.RULES, zero_std_ratio=broken)) == [("no_variance", "warning")]


def test_steps_that_draw_no_completions_do_not_break_the_row() -> None:
    ratios = [value for _ in range(20) for value in (1.0, None)]
    assert rules_said(told(reinforced.RULES, zero_std_ratio=ratios, loss=[0.0] * 40))[-1] == ("no_variance", "fault")


def test_few_groups_without_variance_are_nothing() -> None:
    assert told(reinforced.RULES, zero_std_ratio=[0.4] * 60) == []


@pytest.mark.parametrize(
    ("name", "fine", "bad", "rule"),
    [
        ("kl", [0.1] * 10 + [1.9] * 10, [0.1] * 10 + [2.1] * 10, "drift"),
        ("clipped_ratio", [0.8] * 20, [0.81] * 20, "cut_off"),
        ("entropy", [0.011] * 9, [0.009] * 9, "entropy_collapse"),
        ("entropy", [1.0] * 10 + [0.26] * 10, [1.0] * 10 + [0.24] * 10, "entropy_falling"),
        ("completion_length", [50.0] * 20 + [99.0] * 20, [50.0] * 20 + [101.0] * 20, "swelling"),
        ("reward", [0.0] * 19 + [0.1], [0.0] * 20, "no_reward"),
    ],
)
def test_lines(name: str, fine: list[float], bad: list[float], rule: str) -> None:
    assert told(reinforced.RULES, **{name: fine}) == []
    assert rules_said(told(reinforced.RULES, **{name: bad})) == [(rule, "warning")]


def test_one_wild_step_is_not_a_trouble() -> None:
    wild = [0.1] * 10 + [5.0] + [0.1] * 10
    assert told(reinforced.RULES, kl=wild, clipped_ratio=[0.5] * 10 + [1.0] + [0.5] * 10) == []


def test_completions_that_grow_window_by_window() -> None:
    steady = [50.0 + step / 3 for step in range(50)]
    (warning,) = told(reinforced.RULES, completion_length=steady)
    assert "Each of the last 5 spans of 10 steps was longer" in warning.text
    assert told(reinforced.RULES, completion_length=[50.0 + step / 10 for step in range(50)]) == [], "too little"
    unsteady = [length for length in (50.0, 60.0, 70.0, 80.0, 75.0) for _ in range(10)]
    assert told(reinforced.RULES, completion_length=unsteady) == [], "the last window is shorter"


def test_the_loss_is_no_measure_here() -> None:
    assert told(reinforced.RULES, loss=[0.0] * 10 + [1.0] * 100) == []


def test_only_groups_without_variance_stop() -> None:
    worst = {
        "kl": [9.0] * 60, "clipped_ratio": [1.0] * 60, "entropy": [1.0] * 5 + [0.0] * 55, "reward": [0.0] * 60,
        "completion_length": [10.0 * step for step in range(60)],
    }  # fmt: skip
    found = told(reinforced.RULES, **worst)
    assert {level for _, level in rules_said(found)} == {"warning"}
    assert {rule for rule, _ in rules_said(found)} == {
        "drift", "cut_off", "entropy_collapse", "entropy_falling", "swelling", "no_reward",
    }  # fmt: skip
