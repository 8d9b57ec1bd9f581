"""Chats on disk: an answer kept as a trace that `ingest` reads, and earlier chats read again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import Row, dump, mend_torn_tail, read_rows

KEPT = "kept.jsonl"
MOST = 300
"""Chats that are listed."""


def chats(root: Path) -> Path:
    return root / "data" / "chats"


def row_of(turns: Sequence[tuple[str, str, str]], settings: Mapping[str, Any], model: str) -> Row:
    """The conversation up to an answer, as OpenAI's messages; `turns`: what was asked, thought and answered.

    Only the last answer is to be learnt: those before it have `weight` 0. A raw message stands alone.
    """
    seen = turns[-1:] if settings.get("raw") else turns
    messages: list[Row] = []
    if settings.get("system") and not settings.get("raw"):
        messages.append({"role": "system", "content": settings["system"]})
    for place, (asked, thought, answer) in enumerate(seen, 1):
        said: Row = {"role": "assistant", "content": answer.strip()}
        if thought.strip():
            said["reasoning_content"] = thought.strip()
        if place < len(seen):
            said["weight"] = 0
        messages += [{"role": "user", "content": asked}, said]
    return {"messages": messages, "model": model}


def keep(root: Path, row: Row) -> Path:
    """Add a row to data/chats/kept.jsonl. Raises OSError."""
    path = chats(root) / KEPT
    path.parent.mkdir(parents=True, exist_ok=True)
    mend_torn_tail(path)
    with path.open("a", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        file.write(dump(row) + "\n")
    return path


def free(root: Path, letter: str) -> Path:
    """A name for a transcript that nothing has yet, by the time."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{letter}"
    names = (chats(root) / f"{stem}{number or ''}.jsonl" for number in itertools.count())
    return next(path for path in names if not path.exists())


def history(root: Path) -> dict[str, Path]:
    """The chats on disk, the newest first: when, with whom and how it began."""
    found: dict[str, Path] = {}
    for path in sorted(chats(root).glob("*.jsonl"), reverse=True)[:MOST]:
        try:
            row = next(read_rows(path), {})
        except (PipelineError, OSError):
            row = {}
        said = row.get("messages")
        turns = [turn for turn in said if isinstance(turn, dict)] if isinstance(said, list) else []
        began = next((turn.get("content") for turn in turns if turn.get("role") == "user"), "")
        found[f"{path.stem}  {str(row.get('model') or '')[:30]}  {str(began)[:60]}".rstrip()] = path
    return found


def as_text(path: Path) -> str:
    """A chat to read. Raises DataError and OSError."""
    parts = []
    for row in read_rows(path):
        parts.append(f"── {row.get('model', '')}")
        turns = row.get("messages")
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, dict):
                thought = f"[thought] {turn['reasoning_content']}\n" if turn.get("reasoning_content") else ""
                parts.append(f"{turn.get('role', '')}:\n{thought}{turn.get('content', '')}")
    return "\n\n".join(parts)
