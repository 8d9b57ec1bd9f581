"""Conversations to prepare for the GPT track, from episodes, from traces and from files of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_rows
from pipeline.tasks.splitting import Unit


@dataclass(frozen=True)
class Dialogue:
    where: str
    messages: list[Mapping[str, Any]]
    unit: Unit
    language: str
    source: str
    payload: str = ""
    side: str = ""
    """train or heldout, where the row itself says so."""
    thought: bool = False
    """Whether it had a thought, for which there is no tag."""


def read_dialogues(path: Path) -> Iterator[Dialogue]:
    """Of an artifact of episodes or traces, or of a JSONL file whose rows have `messages`. Raises DataError for a row
    that is no conversation at all; whether the tags can write it is another question."""
    file = path if path.is_file() else path / "rows.jsonl"
    if not file.is_file():
        raise DataError(f"There is no {file}.", "", "Check the path.")
    for number, row in enumerate(read_rows(file), 1):
        said = row.get("messages")
        if not isinstance(said, list) or not all(isinstance(message, Mapping) for message in said):
            raise DataError(f"{file}, row {number}: it has no `messages`.", "", "Bring it in with the stage `ingest`.")
        yield _of_trace(row) if "answer" in row else _of_episode(row, f"{file.name}:{number}")


def _of_trace(row: Row) -> Dialogue:
    said = [*row["messages"], {"role": "assistant", "content": row["answer"]}]
    unit = Unit(f"prompt/{row.get('prompt_id', row.get('id'))}")
    thought = bool(str(row.get("thought") or "").strip())
    name = str(row.get("id", ""))
    return Dialogue(name, said, unit, "", "traces", side=str(row.get("split", "")), thought=thought)


def _of_episode(row: Row, where: str) -> Dialogue:
    """A fact stands apart with its prompt, all else with its payload, or, where none is named, with its answer."""
    said, payload = row["messages"], str(row.get("payload") or "")
    first, last = ("", "")
    for message in said:
        first = first or (str(message.get("content")) if message.get("role") == "user" else "")
        last = str(message.get("content")) if message.get("role") == "assistant" else last
    fact = str(row.get("fact") or "")
    key = f"question/{first}" if fact else f"payload/{payload}" if payload else f"answer/{last.casefold()}"
    source = str(row.get("source") or "file")
    return Dialogue(
        str(row.get("id", where)), said, Unit(key, fact), str(row.get("language") or ""), source,
        "" if fact else payload,
    )  # fmt: skip
