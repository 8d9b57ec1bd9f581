"""What an answer to a probe says, in the many ways in which models say it."""

from __future__ import annotations

import pytest

from pipeline.tasks.calibration.probes import probes
from pipeline.tasks.calibration.stated import read_probe, read_stated

KNOWN, OPEN = {"asked": "colour", "answer": ["red"]}, {"asked": "age", "answer": None}


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        ("It is red.\nConfidence: 85%", 0.85),
        ("**Confidence:** 100 %", 1.0),
        ("confidence: 0.7", 0.7),
        ("Confidence: 8/10", 0.8),
        ("Confidence: 95 / 100", 0.95),
        ("My confidence is about 60 percent.", 0.6),
        ("I am 90% sure of it.", 0.9),
        ("I'm 99.5 % certain.", 0.995),
        ("Confidence: 50%. On second thought, Confidence: 20%", 0.2),
        ("Confidence level: 0%", 0.0),
        ("Confidence: high", None),
        ("It is 40 years old.", None),
        ("Confidence: 250%", None),
        ("", None),
        ("Confidence: " * 20_000, None),
    ],
)
def test_a_stated_confidence_is_found(answer: str, stated: float | None) -> None:
    assert read_stated(answer) == (None if stated is None else pytest.approx(stated))


@pytest.mark.parametrize(
    ("truth", "answer", "right", "abstained"),
    [
        (KNOWN, "The cat is red.\nConfidence: 95%", True, False),
        (KNOWN, "The colour is blue.\nConfidence: 95%", False, False),
        (KNOWN, "The colour is not known.\nConfidence: 95%", None, True),
        (KNOWN, "It is red, though I do not know the shade.\nConfidence: 80%", True, False),
        (OPEN, "The cat is about five.\nConfidence: 70%", False, False),
        (OPEN, "Its age is not known.\nConfidence: 99%", None, True),
        (OPEN, "Nobody knows. Confidence: 80%", None, True),
        (OPEN, "Nobody told us, so I cannot say.\nConfidence: 10%", None, True),
    ],
)
def test_right_wrong_and_abstained(truth: dict[str, object], answer: str, right: bool | None, abstained: bool) -> None:
    found = read_probe(truth, answer)
    assert (found["right"], found["abstained"]) == (right, abstained)
    assert found["stated"] is not None


def prompt(**changes: object) -> dict[str, object]:
    told = {"answer": ["red"], "unknown": [{"name": "age", "terms": ["age"]}], "request": ["colour", "age"]}
    return {
        "id": "calibration-0001", "category": "calibration", "split": "heldout", "truth": told,
        "messages": [{"role": "user", "content": "The cat is red."}],
    } | changes  # fmt: skip


def test_a_prompt_gives_a_probe_of_either_kind() -> None:
    known, opened = probes([prompt()])
    assert (known["prompt_id"], known["truth"]) == ("calibration-0001.known", {"asked": "colour", "answer": ["red"]})
    assert (opened["prompt_id"], opened["truth"]) == ("calibration-0001.open", {"asked": "age", "answer": None})
    said = opened["messages"][0]["content"]
    assert said.startswith("The cat is red.\n\n") and "the age alone" in said and "Confidence: N%" in said


def test_what_is_learnt_from_and_what_has_no_two_parts_is_no_probe() -> None:
    truth = prompt()["truth"]
    assert isinstance(truth, dict)
    assert not list(probes([
        prompt(split="train"), prompt(category="conflict"), prompt(truth=None), prompt(truth={**truth, "unknown": []}),
    ]))  # fmt: skip
