from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.errors import DataError
from pipeline.engine.rows import (
    RowWriter,
    content_hash,
    mend_torn_tail,
    read_json,
    read_rows,
    write_bytes,
    write_json,
    write_rows,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b'{"a":1}\n', b'{"a":1}\n'),
        (b'{"a":1}\n{"b', b'{"a":1}\n'),
        (b'{"torn', b""),
        (b'{"a":1}\n' + b"x" * 200_000, b'{"a":1}\n'),
        (b"x" * 70_000 + b"\n" + b"y" * 70_000, b"x" * 70_000 + b"\n"),
    ],
)
def test_torn_tail_is_cut(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(before)
    mend_torn_tail(path)
    assert path.read_bytes() == after


def test_writer_appends_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id":1}\n{"id":2')
    with RowWriter(path) as writer:
        writer.write({"id": 2, "text": "zwölf \u2028 \ud800"})
    assert [row["id"] for row in _read_loosely(path)] == [1, 2]


def _read_loosely(path: Path) -> list[dict[str, object]]:
    import json

    return [json.loads(line.decode("utf-8", "surrogatepass")) for line in path.read_bytes().split(b"\n") if line]


def test_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        list(read_rows(path))
    path.write_text('{"a": 1}\n\n[1]\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 3.*list"):
        list(read_rows(path))


def test_atomic_write_leaves_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(TypeError):
        write_bytes(path, "not bytes")  # type: ignore[arg-type]
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_rows_round_trip(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "a\nb"}, {"id": "2", "text": "ü"}]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert list(read_rows(tmp_path / "rows.jsonl")) == rows


def test_hash_knows_content_not_order() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})


def test_missing_and_broken_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not JSON"):
        read_json(tmp_path / "bad.json")
    (tmp_path / "deep.json").write_text("[" * 10**5, encoding="utf-8")
    for read in (read_json, lambda path: list(read_rows(path))):
        with pytest.raises(DataError, match="not JSON"):
            read(tmp_path / "deep.json")
