from __future__ import annotations

import pytest

from pipeline.engine.errors import DataError
from pipeline.tasks.episode import SYSTEM, Pair, count, distinct, row_of


def pair(prompt: str, answer: str, fact: str = "") -> Pair:
    return Pair(prompt, answer, "en", "say", "Say {}.", "hello", fact, "format_lock")


def test_a_prompt_comes_once_and_has_one_answer() -> None:
    assert len(list(distinct([pair("a", "b"), pair("a", "b"), pair("c", "b")]))) == 2
    with pytest.raises(DataError, match="'a' has two answers: 'b' and 'c'"):
        list(distinct([pair("a", "b"), pair("a", "c")]))


def test_a_row_says_what_is_asked_answered_and_where_it_is_from() -> None:
    assert row_of(7, pair("Say hello.", "hello."), SYSTEM) == {
        "id": "format_lock-000007",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "Say hello."},
            {"role": "assistant", "content": "hello."},
        ],
        "language": "en", "source": "format_lock", "topic": "say", "template": "Say {}.", "payload": "hello",
    }  # fmt: skip
    row = row_of(0, pair("a", "b", "f"), "")
    assert row["fact"] == "f" and [message["role"] for message in row["messages"]] == ["user", "assistant"]


def test_counts_tell_payloads_from_facts() -> None:
    found = count([pair("a", "b"), pair("c", "d", "x"), pair("e", "d", "x")])
    assert (found["rows"], found["payloads"], found["facts"], found["templates"]) == (3, 1, 1, 1)
    assert found["languages"] == {"en": 3} and found["topics"] == {"say": 3}
