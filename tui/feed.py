"""What the screen knows of a run: a thread tails its events and hands out snapshots, so that the screen never waits.

It reads in chunks, and hands out at most five snapshots a second, each with what is new since the one before.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.engine.events import Event, Tail
from pipeline.engine.runs import Run
from pipeline.engine.view import Life, RunView, StepView
from tui.series import Series

CHUNK = 300
"""Events read at once."""
GAP = 0.1
"""Seconds between looks at a silent file."""
NEWS, LOADING = 0.2, 1.2
"""Seconds between snapshots of a run, and while there is more in its file than has been read yet."""
BREATH, DRAWING = 0.004, 0.06
"""Seconds between chunks, and after a snapshot, in which the screen has the interpreter to itself."""
LOOK = 1.0
"""Seconds between looks at the lock of a silent run."""
ITEMS, MEMORY = 200, 900
"""Items and samples of memory that are kept."""

Wiring = Mapping[str, Mapping[str, Any]]
"""Step -> `stage` and `from` (input -> step, path or list of them), as the run's config has them."""
Lines = Mapping[str, Mapping[str, Series]]
"""Step -> metric -> its points."""


@dataclass(frozen=True)
class Snapshot:
    """A run at a moment. Nothing in it changes later but `lines`, which grow at their ends."""

    run: Run
    life: Life
    steps: tuple[StepView, ...]
    planned: tuple[str, ...]
    """The names of all steps of the run, in order; those that have not begun too."""
    wiring: Wiring
    lines: Lines
    fresh: tuple[Event, ...]
    """Events since the snapshot before: all but `progress`, `metric` and `memory`."""
    items: tuple[Event, ...]
    memory: tuple[tuple[float, Mapping[str, Any]], ...]
    waiting: Mapping[str, Any] | None
    finished: Mapping[str, Any] | None
    last: float
    """Time of the last event."""
    pid: int | None
    behind: bool
    """Whether there is more in the file than has been read yet."""
    fault: str = ""
    """What is wrong with the file: it cannot be read, or has lines that are no events."""


@dataclass
class _State:
    """What the thread keeps between snapshots."""

    view: RunView = field(default_factory=RunView)
    lines: dict[str, dict[str, Series]] = field(default_factory=dict)
    items: deque[Event] = field(default_factory=lambda: deque(maxlen=ITEMS))
    memory: deque[tuple[float, Mapping[str, Any]]] = field(default_factory=lambda: deque(maxlen=MEMORY))

    def apply(self, event: Event) -> None:
        self.view.apply(event)
        if event.kind == "metric":
            of_step = self.lines.setdefault(event.step, {})
            for name, value in event.data.items():
                if name != "step" and (value is None or isinstance(value, int | float)):
                    of_step.setdefault(name, Series()).add(float(event.data.get("step") or 0), event.t, value)
        elif event.kind == "item":
            self.items.append(event)
        elif event.kind == "memory":
            self.memory.append((event.t, event.data))


class Feed:
    """Tails one run until closed. `send` is called in the feed's thread."""

    def __init__(self, run: Run, send: Callable[[Snapshot], None]) -> None:
        self.run = run
        self._send = send
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"feed {run.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()

    def _loop(self) -> None:
        tail, state = Tail(self.run.events), _State()
        wiring = _wiring(self.run)
        told: tuple[Life, str] | None = None
        looked, sent = 0.0, 0.0
        fresh: list[Event] = []
        news, behind = False, True
        while not self._closed.is_set():
            events, fault = _read(tail)
            for event in events:
                state.apply(event)
                if event.kind not in ("progress", "metric", "memory"):
                    fresh.append(event)
            now = time.monotonic()
            due = now - looked >= LOOK
            if due or (events and events[-1].kind == "run.finished"):
                looked = now
            full = len(events) >= CHUNK
            news = news or bool(events)
            caught_up = behind and not full
            if news or due:
                if not self.run.path.is_dir():
                    return  # deleted; to look at its lock would make the folder again
                found = state.view.life(self.run.is_alive())
                if (news and now - sent >= (LOADING if full else NEWS)) or (found, fault) != told or caught_up:
                    told, sent, news, behind = (found, fault), now, False, full
                    self._send(_snapshot(self.run, state, found, wiring, fresh, fault, full))
                    fresh = []
            self._closed.wait((DRAWING if sent == now else BREATH) if full else GAP)


def _read(tail: Tail) -> tuple[list[Event], str]:
    """What is new, and what is wrong with the file."""
    try:
        events = tail.read(CHUNK)
    except OSError as error:
        return [], f"events.jsonl cannot be read: {error.strerror}."
    count = tail.damaged
    lines = "1 line of events.jsonl is" if count == 1 else f"{count:,} lines of events.jsonl are"
    return events, f"{lines} damaged and left out." if count else ""


def _wiring(run: Run) -> Wiring:
    try:
        steps = run.tree().get("steps")
    except Exception:  # a run directory that somebody is deleting, or has damaged
        return {}
    named = steps.items() if isinstance(steps, dict) else ()
    return {name: step if isinstance(step, dict) else {} for name, step in named}


def _snapshot(
    run: Run,
    state: _State,
    life: Life,
    wiring: Wiring,
    fresh: list[Event],
    fault: str,
    behind: bool,
) -> Snapshot:
    view = state.view
    return Snapshot(
        run,
        life,
        tuple(replace(step, metrics=dict(step.metrics)) for step in view.steps.values()),
        tuple(wiring),
        wiring,
        {step: dict(lines) for step, lines in state.lines.items()},
        tuple(fresh),
        tuple(state.items),
        tuple(state.memory),
        view.waiting,
        view.finished,
        view.last,
        view.pid,
        behind,
        fault,
    )
