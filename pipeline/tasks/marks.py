"""Marks that a person gives a trace or a prompt: append-only, keyed by the text that was marked.

The last word counts. A stage that honours marks has them in its fingerprint: marking and running again retrains.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import Row, RowWriter, content_hash, read_rows
from pipeline.engine.stage import Inputs, Marks
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import split_thought

ACTIONS = ("accept", "reject", "edit", "score", "note", "clear")
"""accept, reject and edit are one verdict; a score is kept by dimension; a note only shows; clear takes back all."""
State = Row
"""What the marks of one row come to: `verdict` (accept, reject, edit), `text` of an edit, `scores`; {} for nothing."""


def key_of(row: Row) -> str:
    """Hash of prompt and answer, so that a mark outlives a rebuild of the artifact and never fits another answer.

    A row of prompts has no answer: it is keyed by an empty one.
    """
    return content_hash(
        {"messages": row["messages"], "thought": row.get("thought", ""), "answer": row.get("answer", "")}
    )


def make_mark(row: Row, action: str, value: str) -> Row:
    """A mark ready to be kept: key, id, kind, action, value, t. Raises ConfigError for what no mark can be."""
    kind = "trace" if "answer" in row else "prompt"
    if action not in ACTIONS:
        raise ConfigError(f"There is no mark `{action}`{nearest(action, ACTIONS)}", f"Marks: {', '.join(ACTIONS)}.", "")
    if action in ("edit", "note") and not value.strip():
        raise ConfigError(f"`{action}` needs a text.", "", f"Write: mark ARTIFACT ID {action} TEXT")
    if action in ("accept", "reject", "clear") and value:
        raise ConfigError(f"`{action}` takes no value.", "", "Use `note` for a remark.")
    if action == "score" and kind == "prompt":
        raise ConfigError("A prompt has no scores.", "", "Mark one of its traces.")
    if action == "edit" and kind == "trace" and not split_thought(value)[1]:
        raise ConfigError("The edit has no answer.", "Its think block takes up all of it.", "Write what follows it.")
    return {
        "key": key_of(row),
        "id": row["id"],
        "kind": kind,
        "action": action,
        "value": _score(value) if action == "score" else value,
        "t": round(time.time(), 3),
    }


def without_effect(row: Row, action: str) -> str:
    """Why a mark on this row changes no training, or nothing where it does."""
    if action in ("note", "clear"):
        return ""
    if "contestant" in row or "set" in row:
        return "this is an answer of an evaluation, which nothing learns from."
    if row.get("split", "train") != "train":
        return "the row is held out."
    if action == "accept" and row.get("finish", "stop") != "stop":
        return "the answer did not come to its end. `edit` with the whole text has it learnt."
    return ""


def _score(value: str) -> Row:
    dimension, equals, text = value.partition("=")
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not equals or not _is_score(dimension, score):
        raise ConfigError(
            f"`{value}` is no score{nearest(dimension, DIMENSIONS)}",
            "",
            "Write dimension=number, the number from 0 to 1.",
        )
    return {dimension: score}


def _is_score(dimension: str, score: Any) -> bool:
    return dimension in DIMENSIONS and isinstance(score, int | float) and 0 <= score <= 1


def keep_mark(root: Path, mark: Row) -> None:
    """Append to `data/marks/marks.jsonl`."""
    folder = root / "data" / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    with RowWriter(folder / "marks.jsonl") as writer:
        writer.write(mark)


def read_marks(root: Path) -> dict[str, list[Row]]:
    """Key -> marks, oldest first. Raises DataError for a line that is no mark."""
    return _read(_files(root))


def state_of(marks: Iterable[Row]) -> State:
    """What the marks of one row, oldest first, come to. `note` does not count."""
    state: State = {}
    for mark in marks:
        match mark["action"]:
            case "clear":
                state = {}
            case "accept" | "reject":
                state = {"verdict": mark["action"], "scores": state.get("scores", {})}
            case "edit":
                state = {"verdict": "edit", "text": mark["value"], "scores": state.get("scores", {})}
            case "score":
                state = {**state, "scores": {**state.get("scores", {}), **mark["value"]}}
    return {name: value for name, value in state.items() if value}


def notes_of(marks: Iterable[Row]) -> list[str]:
    """The notes of one row, oldest first: those that no `clear` has taken back."""
    notes: list[str] = []
    for mark in marks:
        if mark["action"] == "clear":
            notes = []
        elif mark["action"] == "note":
            notes.append(mark["value"])
    return notes


def restating(marks: Iterable[Row]) -> list[tuple[str, str]]:
    """(action, value) of the marks that say the same once more after a `clear`."""
    marks = list(marks)
    state = state_of(marks)
    said = [("score", f"{name}={value}") for name, value in state.get("scores", {}).items()]
    said += [(state["verdict"], state.get("text", ""))] if "verdict" in state else []
    return said + [("note", note) for note in notes_of(marks)]


def honoured(name: str) -> Callable[[Path, Inputs], Marks]:
    """For `Stage.marks`: those on the rows of one input. Held-out rows are not trained on, so theirs do not count."""

    def find(root: Path, inputs: Inputs) -> Marks:
        rows = inputs[name] / "rows.jsonl" if name in inputs else None
        if rows is None or not rows.is_file():
            return Marks()
        found, unmatched = _match(_stamp(rows), _files(root))
        return Marks({name: found} if found else {}, unmatched)

    return find


Stamp = tuple[Path, int, int]
"""A file, its time (ns) and size: while these stay, so does what was read from it."""


def _stamp(path: Path) -> Stamp:
    state = path.stat()
    return path, state.st_mtime_ns, state.st_size


def _files(root: Path) -> tuple[Stamp, ...]:
    return tuple(_stamp(path) for path in sorted((root / "data" / "marks").glob("*.jsonl")))


@lru_cache(maxsize=4)
def _read(files: tuple[Stamp, ...]) -> dict[str, list[Row]]:
    marks: dict[str, list[Row]] = {}
    for path, _, _ in files:
        for mark in read_rows(path):
            if not _is_mark(mark):
                raise DataError(f"{path} holds what is no mark: {mark}.", "", "Mend or remove that line.")
            marks.setdefault(mark["key"], []).append(mark)
    return {key: sorted(some, key=lambda mark: mark["t"]) for key, some in marks.items()}


def _is_mark(mark: Row) -> bool:
    if not {"key", "id", "action", "value", "t"} <= mark.keys() or mark["action"] not in ACTIONS:
        return False
    if mark["action"] == "score":
        return isinstance(mark["value"], dict) and all(_is_score(*pair) for pair in mark["value"].items())
    return isinstance(mark["value"], str)


@lru_cache(maxsize=32)
def _match(rows: Stamp, files: tuple[Stamp, ...]) -> tuple[dict[str, State], dict[str, str]]:
    """Key -> state of the marks on training rows, and key -> id of those on rows that are not there."""
    states = {key: (state_of(marks), marks[-1]) for key, marks in _read(files).items()}
    waiting = {key: (state, mark) for key, (state, mark) in states.items() if state}
    if not waiting:
        return {}, {}
    found: dict[str, State] = {}
    kind = "trace"
    for row in read_rows(rows[0]):
        kind = "trace" if "answer" in row else "prompt"
        key = key_of(row)
        if key in states and row.get("split", "train") == "train":
            found[key] = states[key][0]
        waiting.pop(key, None)
    found = {key: state for key, state in found.items() if state and not _is_idle(kind, state)}
    return found, {key: str(mark["id"]) for key, (_, mark) in waiting.items() if mark.get("kind", "trace") == kind}


def _is_idle(kind: str, state: State) -> bool:
    """An accepted prompt is one like any other: the mark only takes an earlier one back."""
    return kind == "prompt" and state.get("verdict") == "accept"
