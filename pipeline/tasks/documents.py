"""Plain text to pretrain on: the files that a path names, or the novel that comes with the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Literal

from pipeline.engine.errors import DataError

LINES = 2000
"""Of a part: what is encoded at a time."""
Document = Callable[[], Iterator[str]]
"""Gives the parts of a text, from its beginning."""


def is_rows(path: Path) -> bool:
    """Whether a path holds rows rather than plain text."""
    return path.suffix.lower() in (".jsonl", ".json") or (path / "rows.jsonl").is_file()


def documents(source: Path | Literal["novel"] | None) -> list[Document]:
    """The plain texts of a .txt file, or of a folder of them; none of a file of rows. Raises DataError where there is
    neither."""
    if source == "novel":
        return [_novel]
    if source is None or is_rows(source):
        return []
    found = sorted(source.rglob("*.txt")) if source.is_dir() else [source] if source.is_file() else []
    if not found:
        raise DataError(f"{source} holds nothing to prepare.", "", "Name a .jsonl or .txt file, or a folder.")
    return [partial(_lines, path) for path in found]


def _novel() -> Iterator[str]:
    text = (files("pipeline.tasks") / "texts" / "alice.txt").read_text(encoding="utf-8")
    return _parts(text.splitlines(keepends=True))


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from _parts(file)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text.", str(error), "Convert it, or leave it out.") from None


def _parts(lines: Iterable[str]) -> Iterator[str]:
    source = iter(lines)
    while part := "".join(islice(source, LINES)):
        yield part
