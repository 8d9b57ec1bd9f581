"""An SQLite file in WAL mode, shared by threads and processes; its errors told as ours.

A process that is killed loses nothing that was committed; a power cut can lose the last moments.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.engine.errors import DataError, StageFailed

T = TypeVar("T")


class Database:
    """One connection behind a lock, which costs less than a thread of its own for writing.

    Raises DataError for a file that is no database, StageFailed for one that cannot be used.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.RLock()
        try:
            # Statements commit by themselves; `together` makes several one.
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(schema)
        except sqlite3.Error as error:
            raise self._plain(error) from None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def do(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of one statement, committed by itself."""
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._plain(error) from None

    def together(self, work: Callable[[], T]) -> T:
        """Everything that `work` does, in one transaction, or nothing of it."""
        with self._lock:
            self.do("BEGIN IMMEDIATE")
            try:
                result = work()
                self.do("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.do("ROLLBACK")
                raise
            return result

    def _plain(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorname", "")
        if code == "SQLITE_FULL":
            mend = "Free some space (python -m pipeline clean shows what is used), then resume."
            return StageFailed("The disk is full.", str(error), mend)
        if code in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            return DataError(
                f"{self._path} is damaged, or no database: {error}.",
                "It holds every answer that was paid for, so it is not replaced without being asked.",
                "Restore it from a copy, or move it away; the answers in it would then be paid for again.",
            )
        mend = "Check that its folder can be written and is on a local disk, then resume."
        return StageFailed(f"{self._path} cannot be used: {error}.", "", mend)
