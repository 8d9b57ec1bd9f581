"""Makes the index of a rows file: a table of what a list shows and filters, and the words of every row by FTS5.

One thread does both parsing and SQLite: two would hand Python's lock to and fro at every row, and be slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.marks import key_of

VERSION = 3
BATCH = 500
PLAIN = ("id", "prompt_id", "category", "type", "split", "finish", "provider", "model", "contestant")
"""Columns as they stand in a row."""
FIGURES = ("sample", "reward", "spread")
"""`spread`: the widest of a row, over its dimensions."""
SCORES = tuple(f"score_{name}" for name in DIMENSIONS)
OPENING = 160
"""Letters of an answer that a list shows."""
COLUMNS = ("place", "start", "bytes", "key", "opening", *PLAIN, *FIGURES, *SCORES)
SCHEMA = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE rows (place INTEGER PRIMARY KEY, start INTEGER, bytes INTEGER, key TEXT, opening TEXT,
  {", ".join(f"{name} TEXT" for name in PLAIN)}, {", ".join(f"{name} REAL" for name in (*FIGURES, *SCORES))});
CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, detail=none, tokenize='unicode61');
INSERT INTO words (words, rank) VALUES ('hashsize', 67108864), ('pgsz', 16000), ('automerge', 0);
"""
INDEXES = "".join(f"CREATE INDEX by_{name} ON rows ({name});" for name in ("prompt_id", "key", "id"))
FAST = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
"""What is lost at a crash is a file that was never named."""
BETWEEN = "\x1f"
"""Stands between the texts of a row where they are searched, so that no match goes from one into the next."""
SAMPLED = 65_536
"""Bytes at either end of a rows file that are part of its stamp."""
_LONE = re.compile("[\ud800-\udfff]")


def stamp(rows: Path) -> str:
    """Tells one rows file from another at once: its size, its time and a hash of its two ends. Raises OSError."""
    state = rows.stat()
    with rows.open("rb") as file:
        ends = file.read(SAMPLED)
        file.seek(max(0, state.st_size - SAMPLED))
        ends += file.read(SAMPLED)
    return f"{VERSION}/{state.st_size}/{state.st_mtime_ns}/{hashlib.sha256(ends).hexdigest()}"


def fits(path: Path, rows: Path) -> bool:
    """Whether a file is the index of this rows file as it is now."""
    if not path.is_file():
        return False
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT value FROM about WHERE name = 'stamp'").fetchone()
        return bool(found) and found[0] == stamp(rows)
    return False


def build(path: Path, rows: Path, told: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
    """Write the index under a name of this process's own, then rename it: a reader sees a whole one or none.

    False where `stopped` said so. Raises DataError for a line that is no row, OSError, sqlite3.Error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    made_of, total = stamp(rows), max(1, rows.stat().st_size)
    marks = ", ".join("?" * len(COLUMNS))
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
            connection.executescript(FAST + SCHEMA)
            connection.execute("BEGIN")
            count = 0
            for batch in _batches(rows):
                if stopped():
                    return False
                connection.executemany(f"INSERT INTO rows VALUES ({marks})", [values for values, _ in batch])
                texts = [(values[0], text) for values, text in batch]
                connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", texts)
                count += len(batch)
                told(batch[-1][0][1] + batch[-1][0][2], total)
            connection.executemany("INSERT INTO about VALUES (?, ?)", [("stamp", made_of), ("count", str(count))])
            connection.execute("COMMIT")
            connection.executescript(INDEXES)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True


def _batches(rows: Path) -> Iterator[list[tuple[tuple[Any, ...], str]]]:
    batch: list[tuple[tuple[Any, ...], str]] = []
    start, place = 0, 0
    with rows.open("rb") as file:
        for line in file:
            if line.strip():
                batch.append(_entry(rows, place, start, line))
                place += 1
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            start += len(line)
    if batch:
        yield batch


def _entry(rows: Path, place: int, start: int, line: bytes) -> tuple[tuple[Any, ...], str]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("a JSON object was expected")
    except ValueError as error:
        raise DataError(f"{rows}: row {place + 1} cannot be read.", str(error), "Mend or remove that line.") from None
    scores = mapping(row.get("scores"))
    values = (
        place, start, len(line), key_of(row) if "messages" in row else "", safe(str(row.get("answer", ""))[:OPENING]),
        *(safe(str(row.get(name) or "")) for name in PLAIN), number(row.get("sample")), number(row.get("reward")),
        widest(row), *(number(scores.get(name)) for name in DIMENSIONS),
    )  # fmt: skip
    return values, safe(text_of(row))


def widest(row: Row) -> float | None:
    """The largest spread of a judge's samples, over the dimensions; None where there was one sample."""
    spread = map(number, mapping(row.get("spread")).values())
    return max((value for value in spread if value is not None), default=None)


def mapping(value: Any) -> Row:
    """What should be an object, and an empty one where it is not."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """What should be a number; None where it is none, or no finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return None
    return None if math.isnan(value) else float(value)


def safe(text: str) -> str:
    """SQLite takes no lone surrogates: each is kept as the glyph that it is shown as."""
    return _LONE.sub(lambda found: safe_text(found[0]), text)


def text_of(row: Row) -> str:
    """What is searched in a row: the messages, thought, answer and id."""
    messages = row.get("messages")
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    told = [turn.get("content", "") for turn in turns]
    return BETWEEN.join(str(part) for part in (*told, row.get("thought", ""), row.get("answer", ""), row.get("id", "")))
