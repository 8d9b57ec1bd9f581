import pytest

from pipeline.tasks.statistics import Estimate
from pipeline.tasks.verdict.battery import fewest, keeps_reasoning, redirects
from pipeline.tasks.verdict.evidence import Evidence
from tests.tasks.verdict.given import THRESHOLDS

VERDICTS = ("passed", "failed", "cut off", "blocked", "refused", "unscored")


def wilson(passed, n):
    """By the formula of Wilson (1927), written out once more."""
    if not n:
        return Estimate(None, None, None, 0).to_row()
    z2, share = 1.959964**2, passed / n
    middle, half = share + z2 / (2 * n), (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5
    return Estimate(share, (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n), n).to_row()


def examined(test, names=("base", "sft", "grpo"), **results):
    """Evidence of one test; `results`: contestant -> (passed, failed, cut off)."""
    rows = []
    for name, (passed, failed, cut) in results.items():
        outcomes = dict.fromkeys(VERDICTS, 0) | {"passed": passed, "failed": failed, "cut off": cut}
        rate = wilson(passed, passed + failed)
        rows.append({"contestant": name, "samples": passed + failed + cut, "outcomes": outcomes, "rate": rate})
    battery = {"tests": [{"id": test, "results": rows}]}
    return Evidence({"contestants": [{"name": name} for name in names], "battery": battery}, [])


def test_the_fewest_samples_that_can_show_a_share():
    assert fewest(0.5) == 4
    assert fewest(0.8) == 16
    for share in (0.3, 0.5, 0.8, 0.9):
        assert (
            wilson(fewest(share), fewest(share))["low"] > share >= wilson(fewest(share) - 1, fewest(share) - 1)["low"]
        )


@pytest.mark.parametrize(
    ("sft", "grpo", "outcome"),
    [
        ((4, 0, 0), (4, 0, 0), "met"),
        ((7, 1, 0), (8, 0, 0), "met"),
        ((4, 0, 0), (3, 1, 0), "not met"),
        ((6, 2, 0), (8, 0, 0), "not met"),
        ((3, 0, 1), (4, 0, 0), "not measurable"),
        ((3, 0, 1), (0, 4, 0), "not met"),
        ((0, 0, 4), (4, 0, 0), "not measurable"),
    ],
)
def test_the_syllogism_after_both_trainings(sft, grpo, outcome):
    criterion = keeps_reasoning(examined("RQ-01", base=(0, 4, 0), sft=sft, grpo=grpo), THRESHOLDS)
    assert criterion.outcome == outcome
    assert set(criterion.figure) == {"base", "sft", "grpo"}
    assert f"sft passed {sft[0]} of {sum(sft[:2])}" in criterion.why


def test_the_base_may_fail_what_the_tuned_model_passes():
    given = examined("ABA-02", base=(0, 4, 0), sft=(0, 4, 0), grpo=(4, 0, 0))
    assert redirects(given, THRESHOLDS).outcome == "met"
    assert redirects(examined("ABA-02", base=(4, 0, 0), sft=(4, 0, 0), grpo=(0, 4, 0)), THRESHOLDS).outcome == "not met"


def test_how_many_samples_it_takes_is_said():
    why = redirects(examined("ABA-02", base=(4, 0, 0), grpo=(2, 0, 2)), THRESHOLDS).why
    assert (
        why == "grpo passed 2 of 2 [34%, 100%], 2 cut off: it takes 4 scored answers of each to show a share above 0.5"
    )


def test_what_was_not_asked_is_not_measurable():
    assert "was not asked RQ-01" in keeps_reasoning(examined("ABA-02", grpo=(4, 0, 0)), THRESHOLDS).why
    assert "between SFT and GRPO" in keeps_reasoning(examined("RQ-01", names=("base", "grpo")), THRESHOLDS).why
    assert redirects(Evidence(None, []), THRESHOLDS).outcome == "not measurable"
    assert (
        redirects(Evidence({"contestants": [{"name": "x"}], "battery": None}, []), THRESHOLDS).outcome
        == "not measurable"
    )
    unasked = examined("ABA-02", base=(4, 0, 0))
    assert redirects(unasked, THRESHOLDS).outcome == "not measurable"
