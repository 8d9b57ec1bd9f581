import pytest

from pipeline.tasks.verdict.chat import POINTS, maintains_reasoning
from pipeline.tasks.verdict.evidence import Evidence
from pipeline.tasks.verdict.verdict import decide
from tests.tasks.verdict.given import THRESHOLDS, evaluation
from tests.tasks.verdict.test_battery import VERDICTS, wilson


def reasoned(base, tuned):
    """An evaluation with one RQ test, and another that is none: (passed, failed) of each contestant."""
    none = dict.fromkeys(VERDICTS, 0) | {"cut off": 3}
    results = [
        {"contestant": name, "outcomes": none | {"passed": passed, "failed": failed},
         "rate": wilson(passed, passed + failed)}
        for name, (passed, failed) in (("base", base), ("tuned", tuned))
    ]  # fmt: skip
    other = [{**result, "rate": wilson(0, 50)} for result in results]
    battery = {"tests": [{"id": "RQ-01", "results": results}, {"id": "UC-01", "results": other}]}
    return {**evaluation({"base": 0.0, "tuned": 0.2}, spread=0.02), "battery": battery}


@pytest.mark.parametrize(
    ("base", "tuned", "outcome", "word"),
    [
        ((64, 0), (64, 0), "met", "maintained"),
        ((51, 13), (51, 13), "met", "maintained"),
        ((10, 54), (60, 4), "met", "maintained"),
        ((64, 0), (40, 24), "not met", "lost"),
        ((8, 2), (8, 2), "not met", "not shown"),
        ((0, 64), (0, 64), "not measurable", "nothing to maintain"),
        ((4, 0), (0, 0), "not measurable", "not answered by both"),
    ],
)
def test_reasoning_is_maintained_where_a_loss_beyond_the_margin_is_ruled_out(base, tuned, outcome, word):
    criterion = maintains_reasoning(Evidence(reasoned(base, tuned), []), THRESHOLDS)
    assert criterion.outcome == outcome and word in criterion.why


def test_the_interval_is_newcombes():
    """His first example: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339 (1998, table II, method 10)."""
    figure = maintains_reasoning(Evidence(reasoned((48, 32), (56, 14)), []), THRESHOLDS).figure
    assert (figure["low"], figure["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_each_point_goes_by_its_dimension_and_by_the_whole_interval():
    gains = {"tuned": {"helpfulness": 0.0, "context_faithfulness": 0.01}}
    found = evaluation({"base": 0.0, "tuned": 0.2}, dimension_gains=gains, applies={"honest_engagement": 5})
    criteria = decide("chat-sft", Evidence(found, []), THRESHOLDS)["criteria"]
    outcomes = {criterion["name"]: criterion["outcome"] for criterion in criteria}
    assert outcomes == {
        "maintains_reasoning": "not measurable", "follows_instructions": "met", "conversational_tone": "not measurable",
        "stays_on_topic": "not met", "context_awareness": "not met",
    }  # fmt: skip
    assert {name for name, _, _ in POINTS} < {*outcomes}
    assert "improved: instruction following" in criteria[1]["why"] and "not shown: helpfulness" in criteria[3]["why"]


def test_few_prompts_show_nothing():
    few = evaluation({"base": 0.0, "tuned": 0.5}, prompts=20, spread=0.01)
    assert {one["outcome"] for one in decide("chat-sft", Evidence(few, []), THRESHOLDS)["criteria"]} == {
        "not measurable"
    }
