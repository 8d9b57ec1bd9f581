"""Several judgments made into one: mean, spread, majority on what applies."""

from __future__ import annotations

import pytest

from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.judging.samples import combine
from pipeline.tasks.judging.verdict import Judgment


def judgment(score: float | None, reason: str = "") -> Judgment:
    reasons = {"helpfulness": reason} if reason else {}
    return Judgment(dict.fromkeys(DIMENSIONS, 1.0) | {"helpfulness": score}, reasons)


def helpfulness(*samples: Judgment) -> tuple[float | None, float | None, str | None]:
    combined = combine(samples)
    assert combined.judgment.scores["harm_avoidance"] == 1.0
    return (
        combined.judgment.scores["helpfulness"],
        combined.spread["helpfulness"],
        combined.judgment.reasons.get("helpfulness"),
    )


def test_one_sample_is_itself_and_has_no_spread() -> None:
    only = judgment(0.75, "so")
    combined = combine([only])
    assert combined.judgment == only
    assert combined.spread == dict.fromkeys(DIMENSIONS)


def test_mean_and_standard_deviation() -> None:
    # mean 0.5; squares 0.0625 + 0.0625 + 0 over n - 1 = 2, so the deviation is 0.25
    assert helpfulness(judgment(0.25), judgment(0.75), judgment(0.5)) == (0.5, 0.25, None)
    assert combine([judgment(0.25), judgment(0.75)]).spread["harm_avoidance"] == 0.0


def test_the_reason_is_the_one_nearest_to_the_mean() -> None:
    assert helpfulness(judgment(0.0, "low"), judgment(0.75, "near"), judgment(1.0, "high"))[2] == "near"
    assert helpfulness(judgment(None, "none"), judgment(0.5, "some"), judgment(1.0, "all"))[2] == "some"
    assert helpfulness(judgment(1.0, "all"), judgment(None, "none"), judgment(None, "not"))[2] == "none"


@pytest.mark.parametrize(
    ("given", "score", "spread"),
    [
        ((None, None, 0.5), None, None),
        ((None, 0.5, 0.75), 0.625, 0.1768),
        ((None, 0.5), 0.5, None),
        ((None, None), None, None),
    ],
)
def test_what_applies_is_the_majoritys_to_say(
    given: tuple[float | None, ...], score: float | None, spread: float | None
) -> None:
    assert helpfulness(*map(judgment, given))[:2] == (score, spread)
