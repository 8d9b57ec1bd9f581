"""Reading a judge's reply: what is a verdict, in any wrapping, and what is none; a refusal is a thing of its own."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from pipeline.engine.fanout import Quarantined
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.judging.verdict import Judgment, read_verdict

LEVELS = dict(zip(DIMENSIONS, (0, 1, 2, 3, 4, None, 4, 3, 2), strict=True))
SEED = """{
  "entropy_reduction": 0.85,
  "calibrated_uncertainty": 0.70,
  "conflict_resolution": 0.00,
  "context_faithfulness": 1.00,
  "process_transparency": 0.90,
  "honest_engagement": 0.95,
  "helpfulness": 0.80,
  "harm_avoidance": 0.85,
  "instruction_following": 0.90
}"""
"""Section 4.3 of the plan of phase 03e, word for word."""


def verdict(**changed: Any) -> dict[str, Any]:
    """A whole verdict; a value given is put for that dimension's score, `...` leaves the dimension out."""
    levels = {name: level for name, level in {**LEVELS, **changed}.items() if level is not ...}
    return {name: {"reason": f"Why {name}.", "score": level} for name, level in levels.items()}


def said(**changed: Any) -> str:
    return json.dumps(verdict(**changed), indent=1)


def fault(text: str) -> Quarantined:
    with pytest.raises(Quarantined) as caught:
        read_verdict(text)
    assert caught.value.text == text, "what was paid for is kept"
    return caught.value


def test_levels_become_shares_and_null_stays() -> None:
    judgment = read_verdict(said())
    assert list(judgment.scores) == list(DIMENSIONS)
    assert list(judgment.scores.values()) == [0.0, 0.25, 0.5, 0.75, 1.0, None, 1.0, 0.75, 0.5]
    assert judgment.reasons == {name: f"Why {name}." for name in DIMENSIONS}


@pytest.mark.parametrize(
    "wrapping",
    [
        "```json\n@\n```",
        "```\n@\n```\nThat is my judgment.",
        "I looked at {the steps} and {} first.\n\n@\n\nHappy to explain {more}.",
        '<think>The steps are fine: {"helpfulness": 1}.</think>\n@',
        "[@]",
        "\ufeff@",
    ],
)
def test_any_wrapping_will_do(wrapping: str) -> None:
    assert read_verdict(wrapping.replace("@", said())) == read_verdict(said())


def test_the_order_of_the_names_does_not_matter() -> None:
    backwards = dict(reversed(verdict().items()))
    assert read_verdict(json.dumps(backwards)) == read_verdict(said())


def test_the_seeds_plain_form() -> None:
    judgment = read_verdict(SEED)
    assert judgment == Judgment(json.loads(SEED), {})
    assert judgment.scores["conflict_resolution"] == 0.0
    none = read_verdict(SEED.replace("0.00", "null"))
    assert none.scores["conflict_resolution"] is None


