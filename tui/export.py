"""Rows that a person selected, written to a file of their own: each line as it stands, the file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.engine.errors import ConfigError
from pipeline.tasks.index import Index


def write_selected(index: Index, places: Sequence[int], path: Path) -> None:
    """Write these rows as JSONL. Raises ConfigError where there is a file already, OSError, DataError."""
    if path.exists():
        raise ConfigError(f"{path} is there already.", "", "Name another file.")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for place in places:
                index.row(place)  # a row that was changed meanwhile must not be written
                file.write(index.raw(place).rstrip(b"\r\n") + b"\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
