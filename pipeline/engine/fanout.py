"""Rows in, rows out: asks for each row in turn or several at once, keeps the order, and goes on where it was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, RowWriter, mend_torn_tail, read_rows
from pipeline.engine.stage import Context


def fanout(
    context: Context,
    rows: Iterable[Row],
    work: Callable[[Row], Row],
    path: Path,
    workers: int = 1,
    each: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Write `work(row)` for every row to `path`, in the order of `rows`, and return all of them.

    Rows that an earlier attempt wrote are kept; `work` must give each result the `id` of its row. `each` sees every new
    result once it is written, in order and in this thread. Raises DataError where what stands in the file is not the
    beginning of what belongs there.
    """
    rows = list(rows)
    mend_torn_tail(path)
    results = list(read_rows(path)) if path.exists() else []
    if [row["id"] for row in results] != [row["id"] for row in rows[: len(results)]]:
        raise DataError(
            f"{path} does not begin with the rows that belong there.",
            "It was changed while the step was unfinished.",
            f"Delete {path.parent} and run again.",
        )
    waiting = iter(rows[len(results) :])
    with RowWriter(path) as writer, ThreadPoolExecutor(workers) as pool:
        # A window a few times the workers wide: results are written in order, so a slow row holds back only that many.
        window: list[Future[Row]] = [pool.submit(work, row) for row in islice(waiting, 4 * workers)]
        try:
            while window:
                result = window.pop(0).result()
                writer.write(result)
                results.append(result)
                if each:
                    each(result)
                context.emit.progress(len(results), len(rows))
                context.check_stop()
                window += [pool.submit(work, row) for row in islice(waiting, 1)]
        finally:
            for future in window:
                future.cancel()
    return results
