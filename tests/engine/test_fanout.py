from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.fanout import Quarantined, fanout
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context


def context(folder: Path, **more: Any) -> Context:
    return Context(config=None, inputs={}, out=folder, seed=1, emit=Emitter(lambda *_: None), **more)


ROWS = [{"id": str(number)} for number in range(50)]


def work(row: Row) -> Row:
    time.sleep(random.Random(row["id"]).random() / 500)
    return {**row, "done": True}


def test_the_order_and_the_bytes_do_not_depend_on_workers_or_interruptions(tmp_path: Path) -> None:
    fanout(context(tmp_path), ROWS, work, tmp_path / "one.jsonl")
    fanout(context(tmp_path), ROWS, work, tmp_path / "many.jsonl", workers=8)
    whole = (tmp_path / "one.jsonl").read_bytes()
    assert (tmp_path / "many.jsonl").read_bytes() == whole
    (tmp_path / "torn.jsonl").write_bytes(whole[:700])
    asked: list[str] = []

    def count(row: Row) -> Row:
        asked.append(row["id"])
        return work(row)

    fanout(context(tmp_path), ROWS, count, tmp_path / "torn.jsonl", workers=3)
    assert (tmp_path / "torn.jsonl").read_bytes() == whole
    assert len(asked) == 50 - whole[:700].count(b"\n")


def test_a_stop_keeps_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    with pytest.raises(StopRequested):
        fanout(context(tmp_path, stop_file=tmp_path / "stop"), ROWS, work, tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl").read_bytes().count(b"\n") == 1


def test_rows_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id":"7"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="does not begin with"):
        fanout(context(tmp_path), ROWS, work, tmp_path / "rows.jsonl")


def test_a_failing_row_raises_and_keeps_those_before_it(tmp_path: Path) -> None:
    def fail(row: Row) -> Row:
        if row["id"] == "5":
            raise ValueError("five")
        return row

    with pytest.raises(ValueError, match="five"):
        fanout(context(tmp_path), ROWS, fail, tmp_path / "rows.jsonl", workers=4)
    assert (tmp_path / "rows.jsonl").read_bytes().count(b"\n") == 5


def pick(row: Row) -> Row:
    """Every seventh row is blocked, every fifth invalid."""
    number = int(row["id"])
    if number % 7 == 0:
        raise Quarantined("blocked", "it is a seventh", f"text {number}")
    if number % 5 == 0:
        raise Quarantined("cut off", "it is a fifth")
    return work(row)


def test_what_cannot_be_used_is_kept_apart_and_counted(tmp_path: Path) -> None:
    counts = fanout(context(tmp_path), ROWS, pick, tmp_path / "rows.jsonl", workers=8)
    assert counts == {"asked": 50, "answered": 34, "cut_off": 8, "blocked": 8, "invalid": 0, "not_yet": 0}
    kept = list(read_rows(tmp_path / "quarantine.jsonl"))
    assert kept[1] == {"id": "5", "outcome": "cut off", "reason": "it is a fifth", "text": ""}
    assert {row["id"] for row in read_rows(tmp_path / "rows.jsonl")}.isdisjoint(row["id"] for row in kept)


@pytest.mark.parametrize("lines", [(0, 0), (0, 1), (3, 1), (3, 2), (12, 4)])
def test_it_goes_on_after_a_kill_with_both_files(tmp_path: Path, lines: tuple[int, int]) -> None:
    fanout(context(tmp_path), ROWS, pick, tmp_path / "rows.jsonl")
    whole = [(tmp_path / name).read_bytes() for name in ("rows.jsonl", "quarantine.jsonl")]
    kept = [row["id"] for row in read_rows(tmp_path / "quarantine.jsonl")][: lines[1]]
    # As a kill leaves them: all rows up to a point, each in its file, and a torn line.
    last = max(
        [*map(int, kept), *[number for number in range(50) if number % 7 and number % 5][: lines[0]]], default=-1
    )
    for name, data, test in zip(("rows.jsonl", "quarantine.jsonl"), whole, (False, True), strict=True):
        ids = [n for n in range(last + 1) if bool(n % 7 == 0 or n % 5 == 0) == test]
        (tmp_path / name).write_bytes(b"".join(data.splitlines(keepends=True)[: len(ids)]) + b'{"id":')
    counts = fanout(context(tmp_path), ROWS, pick, tmp_path / "rows.jsonl", workers=4)
    assert [(tmp_path / name).read_bytes() for name in ("rows.jsonl", "quarantine.jsonl")] == whole
    assert counts["answered"] == 34 and counts["not_yet"] == 0
