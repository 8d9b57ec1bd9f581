"""An index over a rows file: SQLite with FTS5, so that a list of 100,000 traces opens, filters and searches at once.

Derived and never the truth: it lies in `data/index/`, and is made anew whenever the rows file is another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import Row, dump
from pipeline.tasks.filter import MARKS as MARKS
from pipeline.tasks.filter import Filter as Filter
from pipeline.tasks.filter import has_mark as has_mark
from pipeline.tasks.filter import terms, where
from pipeline.tasks.indexing import COLUMNS, build, fits, safe, text_of
from pipeline.tasks.indexing import PLAIN as PLAIN
from pipeline.tasks.indexing import mapping as mapping
from pipeline.tasks.indexing import number as number

STEP, ROWS = 20_000, 1_000
"""Instructions of SQLite, and rows of a scan, between two looks at whether the search is still wanted."""
NEWS = 0.1
"""Seconds of a scan between two tellings of what it has found so far."""


class Index:
    """Opened on a rows file that is indexed; see `open_index`. For a long search in a thread take `again()`.

    What it is asked raises DataError where index or rows file are damaged or were changed meanwhile.
    """

    def __init__(self, path: Path, rows: Path) -> None:
        self._path, self._rows = path, rows
        try:  # read only: connecting must not make a file
            name = f"{path.resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(name, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise DataError(f"{path} cannot be opened.", str(error), "Open it again; it is made anew.") from None
        self._file = rows.open("rb", buffering=0)
        self._state = _state(rows)
        self._reading = threading.Lock()
        self._count = int(self._asked("SELECT value FROM about WHERE name = 'count'")[0][0])

    def close(self) -> None:
        self._connection.close()
        self._file.close()

    def again(self) -> contextlib.closing[Index]:
        """The same index opened once more, so that one thread does not wait for another."""
        return contextlib.closing(Index(self._path, self._rows))

    def __len__(self) -> int:
        return self._count

    def find(
        self,
        narrowed: Filter,
        marked: Mapping[str, Sequence[Row]] | None = None,
        stopped: Callable[[], bool] = bool,
        told: Callable[[list[int]], None] = lambda _found: None,
    ) -> list[int]:
        """Places of the rows that fit, in the order of the file; [] where `stopped` said so.

        `marked`: as `read_marks` gives it. `told` is given the first of them while more are looked for. Raises KeyError
        for a column that there is not.
        """
        words, parts = terms(narrowed)
        found = self._spans(narrowed, words, marked or {}, stopped)
        places = self._scanned(found, parts, stopped, told) if parts else [place for place, _, _ in found]
        return [] if stopped() else places

    def lines(self, narrowed: Filter) -> Iterator[bytes]:
        """The lines of the rows that columns and words leave, as they stand in the file; `parts` are not looked at."""
        spans = list(self._spans(narrowed, terms(narrowed)[0], {}, bool))
        self._unchanged()
        return (line for _, line in self._lines(spans))

    def _spans(
        self, narrowed: Filter, words: str, marked: Mapping[str, Sequence[Row]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, int, int]]:
        """(place, start, bytes) of each row, as SQLite comes upon them."""
        tests, values = where(narrowed, words)
        if narrowed.mark:
            keys = [key for key, marks in marked.items() if has_mark(marks, narrowed.mark)]
            tests.append(f"key {'NOT ' * (narrowed.mark == 'none')}IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(keys))
        statement = f"SELECT place, start, bytes FROM rows{' WHERE ' * bool(tests)}{' AND '.join(tests)} ORDER BY place"
        self._connection.set_progress_handler(lambda: stopped(), STEP)
        try:
            yield from self._each(statement, values)
        except DataError:
            if not stopped():
                raise
        finally:
            self._connection.set_progress_handler(None, 0)

    def _scanned(
        self,
        spans: Iterable[tuple[int, int, int]],
        parts: Sequence[str],
        stopped: Callable[[], bool],
        told: Callable[[list[int]], None],
    ) -> list[int]:
        """Those that hold every part. The line as it stands rules most out; what is left is read to be sure."""
        self._unchanged()
        wanted = [part.casefold() for part in parts]
        raw = [dump(part)[1:-1].casefold().encode("utf-8", "surrogatepass") for part in parts]
        simple = all(part.isascii() for part in raw)
        found: list[int] = []
        known, due = 0, 0.0
        for read, (place, line) in enumerate(self._lines(spans)):
            if read % ROWS == 0:
                if stopped():
                    return []
                if len(found) > known and time.monotonic() >= due:
                    told(found[:])
                    known, due = len(found), time.monotonic() + NEWS
            if simple and line.isascii() and b"\\u" not in line and b"\\/" not in line:
                low = line.lower()
                if not all(part in low for part in raw):
                    continue
            text = text_of(self.parsed(line)).casefold()
            if all(part in text for part in wanted):
                found.append(place)
        return found

    def _lines(self, spans: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, bytes]]:
        with self._rows.open("rb") as file:
            here = 0
            for place, start, size in spans:
                if here != start:
                    file.seek(start)
                here = start + size
                yield place, file.read(size)

    def line(self, place: int) -> Row:
        """What a list shows of a row: the columns of the index."""
        found = self._asked("SELECT * FROM rows WHERE place = ?", [place])
        if not found:
            raise self._changed()
        return dict(zip(COLUMNS, found[0], strict=True))

    def row(self, place: int) -> Row:
        """The whole row, read from the file."""
        return self.parsed(self.raw(place))

    def raw(self, place: int) -> bytes:
        """The line of a row as it stands in the file."""
        start, size = self._span(place)
        with self._reading:
            self._file.seek(start)
            return self._file.read(size)

    def of_prompt(self, prompt_id: str) -> list[int]:
        """Places of all rows of a prompt, the best reward first."""
        found = self._asked("SELECT place FROM rows WHERE prompt_id = ? ORDER BY reward DESC, place", [prompt_id])
        return [place for (place,) in found]

    def place_of(self, row_id: str) -> int | None:
        found = self._asked("SELECT place FROM rows WHERE id = ? ORDER BY place", [row_id])
        return int(found[0][0]) if found else None

    def values(self, column: str) -> list[str]:
        """The values that a column of PLAIN has."""
        if column not in PLAIN:
            raise KeyError(column)
        return [value for (value,) in self._asked(
            f"SELECT DISTINCT {column} FROM rows WHERE {column} != '' ORDER BY {column}")]  # fmt: skip

    def _span(self, place: int) -> tuple[int, int]:
        found = self._asked("SELECT start, bytes FROM rows WHERE place = ?", [place])
        if not found:
            raise self._changed()
        start, size = found[0]
        return int(start), int(size)

    def parsed(self, line: bytes) -> Row:
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError):
            raise self._changed() from None

    def _unchanged(self) -> None:
        if _state(self._rows) != self._state:
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(f"{self._rows} was changed while it was open.", "", "Open it again.")

    def _asked(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self._each(statement, values))

    def _each(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        values = [safe(value) if isinstance(value, str) else value for value in values]
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise DataError(f"{self._path} cannot be read.", str(error), "Delete it; it is made anew.") from None


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
    try:
        if not fits(path, rows) and not build(path, rows, told, stopped):
            return None
    except (OSError, sqlite3.Error) as error:
        mend = "Free some space, or make its folder writable."
        raise StageFailed(f"{path} cannot be written.", str(error), mend) from None
    return Index(path, rows)


def ready_index(root: Path, rows: Path) -> contextlib.closing[Index] | None:
    """The index of a rows file if there is one already; to build it only to search once would be no gain."""
    path = index_path(root, rows)
    try:
        return contextlib.closing(Index(path, rows)) if fits(path, rows) else None
    except (OSError, DataError):
        return None  # gone or damaged: the rows themselves are read


def _state(rows: Path) -> tuple[int, int]:
    state = rows.stat()
    return state.st_size, state.st_mtime_ns