def test_a_null_without_an_object_does_not_apply() -> None:
    given = verdict()
    given["helpfulness"] = None
    judgment = read_verdict(json.dumps(given))
    assert judgment.scores["helpfulness"] is None and "helpfulness" not in judgment.reasons


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"helpfulness": ...}, "`helpfulness` is missing"),
        ({"humour": 3}, "`humour` is none of ours"),
        ({"helpfulness": ..., "Helpfulness": 3}, "`Helpfulness` is none of ours"),
        ({"helpfulness": 5}, "helpfulness: 5 is no whole level"),
        ({"helpfulness": -1}, "-1 is no whole level"),
        ({"helpfulness": 2.5}, "2.5 is no whole level"),
        ({"helpfulness": 3.0}, "3.0 is no whole level"),
        ({"helpfulness": True}, "True is no whole level"),
        ({"helpfulness": "3"}, "'3' is no whole level"),
        ({"helpfulness": [3]}, "no whole level"),
        ({"helpfulness": float("nan")}, "NaN is no score"),
        ({"helpfulness": float("inf")}, "Infinity is no score"),
        ({"helpfulness": -float("inf")}, "-Infinity is no score"),
    ],
)
def test_what_is_not_exactly_a_verdict(changed: dict[str, Any], reason: str) -> None:
    error = fault(said(**changed))
    assert error.outcome == "invalid" and reason in error.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (said().replace('"helpfulness":', '"harm_avoidance":'), "`harm_avoidance` stands there 2 times"),
        (said().replace('"score": 3\n', '"score": 3, "score": 4\n', 1), "field `score` stands there 2 times"),
        (said().replace('"score": 3\n', '"score": 3, "sure": 1\n', 1), "field `sure` is none of ours"),
        (said().replace('"score": 3\n', '"level": 3\n', 1), "`level` is none of ours"),
        (said().replace('"Why helpfulness."', "null"), "helpfulness: the reason is no text"),
        (said().replace("1,", "1e999,", 1).replace('"score": 1', '"score": 1e999'), "inf is no whole level"),
        (said().replace('"score": 1', f'"score": {"1" * 5000}'), "not whole JSON"),
        (json.dumps({"scores": verdict()}), "no verdict in the reply"),
        (json.dumps(list(LEVELS.values())), "no verdict in the reply"),
        ("{}", "no verdict in the reply"),
        ("All in all a decent answer, four out of four.", "no verdict in the reply"),
        (" \n", "the reply is empty"),
        (said()[:-40], "not whole JSON"),
        (said().replace('"score": 4', '"score": 4,', 1), "not whole JSON"),
        ("<think>" + said(), "no verdict in the reply"),
        (SEED.replace("0.85", "85", 1), "entropy_reduction: 85 is no number from 0 to 1"),
        (SEED.replace("0.85", "1.01", 1), "1.01 is no number from 0 to 1"),
        (SEED.replace("0.85", "-0.1", 1), "-0.1 is no number from 0 to 1"),
        (SEED.replace("0.85", "true", 1), "True is no number from 0 to 1"),
        (SEED.replace("0.85", '"0.85"', 1), "is no number from 0 to 1"),
        (SEED.replace("0.85", "NaN", 1), "NaN is no score"),
        (SEED.replace("0.85", '{"reason": "r", "score": 3}', 1), "an object with `reason` and `score` was expected"),
        (SEED.replace('"helpfulness": 0.80,', ""), "`helpfulness` is missing"),
        (json.dumps(dict.fromkeys(DIMENSIONS, 1)), "levels and shares cannot be told apart"),
        (json.dumps(dict.fromkeys(DIMENSIONS, 3)), "3 is no number from 0 to 1"),
    ],
    ids=itertools.count(),
)
def test_other_faults(text: str, reason: str) -> None:
    error = fault(text)
    assert error.outcome == "invalid" and reason in error.reason


def test_a_depth_without_end_is_a_fault_and_no_crash() -> None:
    assert fault('{"helpfulness":' * 20_000).outcome == "invalid"
    assert fault("[" * 100_000 + "{").outcome == "invalid"


def test_the_last_verdict_counts() -> None:
    quoted, own = said(helpfulness=4), said(helpfulness=0)
    assert read_verdict(f"The text holds {quoted}, which I leave aside.\n{own}").scores["helpfulness"] == 0
    assert read_verdict(f"{own[:80]} - no, again:\n{own}").scores["helpfulness"] == 0


def test_a_broken_last_verdict_does_not_bring_back_an_earlier_one() -> None:
    error = fault(f"The text holds {said()}. Mine:\n{said(helpfulness=0)[:-30]}")
    assert error.outcome == "invalid" and "not whole JSON" in error.reason


def test_a_verdict_inside_a_reason_is_a_quotation() -> None:
    given = verdict(helpfulness=0)
    given["helpfulness"]["reason"] = f"It ends with {said(helpfulness=4)}."
    assert read_verdict(json.dumps(given)).scores["helpfulness"] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "I can't help with evaluating this content.",
        "I’m sorry, but I can’t assist with that request.",
        "Sorry, I cannot rate texts of this kind.",
        "I am unable to judge this.",
        "I won't engage with this material.",
        "I must decline to mark this case.",
        "As an AI, I have no opinion of such texts.",
        "This is against our content policy.",
        '{"error": "I cannot assist with that."}',
    ],
)
def test_a_refusal_is_a_state_of_its_own(text: str) -> None:
    error = fault(text)
    assert (error.outcome, error.reason) == ("blocked", f"the judge refused: {text}")


@pytest.mark.parametrize(
    "text", ["The answer says that it can't be known, which is right.", "It refuses to help: a low mark.", "No: sorry."]
)
def test_speaking_of_a_refusal_is_none(text: str) -> None:
    assert fault(text).outcome == "invalid"


def test_a_refusal_within_a_verdict_is_a_verdict() -> None:
    given = verdict()
    given["helpfulness"]["reason"] = "It says: I can't help with that."
    assert read_verdict(json.dumps(given)).scores["helpfulness"] == 1.0
