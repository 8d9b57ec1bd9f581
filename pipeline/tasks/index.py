"""An index over a rows file: SQLite with FTS5, so that a list of 100,000 traces opens, filters and searches at once.

Derived and never the truth: it lies in `data/index/`, and is made anew whenever the rows file is another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import Row
from pipeline.tasks.marks import key_of, state_of
from pipeline.tasks.rubric import DIMENSIONS

VERSION = 1
BATCH = 500
PLAIN = ("id", "prompt_id", "category", "type", "split", "finish", "contestant")
"""Columns as they stand in a row."""
SCORES = tuple(f"score_{name}" for name in DIMENSIONS)
SCHEMA = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE rows (place INTEGER PRIMARY KEY, start INTEGER, bytes INTEGER, key TEXT, opening TEXT,
  {", ".join(f"{name} TEXT" for name in PLAIN)}, sample INTEGER, reward REAL, spread REAL,
  {", ".join(f"{name} REAL" for name in SCORES)});
CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, detail=none, tokenize='unicode61');
INSERT INTO words (words, rank) VALUES ('hashsize', 67108864), ('pgsz', 16000), ('automerge', 0);
"""
INDEXES = "".join(f"CREATE INDEX by_{name} ON rows ({name});" for name in ("prompt_id", "key", "id"))
FAST = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
"""What is lost at a crash is a file that was never named."""
OPENING = 160
"""Letters of an answer that a list shows."""


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; what is empty does not narrow."""

    words: str = ""
    """Words that stand in prompt, thought or answer; one that ends in * is the beginning of a word."""
    part: str = ""
    """A text that stands there as it is, case ignored: found by reading the rows that the rest has left."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """Column of PLAIN -> value."""
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """A dimension, `reward` or `spread` -> lowest and highest value, both included."""
    mark: str = ""
    """accept, reject, edit, score, note, or `any`; `none` for rows that nobody has marked."""


class Index:
    """Opened on a rows file that is indexed; see `open_index`. One thread at a time."""

    def __init__(self, path: Path, rows: Path) -> None:
        self._rows = rows
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._file = rows.open("rb")

    def close(self) -> None:
        self._connection.close()
        self._file.close()

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT value FROM about WHERE name = 'count'").fetchone()[0])

    def find(self, narrowed: Filter, marked: Mapping[str, Sequence[Row]] | None = None) -> list[int]:
        """Places of the rows that fit, in the order of the file. `marked`: as `read_marks` gives it."""
        tests, values = _where(narrowed)
        if narrowed.mark:
            keys = [key for key, marks in (marked or {}).items() if _has(marks, narrowed.mark)]
            self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS marked (key TEXT PRIMARY KEY)")
            self._connection.execute("DELETE FROM marked")
            self._connection.executemany("INSERT OR IGNORE INTO marked VALUES (?)", [(key,) for key in keys])
            tests.append(f"key {'NOT ' * (narrowed.mark == 'none')}IN (SELECT key FROM marked)")
        statement = f"SELECT place FROM rows{' WHERE ' * bool(tests)}{' AND '.join(tests)} ORDER BY place"
        try:
            places = [place for (place,) in self._connection.execute(statement, values)]
        except sqlite3.OperationalError:
            return []  # words of punctuation alone hold no word
        if narrowed.part:
            wanted = narrowed.part.casefold()
            places = [place for place in places if wanted in text_of(self.row(place)).casefold()]
        return places

    def line(self, place: int) -> Row:
        """What a list shows of a row: the columns of the index."""
        cursor = self._connection.execute("SELECT * FROM rows WHERE place = ?", (place,))
        return dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))

    def row(self, place: int) -> Row:
        """The whole row, read from the file. Raises DataError where the file was changed meanwhile."""
        start, size = self._connection.execute("SELECT start, bytes FROM rows WHERE place = ?", (place,)).fetchone()
        self._file.seek(start)
        try:
            return dict(json.loads(self._file.read(size)))
        except ValueError:
            raise DataError(f"{self._rows} was changed while it was open.", "", "Open it again.") from None

    def of_prompt(self, prompt_id: str) -> list[int]:
        """Places of all rows of a prompt."""
        return [place for (place,) in self._connection.execute(
            "SELECT place FROM rows WHERE prompt_id = ? ORDER BY place", (prompt_id,))]  # fmt: skip

    def place_of(self, row_id: str) -> int | None:
        found = self._connection.execute("SELECT place FROM rows WHERE id = ?", (row_id,)).fetchone()
        return int(found[0]) if found else None

    def values(self, column: str) -> list[str]:
        """The values that a column of PLAIN has."""
        if column not in PLAIN:
            raise KeyError(column)
        query = f"SELECT DISTINCT {column} FROM rows WHERE {column} != '' ORDER BY {column}"
        return [value for (value,) in self._connection.execute(query)]


def index_path(root: Path, rows: Path) -> Path:
    name = hashlib.sha256(str(rows.resolve()).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return root / "data" / "index" / f"{rows.parent.name}-{name}.sqlite"


def open_index(
    root: Path,
    rows: Path,
    told: Callable[[int, int], None] = lambda _done, _of: None,
    stopped: Callable[[], bool] = bool,
) -> Index | None:
    """The index of a rows file, built first where there is none of this very file; None where `stopped` said so.

    `told` is given bytes done and bytes of the file. Raises DataError for a line that is no row, StageFailed where the
    index cannot be written.
    """
    path = index_path(root, rows)
    if not _fits(path, rows):
        try:
            if not _build(path, rows, told, stopped):
                return None
        except (OSError, sqlite3.Error) as error:
            mend = "Free some space, or make its folder writable."
            raise StageFailed(f"{path} cannot be written.", str(error), mend) from None
    return Index(path, rows)


def _stamp(rows: Path) -> str:
    state = rows.stat()
    return f"{VERSION}/{state.st_size}/{state.st_mtime_ns}"


def _fits(path: Path, rows: Path) -> bool:
    if not path.is_file():
        return False
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT value FROM about WHERE name = 'stamp'").fetchone()
        return bool(found) and found[0] == _stamp(rows)
    return False


def _build(path: Path, rows: Path, told: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
    """Under a name of this process's own, then renamed: a reader sees a whole index or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    stamp, total = _stamp(rows), max(1, rows.stat().st_size)
    marks = ", ".join("?" * (5 + len(PLAIN) + 3 + len(SCORES)))
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
            connection.executemany("INSERT INTO about VALUES (?, ?)", [("stamp", stamp), ("count", str(count))])
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
        scores, spread = row.get("scores") or {}, row.get("spread") or {}
        key = key_of(row) if "messages" in row else ""
        widest = max((value for value in spread.values() if value is not None), default=None)
        values = (
            place, start, len(line), key, _safe(str(row.get("answer", ""))[:OPENING]),
            *(_safe(str(row.get(name) or "")) for name in PLAIN), row.get("sample"), row.get("reward"), widest,
            *(scores.get(name) for name in DIMENSIONS),
        )  # fmt: skip
        return values, _safe(text_of(row))
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{rows}: row {place + 1} cannot be read.", str(error), "Mend or remove that line.") from None


