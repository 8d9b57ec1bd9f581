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
from tui.text import figure, line, shown
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.score_bars import ScoreBars

LONGEST = 20_000
"""Letters of a text that are shown; the whole stands in events.jsonl."""


class Completions(Widget):
    """A list of items and, beside it, the one under the cursor."""

    ABOUT = "What the model wrote lately, newest last, with its scores."
    DEFAULT_CSS = """
    Completions { height: 1fr; }
    Completions RecordList { width: 34; }
    Completions VerticalScroll { border-left: solid $panel-lighten-2; padding: 0 1; }
    Completions ScoreBars { margin-bottom: 1; }
    """

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._items: list[Event] = []

    def compose(self) -> ComposeResult:
        columns = [Column("step", 6, "right"), Column("what", 10), Column("reward", 7, "right"), Column("of", 0)]
        with Horizontal():
            yield RecordList(columns, empty="Nothing was shown yet.")
            with VerticalScroll(can_focus=True):
                yield ScoreBars(plain=self._plain)
                yield Static(id="whole")

    def show(self, items: Sequence[Event]) -> None:
        found = self.query_one(RecordList)
        newest = found.cursor >= len(self._items) - 1
        if self._items and items and items[-1] is self._items[-1]:
            return
        self._items = list(items)
        rows = [[line(event.data.get("step", "")), line(event.data.get("what", "")), Content(_reward(event)),
                 line(event.data.get("prompt_id") or event.data.get("id") or event.data.get("name") or "")]
                for event in self._items]  # fmt: skip
        found.show(Rows(rows), len(rows) - 1 if newest else None)

    def go_to(self, step: int) -> None:
        """Put the cursor on the first completion of a training step, or the nearest one before."""
        steps = [event.data.get("step") for event in self._items]
        fitting = [place for place, of in enumerate(steps) if isinstance(of, int) and of <= step]
        if fitting:
            nearest = steps[fitting[-1]]
            self.query_one(RecordList).cursor = steps.index(nearest)
        self.query_one(RecordList).focus()

    def text(self) -> str:
        """The item under the cursor, as it is written."""
        cursor = self.query_one(RecordList).cursor
        return _whole(self._items[cursor]).plain if 0 <= cursor < len(self._items) else ""

    @on(RecordList.Moved)
    def _moved(self, message: RecordList.Moved) -> None:
        message.stop()
        if 0 <= message.index < len(self._items):
            event = self._items[message.index]
            scores = event.data.get("scores")
            bars = self.query_one(ScoreBars)
            bars.display = isinstance(scores, dict)
            bars.show(scores if isinstance(scores, dict) else {}, event.data.get("reasons"))
            self.query_one("#whole", Static).update(_whole(event))


def _reward(event: Event) -> str:
    reward = event.data.get("reward")
    return figure(round(reward, 3)) if isinstance(reward, int | float) else "–"


def _whole(event: Event) -> Content:
    data = event.data
    parts: list[Content] = []
    for name in ("prompt", "thought", "text", "answer", "outcome"):
        if data.get(name):
            style = "$foreground-muted" if name == "thought" else ""
            parts += [Content.styled(name, "bold"), shown(str(data[name])[:LONGEST], style)]
    return Content("\n").join(parts) if parts else shown({key: value for key, value in data.items() if key != "scores"})
