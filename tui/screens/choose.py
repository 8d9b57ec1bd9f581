"""One of several names, by list and filter."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.screens.dialogue import Dialogue
from tui.text import line, shown
from tui.widgets.entry import Entry
from tui.widgets.record_list import Column, RecordList, Rows


class Choose(Dialogue[str]):
    """Typing narrows the list; Enter takes the first, or the one under the cursor."""

    DEFAULT_CSS = """
    Choose .dialogue { height: 60%; }
    Choose Input, Choose Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    """

    def __init__(self, title: str, names: Sequence[str], present: str = "") -> None:
        super().__init__()
        self._title, self._names, self._present = title, names, present
        self._seen = list(names)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue"):
            yield Static(shown(self._title))
            yield Entry(placeholder="type to narrow, Enter to take")
            yield RecordList([Column("", 0)], empty="Nothing of that name.")

    def on_mount(self) -> None:
        self._show("")

    def _show(self, words: str) -> None:
        wanted = words.casefold().split()
        self._seen = [name for name in self._names if all(word in name.casefold() for word in wanted)]
        place = self._seen.index(self._present) if self._present in self._seen else 0
        self.query_one(RecordList).show(Rows([[line(name)] for name in self._seen]), place)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    @on(Input.Submitted)
    @on(RecordList.Opened)
    def _take(self) -> None:
        cursor = self.query_one(RecordList).cursor
        self.dismiss(self._seen[cursor] if 0 <= cursor < len(self._seen) else None)