def _safe(text: str) -> str:
    """SQLite takes no lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def text_of(row: Row) -> str:
    """What is searched in a row: the messages, thought and answer."""
    messages = row.get("messages")
    turns = [str(turn.get("content", "")) for turn in messages] if isinstance(messages, list) else []
    return "\n".join([*turns, str(row.get("thought", "")), str(row.get("answer", "")), str(row.get("id", ""))])


def _where(narrowed: Filter) -> tuple[list[str], list[Any]]:
    tests: list[str] = []
    values: list[Any] = []
    for column, value in narrowed.equal.items():
        if column not in PLAIN:
            raise KeyError(column)
        tests.append(f"{column} = ?")
        values.append(value)
    for name, (low, high) in narrowed.between.items():
        column = name if name in ("reward", "spread") else f"score_{name}"
        if column not in (*SCORES, "reward", "spread"):
            raise KeyError(name)
        tests.append(f"{column} BETWEEN ? AND ?")
        values += [low, high]
    if query := _query(narrowed.words):
        tests.append("place IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(query)
    return tests, values


def _query(words: str) -> str:
    """Words as FTS5 is asked for them: each quoted, so that none is taken for an operator; * stays at an end."""
    found = []
    for word in _safe(words).split():
        bare, star = word.rstrip("*"), "*" * word.endswith("*")
        if bare:
            found.append('"' + bare.replace('"', '""') + '"' + star)
    return " AND ".join(found)


def _has(marks: Sequence[Row], wanted: str) -> bool:
    if wanted in ("any", "none"):
        return bool(state_of(marks)) or any(mark["action"] == "note" for mark in marks)
    if wanted == "note":
        return any(mark["action"] == "note" for mark in marks)
    state = state_of(marks)
    return bool(state.get("scores")) if wanted == "score" else state.get("verdict") == wanted
