"""Prompts of the user's own: both formats, duplicates, and what is wrong with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.tasks.bank.source import read_source


def jsonl(folder: Path, *rows: Any) -> Path:
    path = folder / "own.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_text_is_one_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("How old is the moon?\n\nWhy does ice float?  \nhow old  is the Moon?\n", encoding="utf-8")
    source = read_source(path, "calibration")
    assert [prompt["messages"] for prompt in source.prompts] == [
        [{"role": "user", "content": "How old is the moon?"}],
        [{"role": "user", "content": "Why does ice float?"}],
    ]
    assert [prompt["id"] for prompt in source.prompts] == ["calibration-0001", "calibration-0002"]
    assert all(prompt["category"] == "calibration" and prompt["truth"] is None for prompt in source.prompts)
    assert source.duplicates == 1


def test_jsonl_rows_with_prompt_messages_category_and_truth(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "I have a cat."},
        {"role": "assistant", "content": "Nice."},
        {"role": "user", "content": "What do I feed it?"},
    ]
    given = {"variables": [{"name": "cat", "terms": ["cat"]}], "request": ["feed"]}
    path = jsonl(
        tmp_path,
        {"prompt": "Is it safe?", "category": "safety", "theme": "bridge", "license": "mine"},
        {"messages": talk, "category": "dialogue", "truth": given},
    )
    source = read_source(path, "complexity")
    first, second = source.prompts
    assert (first["category"], first["theme"], first["truth"]) == ("safety", "bridge", None)
    assert second["messages"] == talk
    assert second["truth"] is not None
    assert second["truth"]["variables"][0]["name"] == "cat"
    assert second["truth"]["unknown"] == []
    assert second["truth"]["conflict"] is None
    assert source.ignored == {"license"}


def test_rows_that_name_one_problem_share_it(tmp_path: Path) -> None:
    rows = [{"prompt": f"wording {i}", "problem": "moon" if i < 2 else "sun"} for i in range(3)]
    problems = [prompt["problem"] for prompt in read_source(jsonl(tmp_path, *rows), "conflict").prompts]
    assert problems[0] == problems[1] != problems[2]


def test_a_line_separator_inside_a_string_is_no_end_of_line(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"prompt": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_source(path, "safety").prompts[0]["messages"][0]["content"] == "one\u2028two"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "a JSON object was expected"),
        ({"promt": "typo"}, "either `prompt` or `messages`"),
        ({"prompt": "both", "messages": [{"role": "user", "content": "x"}]}, "either `prompt` or `messages`"),
        ({"prompt": 3}, "prompt: Input should be a valid string"),
        ({"prompt": "x", "category": "maths"}, "category"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": []}, "must be the user's"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "must be the user's"),
        ({"prompt": "  "}, "a message is empty"),
        ({"prompt": "x", "truth": {"variabels": []}}, "truth.variabels"),
        ({"prompt": "x", "truth": {"variables": [{"name": "cat", "terms": []}]}}, "truth.variables.0.terms"),
        (
            {"prompt": "x", "truth": {"conflict": {"sides": ["a", "b"], "terms": [["a"], ["b"], ["c"]]}}},
            "as many lists",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any, why: str) -> None:
    path = jsonl(tmp_path, {"prompt": "fine"}, line)
    with pytest.raises(DataError) as caught:
        read_source(path, "safety")
    assert "own.jsonl, line 2" in caught.value.what
    assert why in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_source(tmp_path / "nowhere.txt", "safety")
    with pytest.raises(DataError, match="cannot be read"):
        read_source(tmp_path, "safety")
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_source(tmp_path / "latin.txt", "safety")
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no prompt"):
        read_source(tmp_path / "empty.txt", "safety")
