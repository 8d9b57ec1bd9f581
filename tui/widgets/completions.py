"""The latest things a run has shown: completions, answers, traces, each whole, with its nine scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from pipeline.engine.events import Event
from pipeline.engine.rows import Row
from tui.text import line, shown
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.score_bars import ScoreBars, reasons_text

LONGEST = 20_000
"""Letters of a text that are shown; the whole stands in events.jsonl."""


class Completions(Widget):
    """A list of items and, beside it, the one under the cursor."""

    ABOUT = "What the model wrote lately, newest last, with its scores."
    DEFAULT_CSS = """
    Completions { height: 1fr; }
    Completions RecordList { width: 34; }
    Completions VerticalScroll { border-left: solid $foreground 25%; padding: 0 1; }
    Completions ScoreBars { margin-bottom: 1; }
    """

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._items: list[Event] = []

    def compose(self) -> ComposeResult:
        columns = [
            Column("step", 6, "right"),
            Column("what", 10, least=44),
            Column("reward", 7, "right"),
            Column("of", 0, least=24),
        ]
        with Horizontal():
            yield RecordList(columns, empty="Nothing was shown yet.")
            with VerticalScroll(can_focus=True):
                yield ScoreBars(plain=self._plain)
                yield Static(id="whole")

    def show(self, items: Sequence[Event]) -> None:
        found = self.query_one(RecordList)
        newest, at = found.cursor >= len(self._items) - 1, self._at()
        if self._items and items and items[-1] is self._items[-1]:
            return
        if not self._items and not items:
            return
        self._items = list(items)
        rows = [_cells(event.data) for event in self._items]
        place = next((place for place, event in enumerate(self._items) if event is at), None)
        found.show(Rows(rows), len(rows) - 1 if newest else place)

    def go_to(self, step: int) -> None:
        """Put the cursor on the first completion of a training step, or the nearest one before."""
        steps = [event.data.get("step") for event in self._items]
        fitting = [place for place, of in enumerate(steps) if isinstance(of, int) and of <= step]
        if fitting:
            nearest = steps[fitting[-1]]
            self.query_one(RecordList).cursor = steps.index(nearest)
        self.query_one(RecordList).focus()

    def _at(self) -> Event | None:
        cursor = self.query_one(RecordList).cursor
        return self._items[cursor] if 0 <= cursor < len(self._items) else None

    def as_text(self) -> str:
        """The item under the cursor, whole."""
        return _whole(event).plain if (event := self._at()) else ""

    @on(RecordList.Moved)
    def _moved(self, message: RecordList.Moved) -> None:
        message.stop()
        if 0 <= message.index < len(self._items):
            event = self._items[message.index]
            scores = event.data.get("scores")
            bars = self.query_one(ScoreBars)
            bars.display = isinstance(scores, dict)
            bars.show(scores if isinstance(scores, dict) else {})
            self.query_one("#whole", Static).update(_whole(event))


def _cells(data: Row) -> list[Content]:
    reward = data.get("reward")
    of = data.get("prompt_id") or data.get("id") or data.get("name") or ""
    return [
        line(data.get("step", ""), most=20),
        line(data.get("what", ""), most=40),
        Content(f"{reward:.3f}" if isinstance(reward, int | float) else "–"),
        line(of, most=200),
    ]


def _whole(event: Event) -> Content:
    data = event.data
    parts: list[Content] = []
    for name in ("prompt", "thought", "text", "answer", "outcome"):
        if data.get(name):
            style = "$foreground-muted" if name == "thought" else ""
            parts += [Content.styled(name, "bold"), shown(str(data[name])[:LONGEST], style)]
    reasons = data.get("reasons")
    if isinstance(reasons, dict) and (why := reasons_text(reasons, LONGEST)):
        parts += [Content(""), why]
    if parts:
        return Content("\n").join(parts)
    return shown(str({key: value for key, value in data.items() if key != "scores"})[:LONGEST])
