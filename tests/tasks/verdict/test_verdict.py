import pytest

from pipeline.tasks.verdict.evidence import Evidence
from pipeline.tasks.verdict.verdict import CRITERIA, decide
from tests.tasks.verdict.given import THRESHOLDS, climbing, evaluation, grpo


def test_a_verdict_is_met_only_if_every_criterion_is():
    good = evaluation({"base": 0.0, "sft": 0.3, "grpo": 0.33}, spread=0.02)
    training = grpo(climbing(60, 0.4)).trainings
    verdict = decide("quickstart", Evidence(good, training), THRESHOLDS)
    assert (verdict["outcome"], verdict["met"]) == ("met", True)
    assert len(verdict["criteria"]) == 4
    without = decide("quickstart", Evidence(good, []), THRESHOLDS)
    assert (without["outcome"], without["met"]) == ("not measurable", False)
    bad = evaluation({"base": 0.0, "sft": 0.3, "grpo": -0.1}, spread=0.02)
    failed = decide("quickstart", Evidence(bad, []), THRESHOLDS)
    assert (failed["outcome"], failed["met"]) == ("not met", False)
    assert "not measurable" in [criterion["outcome"] for criterion in failed["criteria"]]


def test_nothing_asked_is_no_verdict():
    assert decide("none", Evidence(None, []), THRESHOLDS) == {
        "asked": "none",
        "outcome": "not asked",
        "met": None,
        "criteria": [],
    }


@pytest.mark.parametrize("asked", list(CRITERIA))
def test_without_evidence_nothing_is_met(asked):
    verdict = decide(asked, Evidence(None, []), THRESHOLDS)
    assert all(criterion["outcome"] == "not measurable" for criterion in verdict["criteria"])
    assert not verdict["met"]
