"""Files as people save them, for ingest: tables, encodings, and garbage told in one error."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from tests.stages.test_ingest import jsonl, make, messages, planned


def test_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Frage\tAntwort\tArt\nWas ist das?\tEin Haus.\tsafety\n", "utf-8")
    with pytest.raises(DataError, match="not recognised"):
        make(path)
    named = {"prompt_column": "frage", "answer_column": "Antwort", "category_column": "Art"}
    _, (row,), _ = make(path, **named)
    assert (row["messages"][0]["content"], row["answer"], row["category"]) == ("Was ist das?", "Ein Haus.", "safety")
    assert [level for level, _ in planned(path, **named)] == ["note"]


def test_tables_that_people_save(tmp_path: Path) -> None:
    wide = ",".join(f"c{i}" for i in range(200))
    (tmp_path / "wide.csv").write_text(f"prompt,answer,{wide}\nq,a,{wide}\n", "utf-8")
    summary, rows, _ = make(tmp_path / "wide.csv")
    assert len(rows) == 1 and len(summary["ignored"]) == 20
    text = 'prompt,answer\n"one\r\ntwo","three ""quoted"" \n four"\nfew\na,b,c\n\n"x"y,z\nlast,row\n'
    (tmp_path / "a.csv").write_text(text, "utf-8", newline="")
    summary, rows, _ = make(tmp_path / "a.csv")
    assert rows[0]["messages"][0]["content"] == "one\ntwo"
    assert rows[0]["answer"] == 'three "quoted" \n four'
    assert [row["source"] for row in rows] == ["a.csv:2", "a.csv:9"]
    assert summary["first"] == {"bad_columns": ["a.csv:5", "a.csv:6", "a.csv:8"]}
    (tmp_path / "open.csv").write_text('prompt,answer\nq,a\n"q,a\nq,a\nq,a\n', "utf-8")
    with pytest.raises(DataError, match="line 3: a quote"):
        make(tmp_path / "open.csv")
    (tmp_path / "twice.csv").write_text("prompt,answer,answer\nq,a,b\n", "utf-8")
    with pytest.raises(DataError, match="`answer` is there twice"):
        make(tmp_path / "twice.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(messages("Größe? " * 20, "Über 5 €"), ensure_ascii=False)
    (tmp_path / "a.jsonl").write_text(f"{text}\n", encoding)
    (tmp_path / "a.json").write_text(f"[\n{text}\n]", encoding)
    (tmp_path / "a.csv").write_text("prompt,answer\nWie groß ist das?,Über 5 €\n", encoding)
    for name in ("a.jsonl", "a.json", "a.csv"):
        summary, rows, _ = make(tmp_path / name)
        assert rows[0]["answer"] == "Über 5 €"
        assert summary["sources"][0]["encoding"] == encoding


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"PK\x03\x04rest", "ZIP"),
        ("a.json", b"\x1f\x8b\x08rest", "gzip"),
        ("a.jsonl", b"PAR1rest", "Parquet"),
        ("a.jsonl", bytes(range(256)) * 40, "no text file"),
        ("a.jsonl", b"", "not recognised"),
        ("a.csv", b"", "not recognised"),
        ("a.json", b'[{"messages": []}, {"messages": [}]', "line 1: not JSON"),
        ("a.json", b'[\n{"a": 1},\n{"a": 2},\n{"a"', "line 4: not JSON"),
        ("a.json", b"[" * 200_000, "not recognised"),
        ("a.json", b'{"a":' * 200_000, "not JSON"),
        ("a.jsonl", b"\xff\xfeabc", "is not utf-16 throughout"),
        ("a.jsonl", b'{"who": "knows"}\n', "has the fields: who"),
    ],
)
def test_garbage_is_told_in_one_error(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        make(tmp_path / name)
    ((level, _),) = planned(tmp_path / name)
    assert level == "fault"


def test_nuls_and_odd_bytes_spoil_only_their_own_row(tmp_path: Path) -> None:
    good = json.dumps(messages("good", "row")).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\0\0\0\n" + good + b"\n{\xff\xfe}\n\x80\n" + good.replace(b"row", b"two"))
    summary, rows, _ = make(tmp_path / "a.jsonl")
    assert [row["answer"] for row in rows] == ["row", "two"]
    assert summary["left_out"] == {"not_json": 1, "invalid_text": 2}
    (tmp_path / "b.csv").write_bytes(b"prompt,answer\nq\xff,a\nq\0,a\ngood,row\n")
    summary, rows, _ = make(tmp_path / "b.csv")
    assert [row["answer"] for row in rows] == ["row"] and summary["left_out"] == {"invalid_text": 2}


def test_a_line_beyond_all_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tasks.ingest.source.LONGEST", 1000)
    path = jsonl(tmp_path / "a.jsonl", messages("one", "a"), messages("x" * 5000, "b"), messages("two", "c"))
    summary, rows, _ = make(path)
    assert [row["source"] for row in rows] == ["a.jsonl:1", "a.jsonl:3"]
    assert summary["first"] == {"too_long": ["a.jsonl:2"]}
    (tmp_path / "c.csv").write_text(f"prompt,answer\nq,{'x' * 5000}\nlast,row\n", "utf-8")
    _, rows, _ = make(tmp_path / "c.csv")
    assert [row["answer"] for row in rows][-1] == "row", "the table is read on behind it"
    (tmp_path / "b.csv").write_text(f'prompt,answer\nq,"{"x" * 5000}"\n', "utf-8")
    with pytest.raises(DataError, match="line 2"):
        make(tmp_path / "b.csv")


def test_a_json_value_over_many_lines_and_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tasks.ingest.source._CHUNK", 7)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([messages(f"q{i} ⟨ü⟩", f"a{i}") for i in range(30)], indent=1), "utf-8")
    _, rows, _ = make(path)
    assert [row["answer"] for row in rows] == [f"a{i}" for i in range(30)]
    lines = path.read_text("utf-8").split("\n")
    assert all(lines[int(row["source"].split(":")[1]) - 1].strip() == "{" for row in rows)


def test_no_json_whatever_it_holds_breaks_a_reader(tmp_path: Path) -> None:
    random = Random(5)
    words = ["messages", "conversations", "role", "content", "from", "value", "user", "human", "assistant", "gpt",
             "system", "instruction", "output", "input", "history", "prompt", "answer", "type", "text", "weight",
             "tools", "category", "split", "problem", "prompt_id", "finish", "id", "thought", "<think>",
             "</think>"]  # fmt: skip

    def value(depth: int) -> Any:
        kind = random.randrange(8 if depth else 5)
        if kind < 3:
            return random.choice(words)
        if kind < 5:
            return random.choice([None, True, 0, -1.5, 10**30, "", "\ud800", "\0"])
        if kind == 5:
            return [value(depth - 1) for _ in range(random.randrange(4))]
        return {random.choice(words): value(depth - 1) for _ in range(random.randrange(6))}

    rows = [{random.choice(words): value(4) for _ in range(8)} for _ in range(3000)]
    for format, good in GOOD.items():
        summary, _, _ = make(jsonl(tmp_path / "a.jsonl", good, *rows), format=format)
        assert summary["traces"] + sum(summary["left_out"].values()) == 3001


GOOD: dict[str, Any] = {
    "traces": {"id": "a/0", "prompt_id": "a", "category": "safety", "split": "train", "type": "chosen", "sample": 0,
               "messages": [{"role": "user", "content": "q"}], "thought": "", "answer": "a", "finish": "stop",
               "provider": "", "model": ""},
    "openai": messages("a", "b"),
    "sharegpt": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    "alpaca": {"instruction": "a", "output": "b"},
    "csv": {"prompt": "a", "answer": "b"},
}  # fmt: skip
