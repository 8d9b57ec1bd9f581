"""The metrics of every training step, rows of a file that a resumed run continues as if it had never been stopped."""

from __future__ import annotations

import math
from pathlib import Path

from pipeline.engine.rows import Row, RowWriter, mend_torn_tail, read_rows, write_rows

METRICS = "metrics.jsonl"
"""The file, beside an adapter."""


class Metrics:
    """Rows `{"step": ..., name: number or null, ...}`, one a step, in memory and in the file."""

    def __init__(self, path: Path | None, step: int) -> None:
        """Keeps what the file holds up to `step`, where the training goes on from. None: in memory alone."""
        self.rows: list[Row] = []
        self._writer: RowWriter | None = None
        if path is None:
            return
        mend_torn_tail(path)
        self.rows = [row for row in read_rows(path) if row["step"] <= step] if path.exists() else []
        write_rows(path, self.rows)
        self._writer = RowWriter(path)

    def write(self, row: Row) -> None:
        """What is not finite is written as null."""
        row = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        self.rows.append(row)
        if self._writer:
            self._writer.write(row)

    def last(self, name: str) -> int:
        """The newest value of a running count; 0 before the first."""
        return int(self.rows[-1].get(name) or 0) if self.rows else 0

    def close(self) -> None:
        if self._writer:
            self._writer.close()
