"""Events and alerts as lines, newest last; filtered by kind and by words. The newest few thousand are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from textual.content import Content

from pipeline.engine.events import Event
from pipeline.engine.rows import Row, dump
from tui.text import clock, line, moment
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.signs import sign

KEPT = 5000
LONGEST = 400
"""Letters of an event in its line; the rest is cut off anyway, and drawing stays quick."""
ENDS = {"done": "the run is done", "unmet": "the run is done, its verdict not met,", "stopped": "stopped on request"}
"""How a run ended, in words."""
KINDS = ("all", "alert", "log", "wait", "step", "run", "item")
"""Filters: `step` and `run` stand for all kinds that begin so."""


class EventLog(RecordList):
    """Stays at the newest line while the cursor is there."""

    ABOUT = "What happened, newest last. / searches, K narrows to a kind of event."

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__([Column("time", 8), Column("", 1), Column("step", 12, least=60), Column("event", 0)],
                         empty="Nothing has happened yet.", **options)  # fmt: skip
        self._plain = plain
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._seen: list[Event] = []
        self.kind, self.words = "all", ""

    def clear(self) -> None:
        self._events.clear()
        self._shown()

    def add(self, events: Iterable[Event]) -> None:
        self._events.extend(events)
        self._shown()

    def narrow(self, kind: str | None = None, words: str | None = None) -> None:
        """Show only a kind of event, or those that hold all of the words."""
        self.kind = self.kind if kind is None else kind
        self.words = self.words if words is None else words
        self._shown()

    def at_cursor(self) -> Event | None:
        return self._seen[self.cursor] if 0 <= self.cursor < len(self._seen) else None

    def as_text(self) -> str:
        """The event under the cursor as it is written."""
        return dump(event.data) if (event := self.at_cursor()) else ""

    def _shown(self) -> None:
        newest, at = self.cursor >= len(self._seen) - 1, self.at_cursor()
        wanted = self.words.casefold().split()
        self._seen = [
            event
            for event in self._events
            if (self.kind == "all" or event.kind.startswith(self.kind)) and _holds(event, wanted)
        ]
        place = next((place for place, event in enumerate(self._seen) if event is at), None)
        self.show(_Lines(self._seen, self._plain), len(self._seen) - 1 if newest else place)


def _holds(event: Event, words: Sequence[str]) -> bool:
    if not words:
        return True
    text = f"{event.step} {say(event)}".casefold()
    return all(word in text for word in words)


class _Lines(Rows):
    def __init__(self, events: Sequence[Event], plain: bool) -> None:
        super().__init__()
        self._events, self._plain = events, plain

    def __len__(self) -> int:
        return len(self._events)

    def cells(self, index: int) -> Sequence[Content]:
        event = self._events[index]
        level = str(event.data.get("level", "")) if event.kind == "alert" else _level(event)
        return [
            Content.styled(moment(event.t), "$foreground-muted"),
            sign(level, self._plain) if level else Content(" "),
            line(event.step, "$foreground-muted", most=LONGEST),
            line(say(event), most=LONGEST),
        ]


def _level(event: Event) -> str:
    if event.kind == "run.finished":
        return str(event.data.get("state", ""))
    return {"step.failed": "failed", "step.finished": "done", "step.cached": "cached", "step.started": "running",
            "run.started": "running", "wait": "waiting"}.get(event.kind, "")  # fmt: skip


def say(event: Event) -> str:
    """An event in a sentence."""
    data = event.data
    match event.kind:
        case "alert" | "log":
            return str(data.get("text", ""))
        case "wait":
            until = data.get("until")
            when = f", until {moment(until)}" if isinstance(until, int | float) else ""
            return f"waits: {data.get('reason', '')}{when}"
        case "step.started":
            return f"{event.step} begins"
        case "step.cached":
            return f"{event.step} was there already"
        case "step.finished":
            return f"{event.step} is done, in {_took(data)}"
        case "step.failed" | "run.finished" if isinstance(data.get("error"), dict):
            error = data["error"]
            return " ".join(str(error.get(part, "")) for part in ("what", "why", "mend") if error.get(part))
        case "run.started":
            return f"{data.get('preset', '')} begins, attempt {event.attempt}, process {data.get('pid')}"
        case "run.finished":
            state = str(data.get("state"))
            return f"{ENDS.get(state, state)} after {_took(data)}"
        case "item":
            said = next((data[name] for name in ("answer", "text", "name", "outcome", "id") if data.get(name)), "")
            step, reward = data.get("step"), data.get("reward")
            known = [f"step {step:,}"] if isinstance(step, int) else []
            known += [f"reward {reward:.3f}"] if isinstance(reward, int | float) else []
            return f"{', '.join(known) if len(known) == 2 else data.get('what', 'item')}: {said}"
    return event.kind


def _took(data: Row) -> str:
    seconds = data.get("seconds")
    return clock(seconds) if isinstance(seconds, int | float) else "–"
