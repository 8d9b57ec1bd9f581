from __future__ import annotations

import math
import random

from pipeline.tasks.redlines import supervised
from tests.tasks.redlines.rig import rules_said, told


def noisy(level: float, count: int, seed: int, spread: float = 0.1) -> list[float]:
    chance = random.Random(seed)
    return [level * (1 + chance.gauss(0, spread)) for _ in range(count)]


def falling(count: int, seed: int = 0) -> list[float]:
    return [2 * math.exp(-step / 60) + loss for step, loss in enumerate(noisy(0.5, count, seed))]


def test_a_good_training_hears_nothing() -> None:
    for seed in range(20):
        losses = falling(300, seed)
        measures = [loss if step % 50 == 49 else None for step, loss in enumerate(losses)]
        assert told(supervised.RULES, loss=losses, validation_loss=measures) == []


def test_a_loss_that_learns_nothing_is_no_divergence() -> None:
    for seed in range(200):
        said = rules_said(told(supervised.RULES, loss=noisy(2, 150, seed, 0.2)))
        assert not [entry for entry in said if entry[0] == "divergence"]
        assert ("not_falling", "warning") in said


def test_a_loss_above_its_start_is_told_and_after_fifty_steps_stops() -> None:
    losses = noisy(2, 30, 1) + noisy(3, 100, 2)
    found = told(supervised.RULES, loss=losses[:89])
    warning, fault = [finding for finding in found if finding.data["rule"] == "divergence"][:2]
    assert (warning.level, fault.level) == ("warning", "fault")
    assert warning.data["steps_above"] == 10 and fault.data["steps_above"] == 50
    assert fault.data["since"] == warning.data["since"] and 30 < fault.data["since"] < 40
    assert "for 50 steps" in fault.text and "it began at 1.977." in fault.text and "0.0001 in effect" in fault.mend


def test_a_loss_near_zero_from_the_start_neither_diverges_nor_has_to_fall() -> None:
    """A phase that begins with the skill of the one before: the warm-up lifts the loss, to next to nothing."""
    assert told(supervised.RULES, loss=noisy(0.006, 20, 1) + noisy(0.05, 100, 2)) == []
    risen = noisy(0.006, 20, 1) + noisy(0.5, 100, 2)
    assert ("divergence", "fault") in rules_said(told(supervised.RULES, loss=risen))


def test_a_hump_that_goes_back_stops_nothing() -> None:
    losses = noisy(2, 30, 1) + noisy(3, 45, 2) + noisy(1.5, 60, 3)
    found = [finding for finding in told(supervised.RULES, loss=losses) if finding.data["rule"] == "divergence"]
    assert [finding.level for finding in found] == ["warning", "note"]


def test_advice_when_stuck_is_half_as_much_again_of_the_rate_in_effect() -> None:
    (warning,) = told(supervised.RULES, loss=noisy(2, 50, 5))
    assert "from 0.0001 to 0.00015" in warning.mend and warning.text.startswith(
        "The loss does not fall. After 50 steps"
    )
    assert told(supervised.RULES, loss=noisy(2, 49, 5)) == []


def test_a_validation_loss_far_above_training_names_the_gap_and_what_is_not_yet_in_effect() -> None:
    (warning,) = told(supervised.RULES, loss=[1.0] * 40, validation_loss=[None] * 39 + [1.6])
    assert "1.6 against 1 at step 40, a gap of 0.6." in warning.text
    assert "lora_dropout = 0.2 (0 in effect)" in warning.mend and "weight_decay = 0.1 (0.01 in effect)" in warning.mend
    assert told(supervised.RULES, loss=[1.0] * 40, validation_loss=[None] * 39 + [1.4]) == []
    assert told(supervised.RULES, loss=[0.02] * 40, validation_loss=[None] * 39 + [0.1]) == [], "both near 0"


def test_a_validation_loss_that_rises_thrice_while_training_falls() -> None:
    losses = [2 - step / 200 for step in range(80)]
    marks = dict.fromkeys(range(80)) | {19: 1.90, 39: 1.95, 59: 1.96, 79: 1.97}
    (warning,) = told(supervised.RULES, loss=losses, validation_loss=list(marks.values()))
    assert warning.data["rule"] == "validation_rising" and warning.data["since"] == 40
    assert "1.9, 1.95, 1.96, 1.97" in warning.text and "best measure was at step 20" in warning.mend
    dip = marks | {59: 1.94}
    assert told(supervised.RULES, loss=losses, validation_loss=list(dip.values())) == []
    rising = [1.5 + step / 1000 for step in range(80)]
    said = rules_said(told(supervised.RULES, loss=rising, validation_loss=list(marks.values())))
    assert "validation_rising" not in dict(said), "both rise"


def test_a_plateau_is_five_measures_without_a_better_one() -> None:
    flat = [value for mark in (2.0, 1.5, 1.4, 1.4, 1.41, 1.395, 1.4, 1.4) for value in (*[None] * 9, mark)]
    losses = [2 - step / 100 for step in range(80)]
    (note,) = told(supervised.RULES, loss=losses, validation_loss=flat)
    assert note.data["rule"] == "plateau" and note.level == "note" and "1.4 at step 30" in note.text
    better = [*flat[:79], 1.39]
    assert told(supervised.RULES, loss=losses, validation_loss=better) == []
