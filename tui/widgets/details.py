"""The lower pane of the cockpit: events, completions and dimensions in turn, with the search over the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ContentSwitcher, Input

from pipeline.engine.events import Event
from tui.curves import dimensions
from tui.feed import Snapshot
from tui.text import line
from tui.widgets.completions import Completions
from tui.widgets.dimension_lines import DimensionLines
from tui.widgets.entry import Entry
from tui.widgets.event_log import KINDS, EventLog

FACES = ("events", "completions", "dimensions")


class Details(Vertical):
    """One of its faces is seen at a time; its title says which, and what the events are narrowed to."""

    DEFAULT_CSS = """
    Details Input { display: none; height: 1; border: none; padding: 0 1; }
    Details Input.-open { display: block; }
    """

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._snapshot: Snapshot | None = None

    def compose(self) -> ComposeResult:
        yield Entry(id="filter", placeholder="words", select_on_focus=False)
        with ContentSwitcher(initial=FACES[0]):
            yield EventLog(plain=self._plain, id=FACES[0])
            yield Completions(plain=self._plain, id=FACES[1])
            with VerticalScroll(id=FACES[2], can_focus=False):  # nine lines are more than a low screen has
                yield DimensionLines(plain=self._plain)

    def clear(self) -> None:
        self._snapshot = None
        self.query_one(EventLog).clear()
        self.query_one(Completions).show(())
        self.query_one(DimensionLines).show({})
        self._titled()

    def show(self, snapshot: Snapshot, fresh: Sequence[Event]) -> None:
        """`fresh`: events since the last call."""
        if fresh:
            self.query_one(EventLog).add(fresh)
        self.query_one(Completions).show(snapshot.items)
        self._snapshot = snapshot
        if self.face == "dimensions":
            self.query_one(DimensionLines).show(dimensions(snapshot))

    @property
    def face(self) -> str:
        return self.query_one(ContentSwitcher).current or FACES[0]

    def turn(self, face: str = "", *, focus: bool = False) -> None:
        """Show a face, or the next one."""
        self.query_one(ContentSwitcher).current = face or FACES[(FACES.index(self.face) + 1) % len(FACES)]
        if self.face == "dimensions" and self._snapshot:
            self.query_one(DimensionLines).show(dimensions(self._snapshot))
        self._titled()
        if focus:
            chosen = self.query_one(f"#{self.face}")
            (chosen if chosen.can_focus else chosen.query("RecordList, DimensionLines").first()).focus()

    def to_completions(self, step: int) -> None:
        """The completions of a training step."""
        self.turn("completions")
        self.query_one(Completions).go_to(step)

    def _titled(self) -> None:
        log = self.query_one(EventLog)
        kind = f" ({log.kind})" if self.face == "events" and log.kind != "all" else ""
        words = f" / {log.words}" if self.face == "events" and log.words else ""
        self.border_title = line(f"{self.face}{kind}{words}", most=80)

    # narrowing the events

    def next_kind(self) -> None:
        log = self.query_one(EventLog)
        log.narrow(kind=KINDS[(KINDS.index(log.kind) + 1) % len(KINDS)])
        self.turn("events")

    def search(self) -> None:
        self.turn("events")
        field = self.query_one(Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self.query_one(EventLog).narrow(words=event.value)
        self._titled()

    @on(Input.Submitted)
    def _searched(self) -> None:
        self.query_one(Input).remove_class("-open")
        self.query_one(EventLog).focus()

    def widen(self) -> bool:
        """Esc: all events again. Whether they were narrowed."""
        field, log = self.query_one(Input), self.query_one(EventLog)
        if not field.has_class("-open") and not field.value and log.kind == "all":
            return False
        field.value = ""
        log.narrow(kind="all", words="")
        self._searched()
        self._titled()
        return True
