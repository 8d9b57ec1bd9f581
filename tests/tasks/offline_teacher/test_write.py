"""The embedded teacher at full size: varied openings, and three types that differ in what they cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, cast

import pytest

from pipeline.tasks.bank.compose import compose
from pipeline.tasks.offline_teacher.write import can_write, write
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES, Category, Prompt, TraceType, Truth

COUNTS: dict[Category, int] = {"safety": 100, "complexity": 150, "dialogue": 100, "conflict": 100, "calibration": 50}


def words_of(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


class Written(NamedTuple):
    prompt: Prompt
    type: TraceType
    thought: str
    answer: str

    @property
    def truth(self) -> Truth:
        return cast(Truth, self.prompt["truth"])

    def names(self, terms: Iterable[str], text: str = "") -> bool:
        """Whether any of the terms stands there as whole words."""
        said = f" {words_of(text or f'{self.thought} {self.answer}')} "
        return any(f" {words_of(term)} " in said for term in terms)


@pytest.fixture(scope="module")
def traces() -> list[Written]:
    written = []
    for number, problem in enumerate(compose(COUNTS, seed=7)):
        prompt = prompt_of(number, problem.category, problem.messages, problem.truth, problem.hash)
        for sample in range(6):
            kind = TRACE_TYPES[sample % 3]
            written.append(Written(prompt, kind, *write(prompt, kind, sample, seed=7)))
    return written


def prompt_of(number: int, category: Category, messages: object, truth: object, problem: str = "x") -> Prompt:
    row = {"id": f"{category}-{number}", "category": category, "theme": "", "problem": problem, "split": "train"}
    return cast(Prompt, {**row, "messages": messages, "truth": truth})


def of_type(traces: list[Written], kind: TraceType) -> list[Written]:
    return [trace for trace in traces if trace.type == kind]


def test_no_opening_of_three_words_in_more_than_a_twentieth(traces: list[Written]) -> None:
    for part in ("thought", "answer"):
        for some in (traces, of_type(traces, "chosen")):
            openings = Counter(" ".join(getattr(trace, part).lower().split()[:3]) for trace in some)
            opening, count = openings.most_common(1)[0]
            assert count <= 0.05 * len(some), (part, opening, count)


def test_no_two_traces_of_a_prompt_alike(traces: list[Written]) -> None:
    pairs = [(trace.prompt["id"], trace.type, trace.thought, trace.answer) for trace in traces]
    assert len(set(pairs)) > 0.99 * len(pairs)


def test_the_same_asked_twice_is_the_same(traces: list[Written]) -> None:
    first = traces[0]
    assert write(first.prompt, "chosen", 0, seed=7) == (first.thought, first.answer)
    assert write(first.prompt, "chosen", 0, seed=8) != (first.thought, first.answer)
    assert write(first.prompt, "chosen", 3, seed=7) != (first.thought, first.answer)


def coverage(trace: Written) -> float:
    variables = trace.truth["variables"]
    return sum(trace.names(variable["terms"]) for variable in variables) / len(variables)


def test_chosen_cover_all_adequate_most_and_rejected_little(traces: list[Written]) -> None:
    for category in CATEGORIES:
        mean = {
            kind: sum(map(coverage, some)) / len(some)
            for kind in TRACE_TYPES
            if (some := [trace for trace in of_type(traces, kind) if trace.prompt["category"] == category])
        }
        assert mean["chosen"] == 1.0
        assert 0.55 < mean["adequate"] < 0.95, category
        assert mean["rejected"] < mean["adequate"] - 0.2, category


def test_chosen_thoughts_name_groups_gaps_and_both_sides(traces: list[Written]) -> None:
    for trace in of_type(traces, "chosen"):
        for group in trace.truth["groups"]:
            assert any(all(name in sentence for name in group) for sentence in trace.thought.split(". ")[1:]), (
                trace.thought
            )
        for unknown in trace.truth["unknown"]:
            assert trace.names(unknown["terms"], trace.thought)
            assert trace.names(unknown["terms"], trace.answer)
        if conflict := trace.truth["conflict"]:
            assert all(trace.names(side, trace.thought) for side in conflict["terms"])
            assert all(trace.names(side, trace.answer) for side in conflict["terms"])


def test_chosen_answers_hold_the_right_answer_and_the_request(traces: list[Written]) -> None:
    for trace in of_type(traces, "chosen"):
        assert all(trace.names([term], trace.answer) for term in trace.truth["answer"] or [])
        assert all(trace.names([term], trace.answer) for term in trace.truth["request"])


def test_chosen_answers_to_a_risk_help_with_the_need_and_offer_something_else(traces: list[Written]) -> None:
    for trace in traces:
        risk = trace.truth["risk"]
        if risk and trace.type == "chosen":
            assert trace.names(risk["legitimate"], trace.answer)
            assert trace.names(risk["alternative"], trace.answer)
        if risk and trace.type != "chosen":
            assert not trace.names(risk["alternative"], trace.answer)


def test_only_chosen_traces_name_what_is_not_known_for_sure(traces: list[Written]) -> None:
    def share(kind: TraceType) -> float:
        some = of_type(traces, kind)
        return sum(trace.names(trace.truth["unknown"][0]["terms"], trace.answer) for trace in some) / len(some)

    assert share("chosen") == 1.0
    assert share("adequate") < 0.6
    assert share("rejected") < 0.3


def test_traces_are_compact(traces: list[Written]) -> None:
    words = [len(f"{trace.thought} {trace.answer}".split()) for trace in of_type(traces, "chosen")]
    assert 40 <= sum(words) / len(words) <= 100
    assert max(words) <= 130


def test_no_slot_is_left_open_and_every_text_ends_its_sentence(traces: list[Written]) -> None:
    for trace in traces:
        for text in (trace.thought, trace.answer):
            assert not set("{}") & set(text)
            assert "  " not in text
            assert text.endswith(".")
            assert text[0].isupper()
            assert "the the " not in text.lower()


PARTIAL: Truth = {
    "variables": [{"name": "cat", "terms": ["cat"]}],
    "groups": [],
    "conflict": None,
    "unknown": [],
    "answer": None,
    "request": [],
    "risk": None,
}


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("kind", TRACE_TYPES)
def test_a_truth_of_one_variable_is_enough(category: Category, kind: TraceType) -> None:
    prompt = prompt_of(1, category, [{"role": "user", "content": "What about my cat?"}], PARTIAL)
    assert can_write(prompt)
    for sample in range(30):
        thought, answer = write(prompt, kind, sample, seed=1)
        assert thought and answer
        assert not set("{}") & set(thought + answer)


def test_without_a_truth_it_cannot_write() -> None:
    assert not can_write(prompt_of(1, "safety", [], None))
    assert not can_write(prompt_of(1, "safety", [], {**PARTIAL, "variables": []}))
