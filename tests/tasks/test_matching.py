"""Rows by --where, --search and --mark: with an index and without one the answer is that of reading every row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, write_rows
from pipeline.tasks.index import open_index, ready_index
from pipeline.tasks.marks import keep_mark, make_mark
from pipeline.tasks.matching import matching
from pipeline.tasks.where import compile_where
from tests.tui.traced import poisoned, trace

ODD = [
    trace(90, scores=None, spread=[1], reward="high"), trace(91, "Straße, KELVIN \u212a and 漢字", reward=1e-5),
    trace(92, "a slash / and \\ and \"quoted\" \t", scores={"helpfulness": True}), trace(93, reward=None, category=""),
    trace(94, "plain", reward=1e-5),
]  # fmt: skip
ROWS = [*(trace(number) for number in range(40)), *ODD, *poisoned()[-50:]]
WHERES = (
    "", "category=conflict", "category='' or type=chosen", "judge.helpfulness<0.4 and category='conflict'",
    "judge.helpfulness<=0.4 and judge.helpfulness>=0.4", "not category=safety", "reward>0.3 and spread<0.35",
    "spread>=0.1", "sample=1 and type!=chosen", "category=conflict and category=safety", "id='p3/1'", "reward!=0.1",
    "(type=chosen and split=train) and (reward>0.5 or category=safety)", "answer~'Answer 3'", "finish=stop",
    "reward~0.1",
)  # fmt: skip
SEARCHES = ("", "answer", "ANSWER 3", "p3/1", "0.1", "1e-05", "strasse", "\\n", "/", '"id":', "[inst]", "漢", "e",
            "thinking of", "\u212a", "because 7", "nowhere-at-all")  # fmt: skip


def read(rows: list[Row], where: str, search: str) -> list[Row]:
    """Every row read and tried, as it was before there was an index."""
    test, words = compile_where(where), search.casefold().split()
    return [row for row in rows
            if all(word in json.dumps(row, ensure_ascii=False).casefold() for word in words) and test(row)]  # fmt: skip


def test_the_answer_is_the_same_with_the_index_and_without(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, ROWS)
    path.write_bytes(path.read_bytes().replace(b"1e-05", b"0.00001"))  # as another program may write it
    wanted = {(where, search): read(ROWS, where, search) for where in WHERES for search in SEARCHES}
    assert ready_index(tmp_path, path) is None
    for (where, search), rows in wanted.items():
        assert list(matching(tmp_path, path, where, search)) == rows, (where, search)
    index = open_index(tmp_path, path)
    assert index
    index.close()
    ready = ready_index(tmp_path, path)
    assert ready is not None
    ready.__exit__()
    for (where, search), rows in wanted.items():
        assert list(matching(tmp_path, path, where, search)) == rows, (where, search)
    assert sum(bool(rows) for rows in wanted.values()) > 100


def test_marks(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, ROWS[:4])
    keep_mark(tmp_path, make_mark(ROWS[1], "reject", ""))
    keep_mark(tmp_path, make_mark(ROWS[2], "note", "so"))

    def ids(mark: str) -> list[str]:
        return [row["id"] for row in matching(tmp_path, path, mark=mark)]

    assert ids("reject") == ["p0/1"] and ids("any") == ["p0/1", "p0/2"] and ids("none") == ["p0/0", "p1/0"]
    with pytest.raises(ConfigError, match="no mark `rejct`"):
        matching(tmp_path, path, mark="rejct")


def test_what_is_no_row_is_told_and_a_damaged_index_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, ROWS[:4])
    index = open_index(tmp_path, path)
    assert index
    index.close()
    (file,) = (tmp_path / "data" / "index").iterdir()
    file.write_bytes(file.read_bytes()[:4096])
    assert [row["id"] for row in matching(tmp_path, path, "type=chosen")] == ["p0/2"]
    path.write_text("7\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        list(matching(tmp_path, path, "type=chosen"))
