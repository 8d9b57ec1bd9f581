"""An SQLite file in WAL mode, shared by processes: one thread of each writes, many statements to a transaction.

A process that is killed loses nothing that was committed; a power cut can lose the last moments.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from pipeline.engine.errors import DataError, StageFailed

T = TypeVar("T")
Job = tuple[Callable[[sqlite3.Connection], Any], Future[Any]]


class Database:
    """Threads may share one. Raises DataError for a file that is no database, StageFailed for one it cannot use."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._schema = path, schema
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._readers = threading.local()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._write, args=(ready,), name=f"writer of {path.name}", daemon=True)
        self._thread.start()
        ready.result()

    def close(self) -> None:
        """Write what is waiting and let go of the file."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def do(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `work` inside a transaction; the future is done once that is committed."""
        done: Future[T] = Future()
        self._jobs.put((work, done))
        return done

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query, as of the last commit."""
        try:
            if not hasattr(self._readers, "connection"):
                self._readers.connection = self._open()
            connection: sqlite3.Connection = self._readers.connection
            return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._plain(error) from None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _write(self, ready: Future[None]) -> None:
        try:
            connection = self._open()
            connection.executescript(self._schema)
        except sqlite3.Error as error:
            ready.set_exception(self._plain(error))
            return
        ready.set_result(None)
        more = True
        while more:
            # All that waits goes into one transaction, so that many threads share the cost of a commit.
            batch = [self._jobs.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    batch.append(self._jobs.get_nowait())
            more = None not in batch
            self._commit(connection, [job for job in batch if job is not None])
        connection.close()

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [work(connection) for work, _ in jobs]
            connection.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if len(jobs) > 1:  # one fault must not take the others along
                for job in jobs:
                    self._commit(connection, [job])
            elif jobs:
                jobs[0][1].set_exception(self._plain(error) if isinstance(error, sqlite3.Error) else error)
        else:
            for (_, done), result in zip(jobs, results, strict=True):
                done.set_result(result)

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
