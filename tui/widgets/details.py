"""The lower pane of the cockpit: events and what the model says in turn, with the search over the events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
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
        self._turning = asyncio.Lock()

        self._whose = ""
        """The step whose prompts a person wants to see; empty: of the one that told last."""

    def compose(self) -> ComposeResult:
        yield Entry(id="filter", placeholder="words", select_on_focus=False)
        with ContentSwitcher(initial=FACES[0]):
            yield EventLog(plain=self._plain, id=FACES[0])

    def _make(self, face: str) -> Widget:
        """A face is mounted when it is first seen: most are not in most runs."""
        match face:
            case "prompts":
                return Prompted(plain=self._plain, id=face)
            case "sources":
                return Sources(id=face)
            case "completions":
                return Completions(plain=self._plain, id=face)
        lines = DimensionLines(plain=self._plain)  # nine of them are more than a low screen has
        return VerticalScroll(lines, id=face, can_focus=False)

    def clear(self) -> None:
        self._snapshot, self._turned, self._whose = None, False, ""
        self.query_one(EventLog).clear()
        if self.face not in faces(None):
            self.query_one(ContentSwitcher).current = FACES[0]
        self._draw()
        self._titled()

    def show(self, snapshot: Snapshot, fresh: Sequence[Event]) -> None:
        """`fresh`: events since the last call."""
        if fresh:
            self.query_one(EventLog).add(fresh)
        self._snapshot = snapshot
        self._draw()
        asked_for = self._turned or self.face == "prompts"
        if not asked_for and curriculum.is_track(snapshot) and curriculum.evaluation(snapshot):
            self.call_next(self.turn, "prompts", asked=False)

    def _draw(self) -> None:
        """What the present face shows; the others wait until they are turned to."""
        snapshot = self._snapshot
        match self.query_one(ContentSwitcher).visible_content:
            case Prompted() as prompted:
                prompted.show(curriculum.evaluation(snapshot, self._whose) if snapshot else None)
            case Sources() as sources:
                sources.show_sources(curriculum.exposures(snapshot) if snapshot else ())
            case Completions() as completions:
                completions.show(_completions(snapshot) if snapshot else ())
            case VerticalScroll() as scroll:
                scroll.query_one(DimensionLines).show(dimensions(snapshot) if snapshot else {})

    @property
    def face(self) -> str:
        return self.query_one(ContentSwitcher).current or FACES[0]

    async def turn(self, face: str = "", *, focus: bool = False, asked: bool = True) -> None:
        """Show a face, or the next one. `asked`: whether a person wants it so."""
        async with self._turning:
            self._turned = self._turned or asked
            there, switcher = faces(self._snapshot), self.query_one(ContentSwitcher)
            place = there.index(self.face) + 1 if self.face in there else 0
            face = face or there[place % len(there)]
            if not switcher.query_children(f"#{face}"):
                made = self._make(face)
                made.display = False
                await switcher.mount(made)
            switcher.current = face
            self._draw()
            self._titled()
        if focus:
            chosen = self.query_one(f"#{face}")
            (chosen if chosen.can_focus else chosen.query("RecordList, DimensionLines").first()).focus()

    async def next_asked(self) -> None:
        """The prompts of another step, and after all of them again those of the one that told last."""
        if self._snapshot:
            steps = ["", *curriculum.asked(self._snapshot)]
            place = steps.index(self._whose) if self._whose in steps else 0
            self._whose = steps[(place + 1) % len(steps)]
            await self.turn("prompts")

    async def to_completions(self, step: int) -> None:
        """The completions of a training step; where the run has none, nothing."""
        if "completions" in faces(self._snapshot):
            await self.turn("completions")
            self.query_one(Completions).go_to(step)

    def _titled(self) -> None:
        log = self.query_one(EventLog)
        kind = f" ({log.kind})" if self.face == "events" and log.kind != "all" else ""
        words = f" / {log.words}" if self.face == "events" and log.words else ""
        self.border_title = line(f"{self.face}{kind}{words}", most=80)

    # narrowing the events

    async def next_kind(self) -> None:
        log = self.query_one(EventLog)
        log.narrow(kind=KINDS[(KINDS.index(log.kind) + 1) % len(KINDS)])
        await self.turn("events")

    async def search(self) -> None:
        await self.turn("events")
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
