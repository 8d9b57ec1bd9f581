"""Marks that a person gives a trace: accept, reject, edit, score, note. Append-only, keyed by what was marked."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import Row, RowWriter, content_hash, read_rows
from pipeline.tasks.rubric import DIMENSIONS

ACTIONS = ("accept", "reject", "edit", "score", "note")


def key_of(row: Row) -> str:
    """Hash of prompt and answer, so that a mark outlives a rebuild of the artifact and never fits another answer."""
    return content_hash({"messages": row["messages"], "thought": row["thought"], "answer": row["answer"]})


def make_mark(row: Row, action: str, value: str) -> Row:
    """A mark ready to be kept: key, id, action, value, t. Raises ConfigError for what no mark can be."""
    if action not in ACTIONS:
        raise ConfigError(f"There is no mark `{action}`{nearest(action, ACTIONS)}", f"Marks: {', '.join(ACTIONS)}.", "")
    if action in ("edit", "note") and not value:
        raise ConfigError(f"`{action}` needs a text.", "", f"Write: mark ARTIFACT ID {action} TEXT")
    if action in ("accept", "reject") and value:
        raise ConfigError(f"`{action}` takes no value.", "", "Use `note` for a remark.")
    return {
        "key": key_of(row),
        "id": row["id"],
        "action": action,
        "value": _score(value) if action == "score" else value,
        "t": round(time.time(), 3),
    }


def _score(value: str) -> Row:
    dimension, equals, text = value.partition("=")
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not equals or dimension not in DIMENSIONS or not 0 <= score <= 1:
        raise ConfigError(
            f"`{value}` is no score{nearest(dimension, DIMENSIONS)}",
            "",
            "Write dimension=number, the number from 0 to 1.",
        )
    return {dimension: score}


def keep_mark(root: Path, mark: Row) -> None:
    """Append to `data/marks/marks.jsonl`."""
    folder = root / "data" / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    with RowWriter(folder / "marks.jsonl") as writer:
        writer.write(mark)


def read_marks(root: Path) -> dict[str, list[Row]]:
    """Key -> marks, oldest first."""
    marks: dict[str, list[Row]] = {}
    for path in sorted((root / "data" / "marks").glob("*.jsonl")):
        for mark in read_rows(path):
            marks.setdefault(mark["key"], []).append(mark)
    return marks
