"""JSONL and JSON on disk: whole lines, torn tails, atomic files, content hashes.

Every row artifact keeps its rows in `rows.jsonl`, one JSON object a line, UTF-8.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError

Row = dict[str, Any]


def dump(value: Any) -> str:
    """One line of JSON, the same text for the same value. NaN and infinity are refused: no two readers agree."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of a JSON-able value; the order of keys does not matter."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of a finished JSONL file. Raises DataError naming file and line of what is not a JSON object."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{path}, line {number}: not JSON.", str(error), "Mend or remove that line, then run again."
                ) from None
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}, line {number}: a JSON object was expected, not {type(row).__name__}.",
                    "",
                    "Mend or remove that line, then run again.",
                )
            yield row


def mend_torn_tail(path: Path) -> None:
    """Cut what a killed writer left after the last newline. A missing file is fine."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position != end:
            file.truncate(position)


class RowWriter:
    """Appends whole lines, one write each, so that a kill tears at most the last; that one is mended on opening."""

    def __init__(self, path: Path) -> None:
        mend_torn_tail(path)
        self._file = path.open("ab", buffering=0)

    def write(self, row: Row) -> None:
        line = memoryview((dump(row) + "\n").encode("utf-8", "surrogatepass"))
        while line:  # a nearly full disk takes a part without an error; the next write raises it
            line = line[self._file.write(line) or 0 :]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary name, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    write_bytes(path, "".join(dump(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, atomically."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "surrogatepass"))


def read_json(path: Path) -> Any:
    """Raises DataError where the file is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing.", "", "Check the path, or make the artifact again.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON.", str(error), "Restore the file, or make it again.") from None
