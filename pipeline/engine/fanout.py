"""Rows in, rows out: asks for several at once, keeps the order, and goes on where it was killed.

A row whose result cannot be used goes to `quarantine.jsonl` with its reason: never data, never out of the count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Literal

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, RowWriter, mend_torn_tail, read_rows
from pipeline.engine.stage import Context

QUARANTINE = "quarantine.jsonl"
Outcome = Literal["cut off", "blocked", "invalid"]
Counts = dict[str, int]
"""asked = answered + cut_off + blocked + invalid + not_yet."""


class Quarantined(Exception):
    """An answer that did not finish, was blocked, or breaks a rule of the task. `text`: what there was of it."""

    def __init__(self, outcome: Outcome, reason: str, text: str = "") -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome, self.reason, self.text = outcome, reason, text


def fanout(
    context: Context,
    rows: Iterable[Row],
    work: Callable[[Row], Row],
    path: Path,
    workers: int = 1,
    each: Callable[[Row], None] | None = None,
) -> Counts:
    """Write `work(row)` for every row to `path` in the order of `rows`, or why there is none to `quarantine.jsonl`.

    What an earlier attempt wrote is kept; `work` must give each result the `id` of its row. `each` sees every new
    result once it is written, in order and in this thread. Only `rows` are held in memory, never the results. Raises
    DataError where what stands in the files is not the beginning of what belongs there.
    """
    rows = list(rows)
    quarantine = path.with_name(QUARANTINE)
    counts = {"asked": len(rows), "answered": 0, "cut_off": 0, "blocked": 0, "invalid": 0, "not_yet": len(rows)}

    def count(outcome: str) -> None:
        counts[outcome.replace(" ", "_")] += 1
        counts["not_yet"] -= 1

    for outcome in _kept(rows, path, quarantine):
        count(outcome)
    done = counts["asked"] - counts["not_yet"]
    with ExitStack() as stack:
        writer = stack.enter_context(RowWriter(path))
        failed: RowWriter | None = None
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        waiting = iter(rows[done:])
        # Results are written in order, so the window is how many may be done behind a slow one.
        window: list[Future[Row]] = [pool.submit(work, row) for row in islice(waiting, max(4, 16 * workers))]
        stack.callback(lambda: [future.cancel() for future in window])
        while window:
            future = window.pop(0)
            try:
                result = future.result()
            except Quarantined as error:
                failed = failed or stack.enter_context(RowWriter(quarantine))
                failed.write({"id": rows[done]["id"], "outcome": error.outcome, "reason": error.reason,
                              "text": error.text})  # fmt: skip
                count(error.outcome)
            else:
                writer.write(result)
                count("answered")
                if each:
                    each(result)
            done += 1
            context.emit.progress(done, len(rows))
            context.check_stop()
            window += [pool.submit(work, row) for row in islice(waiting, 1)]
    return counts


def _kept(rows: list[Row], path: Path, quarantine: Path) -> Iterator[str]:
    """The outcome of every row that an earlier attempt settled, in order."""
    results, failures = _ids(path), _ids(quarantine)
    result, failure = next(results, None), next(failures, None)
    for row in rows:
        if result is not None and result["id"] == row["id"]:
            yield "answered"
            result = next(results, None)
        elif failure is not None and failure["id"] == row["id"]:
            yield str(failure["outcome"])
            failure = next(failures, None)
        else:
            break
    if result is not None or failure is not None:
        raise DataError(
            f"{path} does not begin with the rows that belong there.",
            "It was changed while the step was unfinished.",
            f"Delete {path.parent} and run again.",
        )


def _ids(path: Path) -> Iterator[Row]:
    mend_torn_tail(path)
    return read_rows(path) if path.exists() else iter(())
