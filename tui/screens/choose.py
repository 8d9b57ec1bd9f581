"""One of several names, or as many of them as one likes, by list and filter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui import actions
from tui.screens.dialogue import Dialogue
from tui.text import line, shown
from tui.widgets.entry import Entry
from tui.widgets.record_list import Column, RecordList, Rows


class Choose(Dialogue[str]):
    """Typing narrows the list; Enter takes the first, or the one under the cursor."""

    DEFAULT_CSS = """
    Choose #whole { height: 2; margin-top: 1; color: $foreground-muted; display: none; }
    Choose #whole.-said { display: block; }
    Choose Input, Choose Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    """

    HINT = "type to narrow"
    COLUMNS: ClassVar[tuple[Column, ...]] = (Column("", 0),)

    def __init__(self, title: str, names: Sequence[str], present: str = "") -> None:
        super().__init__()
        self._title, self._names, self._present = title, names, present
        self._seen = list(names)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as frame:
            frame.border_subtitle = line("Enter takes, Esc leaves")
            yield Static(shown(self._title, "bold"))
            yield Entry(placeholder=self.HINT)
            yield RecordList(self.COLUMNS, empty="Nothing of that name.")
            yield Static(id="whole")

    def on_mount(self) -> None:
        found = self.query_one(RecordList)
        found.styles.height = max(1, len(self._names))  # the dialogue is as high as that, up to what the screen has
        found.styles.max_height = max(4, self.app.size.height * 4 // 5 - 9)
        room = min(100, self.app.size.width * 4 // 5) - 6
        self.query_one("#whole").set_class(any(len(name) > room for name in self._names), "-said")
        self._show("")

    @on(RecordList.Moved)
    def _moved(self, message: RecordList.Moved) -> None:
        """A name that the list cuts stands below it, whole."""
        name = self._seen[message.index] if 0 <= message.index < len(self._seen) else ""
        self.query_one("#whole", Static).update(line(" ".join(name.split())))

    def _show(self, words: str) -> None:
        wanted = words.casefold().split()
        self._seen = [name for name in self._names if all(word in name.casefold() for word in wanted)]
        place = self._seen.index(self._present) if self._present in self._seen else 0
        self._list(place)

    def _list(self, place: int | None = None) -> None:
        self.query_one(RecordList).show(Rows([self._cells(name) for name in self._seen]), place)

    def _cells(self, name: str) -> Sequence[Content]:
        return [line(name)]

    def _at(self) -> str | None:
        cursor = self.query_one(RecordList).cursor
        return self._seen[cursor] if 0 <= cursor < len(self._seen) else None

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    @on(Input.Submitted)
    @on(RecordList.Opened)
    def _take(self) -> None:
        self.dismiss(self._answer())

    def _answer(self) -> str | None:
        return self._at()


class ChooseSeveral(Choose):
    """Space ticks a name, or takes the tick away; Enter takes what is ticked, in the order of ticking, as a list in
    JSON. Where nothing is, it takes the name under the cursor. `apart`: names that stand for themselves alone."""

    OWNER = "several"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("several")]
    AUTO_FOCUS = "RecordList"
    HINT = "Space ticks, Enter takes what is ticked; type here to narrow"
    COLUMNS = (Column("", 2, "right"), Column("", 0))

    def __init__(self, title: str, names: Sequence[str], present: Sequence[str], apart: Sequence[str]) -> None:
        super().__init__(title, [*names, *(name for name in present if name not in names)], next(iter(present), ""))
        self._ticked, self._apart = [*present], apart

    def _cells(self, name: str) -> Sequence[Content]:
        order = str(self._ticked.index(name) + 1) if name in self._ticked else ""
        return [Content.styled(order, "bold $accent"), line(name, "bold $accent" if order else "")]

    def action_tick(self) -> None:
        name = self._at()
        if name is None or name in self._apart:
            return
        if name in self._ticked:
            self._ticked.remove(name)
        else:
            self._ticked.append(name)
        self._list()

    def _answer(self) -> str | None:
        name = self._at()
        if name in self._apart:
            return name
        ticked = self._ticked or ([name] if name else [])
        return json.dumps(ticked, ensure_ascii=False) if ticked else None
