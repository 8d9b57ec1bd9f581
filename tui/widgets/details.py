"""The lower pane of the cockpit: events and what the model says in turn, with the search over the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ContentSwitcher, Input

from pipeline.engine.events import Event
from tui import curriculum
from tui.curves import dimensions
from tui.feed import Snapshot
from tui.text import line
from tui.widgets.completions import Completions
from tui.widgets.dimension_lines import DimensionLines
from tui.widgets.entry import Entry
from tui.widgets.event_log import KINDS, EventLog
from tui.widgets.prompted import Prompted
from tui.widgets.sources import Sources

FACES = ("events", "prompts", "sources", "completions", "dimensions")


def faces(snapshot: Snapshot | None) -> tuple[str, ...]:
    """Those with something to say: a run of the GPT track has prompts and sources, and of the others what it told."""
    if snapshot is None or not curriculum.is_track(snapshot):
        return ("events", "completions", "dimensions")
    there = {"completions": bool(_completions(snapshot)), "dimensions": bool(dimensions(snapshot))}
    return tuple(face for face in FACES if there.get(face, True))


def _completions(snapshot: Snapshot) -> list[Event]:
    return [event for event in snapshot.items if event.data.get("what") not in curriculum.ITEMS]


class Details(Vertical):
    """One of its faces is seen at a time; its title says which, and what the events are narrowed to."""

    DEFAULT_CSS = """
    Details Input, Details Input:focus { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    Details Input.-open { display: block; }
    """

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._snapshot: Snapshot | None = None
        self._turned = False
        """Whether a person has chosen what is seen; until then the prompts come forth by themselves."""

    def compose(self) -> ComposeResult:
        yield Entry(id="filter", placeholder="words", select_on_focus=False)
        with ContentSwitcher(initial=FACES[0]):
            yield EventLog(plain=self._plain, id=FACES[0])
            yield Prompted(plain=self._plain, id="prompts")
            yield Sources(id="sources")
            yield Completions(plain=self._plain, id="completions")
            with VerticalScroll(id="dimensions", can_focus=False):  # nine lines are more than a low screen has
                yield DimensionLines(plain=self._plain)

    def clear(self) -> None:
        self._snapshot, self._turned = None, False
        if self.face not in faces(None):
            self.query_one(ContentSwitcher).current = "events"
        self.query_one(EventLog).clear()
        self.query_one(Prompted).show(None)
        self.query_one(Sources).show_sources(())
        self.query_one(Completions).show(())
        self.query_one(DimensionLines).show({})
        self._titled()

    def show(self, snapshot: Snapshot, fresh: Sequence[Event]) -> None:
        """`fresh`: events since the last call."""
        if fresh:
            self.query_one(EventLog).add(fresh)
        self._snapshot = snapshot
        if curriculum.is_track(snapshot):
            found = curriculum.evaluation(snapshot)
            self.query_one(Prompted).show(found)
            self.query_one(Sources).show_sources(curriculum.exposures(snapshot))
            if found and not self._turned:
                self.turn("prompts", asked=False)
        self.query_one(Completions).show(_completions(snapshot))
        if self.face == "dimensions":
            self.query_one(DimensionLines).show(dimensions(snapshot))

    @property
    def face(self) -> str:
        return self.query_one(ContentSwitcher).current or FACES[0]

    def turn(self, face: str = "", *, focus: bool = False, asked: bool = True) -> None:
        """Show a face, or the next one. `asked`: whether a person wants it so."""
        self._turned = self._turned or asked
        there = faces(self._snapshot)
        place = there.index(self.face) + 1 if self.face in there else 0
        self.query_one(ContentSwitcher).current = face or there[place % len(there)]
        if self.face == "dimensions" and self._snapshot:
            self.query_one(DimensionLines).show(dimensions(self._snapshot))
        self._titled()
        if focus:
            chosen = self.query_one(f"#{self.face}")
            (chosen if chosen.can_focus else chosen.query("RecordList, DimensionLines").first()).focus()

    def to_completions(self, step: int) -> None:
        """The completions of a training step; where the run has none, nothing."""
        if "completions" in faces(self._snapshot):
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
