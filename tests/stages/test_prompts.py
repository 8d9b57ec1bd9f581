"""The prompts stage: from the bank and from a file, whole or not at all, and what `plan` says of its settings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages.prompts import STAGE, Config


def make(out: Path, seed: int = 7, **settings: Any) -> tuple[dict[str, Any], list[Row], list[tuple[str, Row]]]:
    events: list[tuple[str, Row]] = []
    out.mkdir(exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    summary = STAGE.run(Context(config=Config(**settings), inputs={}, out=out, seed=seed, emit=emit))
    return summary, list(read_rows(out / "rows.jsonl")), events


def planned(tmp_path: Path, **settings: Any) -> list[tuple[str, str]]:
    context = PlanContext(config=Config(**settings), inputs={}, seed=7, root=tmp_path)
    return [(finding.level, finding.text) for finding in STAGE.plan(context)]


def test_the_bank_at_its_default_size(tmp_path: Path) -> None:
    summary, rows, events = make(tmp_path / "a")
    assert summary["prompts"] == len(rows) == 500
    assert summary["categories"] == {
        "safety": 100,
        "complexity": 150,
        "dialogue": 100,
        "conflict": 100,
        "calibration": 50,
    }
    assert summary["heldout"] == 100
    assert summary["train"] == 400
    assert summary["themes"] >= 60
    heldout = Counter(row["category"] for row in rows if row["split"] == "heldout")
    assert heldout == {"safety": 20, "complexity": 30, "dialogue": 20, "conflict": 20, "calibration": 10}
    assert len({row["id"] for row in rows}) == len({row["problem"] for row in rows}) == 500
    assert ("progress", {"done": 500, "total": 500, "unit": "prompts"}) in events


def test_same_seed_same_bytes_even_over_what_was_left_there(tmp_path: Path) -> None:
    make(tmp_path / "a", safety=5)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "rows.jsonl").write_text('{"id": "torn', encoding="utf-8")
    make(tmp_path / "b", safety=5)
    make(tmp_path / "c", safety=5, seed=8)
    same, again, other = ((tmp_path / name / "rows.jsonl").read_bytes() for name in "abc")
    assert same == again != other


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    rows = [f'{{"prompt": "question {i % 40}", "problem": "p{i % 40 // 4}", "note": 1}}\n' for i in range(50)]
    path.write_text("".join(rows), encoding="utf-8")
    summary, rows_made, events = make(tmp_path / "out", source=path, category="conflict", heldout=0.3)
    assert summary["prompts"] == len(rows_made) == 40
    assert summary["duplicates"] == 10
    assert summary["categories"] == {"conflict": 40}
    assert summary["heldout"] == 12
    train = {row["problem"] for row in rows_made if row["split"] == "train"}
    assert train.isdisjoint({row["problem"] for row in rows_made if row["split"] == "heldout"})
    alerts = [data["text"] for kind, data in events if kind == "alert"]
    assert any("10 prompts" in text for text in alerts)
    assert any("note" in text for text in alerts)


def test_what_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No prompts"):
        make(tmp_path / "a", safety=0, complexity=0, dialogue=0, conflict=0, calibration=0)
    with pytest.raises(DataError, match="missing"):
        make(tmp_path / "b", source=tmp_path / "nowhere.txt")
    assert not (tmp_path / "b" / "rows.jsonl").exists()


def test_plan_names_settings_without_effect(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("hello\n", encoding="utf-8")
    assert planned(tmp_path) == []
    assert planned(tmp_path, source=path) == []
    assert planned(tmp_path, source=path, safety=3) == [("warning", "safety: counts have no effect beside `source`.")]
    assert planned(tmp_path, category="safety") == [("warning", "`category` has no effect without `source`.")]
    assert [level for level, _ in planned(tmp_path, source=tmp_path / "nowhere.txt")] == ["fault"]
