"""The data board: every gate at the rows it is for, green on good rows, and what the figures say."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row
from pipeline.tasks.board.board import Board, board
from pipeline.tasks.board.limits import LIMITS
from pipeline.tasks.offline_judge.lexicon import IMPERATIVES

VERBS = sorted(IMPERATIVES)


def prose(seed: object, sentences: int = 4) -> str:
    """English that nobody else writes, with stop words enough for its language to be told."""
    random = Random(str(seed))

    def sentence() -> str:
        first, second, third, fourth = (random.choice(VERBS) for _ in range(4))
        return f"{first.title()} and {second} what you {third} in {random.randrange(10**6)} of the {fourth}s."

    return " ".join(sentence() for _ in range(sentences))


def trace(number: int, **more: Any) -> Row:
    prompt = number // 2
    return {
        "id": f"p{prompt}/{number % 2}",
        "prompt_id": f"p{prompt}",
        "category": "safety",
        "split": "heldout" if prompt % 5 == 0 else "train",
        "type": "chosen",
        "sample": number % 2,
        "messages": [{"role": "user", "content": prose(f"prompt {prompt}")}],
        "thought": prose(f"thought {number}"),
        "answer": prose(f"answer {number}"),
        "finish": "stop",
        "provider": "",
        "model": "",
        **more,
    }


def traces(count: int = 200, change: Callable[[int], Row] = lambda _: {}) -> list[Row]:
    return [trace(number, **change(number)) for number in range(count)]


def gate(found: Board, name: str) -> Any:
    return next(gate for gate in found.gates if gate.name == name)


def asking(number: int, text: str) -> Row:
    return {"messages": [{"role": "user", "content": text}]} if number < 60 else {}


def test_good_rows_are_green_on_every_gate() -> None:
    found = board(traces())
    assert (found.kind, found.rows, found.read, found.red, found.amber) == ("traces", 200, 200, [], [])
    missing = {limit.name for limit in LIMITS} - {gate.name for gate in found.gates}
    assert missing == {"reward_ceiling", "reward_floor", "flat_groups"}, "nothing is said of rewards that are not there"
    assert json.loads(json.dumps(found.to_row(), allow_nan=False))["red"] == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("empty_answers", lambda _: {"answer": " \n"}),
        ("short_answers", lambda n: {"answer": f"Yes {n}."}),
        ("refusals", lambda _: {"answer": "I'm sorry, but I can't help with that."}),
        ("missing_thoughts", lambda _: {"thought": ""}),
        ("unclosed_thoughts", lambda _: {"thought": "<think> and so on"}),
        ("control_tokens", lambda n: {"answer": prose(n) + "<|im_end|>"}),
        ("exact_duplicates", lambda _: trace(0)),
        ("near_duplicates", lambda n: {"thought": prose("t", 20), "answer": f"{prose('a', 20)} Number {n}."}),
        ("repeated_answers", lambda _: {"answer": prose("the same")}),
        ("same_two_words", lambda n: {"answer": f"Great question {n} " + prose(n)}),
        ("same_three_words", lambda n: {"answer": "What a good " + prose(n)}),
        ("other_language", lambda n: {"answer": f"Das ist nicht der Weg, den du mit der Zahl {n} gehen kannst."}),
        ("cut_off", lambda _: {"finish": "length"}),
        ("blocked", lambda _: {"finish": "blocked"}),
        ("invalid", lambda _: {"finish": "invalid"}),
        ("leaked_prompts", lambda n: {"split": "heldout" if n % 2 else "train"}),
        ("near_leaked_prompts", lambda n: asking(n, f"{prose('one', 12)} {n // 2}")),
        ("overlapping_prompts", lambda n: asking(n, f"{prose('a passage', 12)} {prose(f'question {n // 2}', 8)}")),
    ],
)  # fmt: skip
def test_each_gate_goes_off(name: str, change: Callable[[int], Row]) -> None:
    """On 140 of 200 rows, and with the id of one of them."""
    found = board(traces(200, lambda number: change(number) if number < 140 else {}))
    limit = next(limit for limit in LIMITS if limit.name == name)
    assert gate(found, name).level == ("amber" if limit.red is None else "red")
    assert found.gates[0].level == "red" or not found.red, "red ones come first"
    if name.startswith("same"):
        assert gate(found, name).examples[0] in ("great question", "what a good")
    elif name not in ("cut_off", "blocked", "invalid"):
        assert gate(found, name).examples[0][0] == "p"


def test_what_is_bad_on_purpose_counts_in_no_quality_gate() -> None:
    refused = {"type": "rejected", "answer": "I refuse.", "thought": ""}
    found = board(traces(200, lambda number: refused if number % 2 else {}))
    assert found.red == found.amber == [] and found.read == 100
    assert found.figures["types"] == {"chosen": 100, "rejected": 100}


def test_asked_is_the_sum_of_what_came_of_it() -> None:
    lost = [
        {"id": f"x{n}", "outcome": outcome, "reason": f"because {n % 2}", "text": text}
        for n, (outcome, text) in enumerate(
            [("cut off", "<think> on and on"), ("blocked", ""), ("invalid", "?"), ("cut off", "<think>a</think> b")]
        )
    ]
    found = board(traces(10), lost)
    assert found.figures["outcomes"] == {"asked": 14, "answered": 10, "cut_off": 2, "blocked": 1, "invalid": 1}
    assert found.figures["quarantine"] == {"because 0": 2, "because 1": 2}
    assert gate(found, "cut_off").hits == 2 and gate(found, "cut_off").of == 14
    assert gate(found, "unclosed_thoughts").examples == ["x0"]
    assert board([], lost).kind == "" and board([], lost).figures["outcomes"]["asked"] == 4


def test_a_copy_is_not_near_as_well() -> None:
    found = board([*traces(100), *traces(20)])
    assert gate(found, "exact_duplicates").hits == 20 and gate(found, "exact_duplicates").of == 120
    assert gate(found, "near_duplicates").hits == 0 and gate(found, "near_duplicates").of == 100


def test_rewards() -> None:
    found = board(traces(100, lambda n: {"scores": {}, "reward": 1.0 if n < 60 else 0.0}))
    assert found.kind == "scores"
    assert gate(found, "reward_ceiling").value == 0.6 and gate(found, "reward_ceiling").level == "amber"
    assert gate(found, "flat_groups").hits == 50 and "flat_groups" in found.amber
    assert found.figures["rewards"] == {"count": 100, "mean": 0.6, "groups": 50}


def test_prompts() -> None:
    def prompt(number: int, **more: Any) -> Row:
        text = prose(f"prompt {number}")
        split = "heldout" if number % 5 == 0 else "train"
        row = {"id": f"s{number}", "category": "safety", "problem": f"q{number}", "split": split}
        return row | {"messages": [{"role": "user", "content": text}], "truth": None} | more

    found = board(prompt(number) for number in range(100))
    assert (found.kind, found.red, found.amber) == ("prompts", [], [])
    assert "cut_off" not in {gate.name for gate in found.gates}
    assert found.figures["prompts"] == {"train": 80, "heldout": 20}
    split = board(prompt(number, problem=f"q{number // 2}") for number in range(100))
    assert split.red[0] == "leaked_prompts", "one problem in two wordings on both sides"
    assert board([*map(prompt, range(100)), *map(prompt, range(20))]).red[0] == "exact_duplicates"


def test_an_evaluation_holds_each_contestant_against_itself() -> None:
    rows = [trace(number, contestant=name, outcome="answered", split=None) for name in "ab" for number in range(60)]
    found = board(rows)
    assert (found.kind, found.red, found.amber) == ("evaluation", [], [])
    assert "leaked_prompts" not in {gate.name for gate in found.gates}


def test_figures() -> None:
    found = board(traces(20, lambda n: {"answer": "one two three four " * (n + 1)}))
    assert found.figures["words"]["answer"] == {"median": 42.0, "p95": 76.2, "longest": 80}
    assert found.figures["openings"] == [{"words": "one two three", "count": 20, "share": 1.0}]
    assert found.figures["splits"] == {"heldout": 4, "train": 16}
    assert found.figures["thought_openings"][0]["count"] == 1
    german = board(traces(20, lambda _: {"answer": "Das ist der Weg, den wir mit dem Wagen nicht gehen."}))
    assert german.figures["languages"] == {"de": 20}


def test_few_rows_make_no_rates() -> None:
    rows = traces(3, lambda _: {"answer": "I'm sorry, but I can't help with that."})
    assert board(rows[:2]).red == []
    assert board(rows).red == ["refusals"]


def test_rows_that_have_no_board() -> None:
    with pytest.raises(DataError, match="no board"):
        board([{"step": 1, "loss": 2.0}])
    with pytest.raises(DataError, match="Row x is of prompts among traces"):
        board([trace(1), {"id": "x", "messages": []}])
    assert board([]).gates == []


@pytest.mark.parametrize("odd", ["", "\ud800", "\0\x1b[31m", "x" * 100_000, "字" * 500, "\u202e"])
def test_any_text_will_do(odd: str) -> None:
    rows = traces(4, lambda _: {"thought": odd, "answer": odd, "messages": [{"role": "user", "content": odd}]})
    assert board(rows).rows == 4
