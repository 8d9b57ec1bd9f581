import pytest

from pipeline.tasks.recall import decide_share
from pipeline.tasks.statistics import wilson
from pipeline.tasks.verdict.evidence import Evidence, Sample
from pipeline.tasks.verdict.verdict import decide
from tests.tasks.verdict.given import THRESHOLDS


def sample(name, exact, least=0.95, of=500):
    verdict = {"verdict": decide_share(wilson(exact, of).to_row(), least)} if least else {}
    return Sample(name, verdict, [])


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ([sample("a", 495), sample("b", 490)], "met"),
        ([sample("a", 495), sample("free", 0, least=0)], "met"),
        ([sample("a", 495), sample("b", 300)], "not met"),
        ([sample("a", 495), sample("b", 478)], "not measurable"),
        ([sample("a", 478), sample("b", 300)], "not met"),
        ([sample("free", 500, least=0)], "not measurable"),
        ([], "not measurable"),
    ],
)
def test_met_only_if_every_sample_is(samples, outcome):
    verdict = decide("curriculum", Evidence(None, [], samples=samples), THRESHOLDS)
    assert verdict["outcome"] == outcome and verdict["met"] == (outcome == "met")


def test_why_names_every_sample_with_its_figures():
    (criterion,) = decide("curriculum", Evidence(None, [], samples=[sample("a", 495), sample("b", 300)]), THRESHOLDS)[
        "criteria"
    ]
    assert "a met, 99.0% of 500" in criterion["why"] and "b not met, 60.0% of 500" in criterion["why"]
    assert criterion["figure"]["b"]["share"]["n"] == 500
