"""What the list of traces shows of a row, and what a person's marks on it are, with undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.content import Content

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import Row
from pipeline.tasks.index import Index
from pipeline.tasks.marks import keep_mark, key_of, make_mark, notes_of, read_marks, restating, state_of, without_effect
from tui.text import line

SIGNS = {"accept": "✓", "reject": "✗", "edit": "✎", "score": "±", "note": "•"}
PLAIN_SIGNS = {"accept": "+", "reject": "x", "edit": "e", "score": "s", "note": "n"}


class TraceRows:
    """A Source over the places that a filter has left."""

    def __init__(self, index: Index, places: Sequence[int], marked: Mapping[str, Sequence[Row]], plain: bool) -> None:
        self._index, self._places, self._marked = index, places, marked
        self._signs = PLAIN_SIGNS if plain else SIGNS

    def __len__(self) -> int:
        return len(self._places)

    def cells(self, index: int) -> Sequence[Content]:
        try:
            row = self._index.line(self._places[index])
        except PipelineError as error:
            return [Content(""), Content("?"), *(Content("") for _ in range(3)), line(error, "$error")]
        reward = row["reward"]
        return [
            Content.styled(self._signs.get(mark_of(self._marked.get(row["key"], ())), ""), "$accent"),
            line(row["id"][:80]),
            line(row["category"][:40], "$foreground-muted"),
            line((row["type"] or row["contestant"])[:40], "$foreground-muted"),
            Content("–" if reward is None else f"{reward:.3f}"),
            line(row["opening"]),
        ]


def mark_of(marks: Sequence[Row]) -> str:
    """The one word for the marks of a row: its verdict, else `score`, else `note`, else nothing."""
    state = state_of(marks)
    return str(state.get("verdict") or ("score" if state else "note" if notes_of(marks) else ""))


class Marking:
    """Keeps marks and takes them back. Marks are only ever added: what was there before is cleared and said again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._before: list[tuple[Row, list[tuple[str, str]]]] = []

    def keep(self, row: Row, action: str, value: str = "") -> str:
        """Keep a mark; why it changes no training, where it does not. Raises ConfigError, OSError, DataError."""
        before = restating(read_marks(self._root).get(key_of(row), ()))
        keep_mark(self._root, make_mark(row, action, value))
        self._before.append((row, before))
        return without_effect(row, action)

    def undo(self) -> Row | None:
        """Take the last mark back; the row that it was on, None where there is none to take back."""
        if not self._before:
            return None
        row, before = self._before[-1]
        for action, value in [("clear", ""), *before]:
            keep_mark(self._root, make_mark(row, action, value))
        self._before.pop()
        return row
