"""All traces of one prompt side by side, each in a column of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import HorizontalScroll, Vertical, VerticalScroll
from textual.widgets import Static

from pipeline.engine.rows import Row
from pipeline.tasks.index import number
from pipeline.tasks.marks import key_of
from tui import actions
from tui.screens.dialogue import Dialogue
from tui.text import figure, line
from tui.widgets.trace_view import TraceView, messages_of

MOST = 12
"""Columns; of more traces than that the best are shown, and the title says so."""


LEAST = 37
"""Letters of a column that has nine names, their scores and bars in it."""


class Siblings(Dialogue[None]):
    OWNER = "siblings"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("siblings")]
    DEFAULT_CSS = """
    Siblings .prompt { height: auto; max-height: 30%; padding: 0 1; }
    Siblings .column { width: 37; border-right: solid $foreground 25%; }
    """

    def __init__(self, rows: Sequence[Row], count: int, marked: Mapping[str, Sequence[Row]], plain: bool) -> None:
        """`rows`: the best of `count`, best first; `marked`: as `read_marks` gives it."""
        super().__init__()
        self._rows, self._count, self._marked, self._plain = rows, count, marked, plain

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue -large") as frame:
            some = f"the {len(self._rows)} best of " if len(self._rows) < self._count else ""
            title = f"{some}{self._count:,} traces of one prompt, best first · f folds the thoughts"
            frame.border_title, frame.border_subtitle = line(title), line("Esc closes")
            with VerticalScroll(classes="prompt"):
                yield Static(messages_of(self._rows[0]) if self._rows else "")
            with HorizontalScroll():
                for row in self._rows:
                    with Vertical(classes="column"):
                        marks = self._marked.get(key_of(row), ()) if "messages" in row else ()
                        reward = number(row.get("reward"))
                        words = f"{str(row.get('type', ''))[:40]} {figure(reward)} {str(row.get('id', ''))[:80]}"
                        yield Static(line(words, "bold"))
                        yield TraceView(row, marks, plain=self._plain, prompt=False)

    def on_resize(self) -> None:
        """As many columns as are whole at once share the room."""
        room = self.size.width * 98 // 100 - 4
        width = max(LEAST, room // max(1, min(len(self._rows), room // LEAST)))
        for column in self.query(".column"):
            column.styles.width = width

    def action_fold(self) -> None:
        for view in self.query(TraceView):
            view.fold()
