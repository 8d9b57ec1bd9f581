"""The rows of a file that a person asks for by `--where`, `--search` and `--mark`.

Each row that is given has passed the whole test. What costs less, the index where the screen has made one and the line
as it stands, only rules out rows before they are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import Row, read_rows
from pipeline.tasks.index import MARKS, Filter, has_mark, ready_index
from pipeline.tasks.marks import key_of, read_marks
from pipeline.tasks.where import Where, compile_where


def matching(root: Path, path: Path, where: str = "", search: str = "", mark: str = "") -> Iterator[Row]:
    """In the order of the file. Raises ConfigError, and DataError for a line that is no row."""
    test, words = compile_where(where), search.casefold().split()
    if mark and mark not in MARKS:
        raise ConfigError(f"There is no mark `{mark}`.", "", f"Known: {', '.join(MARKS)}.")
    marked = read_marks(root) if mark else {}

    def fits(row: Row) -> bool:
        text = json.dumps(row, ensure_ascii=False).casefold() if words else ""
        held = all(word in text for word in words) and test(row)
        marks = marked.get(key_of(row), ()) if held and mark and "messages" in row else ()
        return held and (not mark or has_mark(marks, mark) != (mark == "none"))

    return (row for row in _worth_it(root, path, test, words) if fits(row))


def _worth_it(root: Path, path: Path, test: Where, words: list[str]) -> Iterator[Row]:
    """Rows among which are all that fit."""
    plain = [word.encode() for word in words if _in_the_line(word)]
    index = ready_index(root, path) if plain or test.equal or test.between else None
    if index is None:
        yield from read_rows(path)
        return
    with index as own:
        for line in own.lines(Filter(equal=test.equal, between=test.between)):
            if line.isascii() and b"\\u" not in line and b"\\/" not in line:
                low = line.lower()
                if not all(word in low for word in plain):
                    continue
            yield own.parsed(line)


def _in_the_line(word: str) -> bool:
    """Whether a word of a row stands in its line too, as it is: a number may be written otherwise there."""
    return word.isascii() and any(letter.isalpha() and letter != "e" for letter in word)
