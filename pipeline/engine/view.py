"""RunView: the state of a run as a fold over its events, for the CLI and the screen alike."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pipeline.engine.events import Event, Tail
from pipeline.engine.rows import Row
from pipeline.engine.runs import Run

Life = Literal["new", "running", "waiting", "stalled", "done", "unmet", "stopped", "failed", "died"]
SIGNS = ("progress", "metric", "item", "wait")
STALL_FACTOR = 10
STALL_FLOOR = 30.0
"""Seconds below which no silence counts as a stall: imports and loading are silent."""


@dataclass
class StepView:
    name: str
    state: Literal["running", "cached", "done", "failed"] = "running"
    stage: str = ""
    artifact: str = ""
    began: float = 0.0
    seconds: float | None = None
    done: int = 0
    total: int | None = None
    unit: str = "rows"
    metrics: Row = field(default_factory=dict)
    summary: Row = field(default_factory=dict)
    error: Row | None = None


@dataclass
class RunView:
    """What a run's events say, no more. Whether its process lives is the lock's to tell: see `life`."""

    steps: dict[str, StepView] = field(default_factory=dict)
    attempt: int = 0
    pid: int | None = None
    preset: str = ""
    finished: Row | None = None
    waiting: Row | None = None
    memory: Row = field(default_factory=dict)
    alerts: list[Event] = field(default_factory=list)
    last: float = 0.0
    """Time of the last event."""
    signs: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    """Times of the last progress, metric, item and wait events of the present step."""

    def apply(self, event: Event) -> None:
        data = event.data
        self.attempt, self.last = event.attempt, event.t
        if event.kind in SIGNS:
            self.signs.append(event.t)
            self.waiting = data if event.kind == "wait" else None
        step = self.steps.get(event.step)
        match event.kind:
            case "run.started":
                self.pid, self.preset, self.finished = data["pid"], data["preset"], None
            case "run.finished":
                self.finished, self.waiting = data, None
            case "step.started":
                self.steps[event.step] = StepView(
                    event.step, stage=data["stage"], artifact=data["artifact"], began=event.t
                )
                self.signs.clear()
                self.waiting = None
            case "step.cached":
                self.waiting = None
                self.steps[event.step] = StepView(
                    event.step, "cached", artifact=data["artifact"], summary=data["summary"]
                )
            case "step.finished" if step:
                step.state, step.seconds, step.summary = "done", data["seconds"], data["summary"]
            case "step.failed" if step:
                step.state, step.error = "failed", data["error"]
            case "progress" if step:
                step.done, step.total, step.unit = data["done"], data["total"], data["unit"]
            case "metric" if step:
                step.metrics.update(data)
            case "memory":
                self.memory = data
            case "alert":
                self.alerts.append(event)

    def life(self, alive: bool, now: float | None = None) -> Life:
        """The honest state: `alive` is whether the run's lock is held."""
        if not alive:
            if self.finished:
                return self.finished["state"]  # type: ignore[no-any-return]
            return "died" if self.attempt else "new"
        if self.waiting:
            return "waiting"
        gaps = [later - earlier for earlier, later in zip(self.signs, list(self.signs)[1:], strict=False)]
        if len(gaps) >= 5:
            silence = (now or time.time()) - self.signs[-1]
            if silence > max(STALL_FLOOR, STALL_FACTOR * statistics.median(gaps)):
                return "stalled"
        return "running"


def fold(events: Iterable[Event], view: RunView | None = None) -> RunView:
    view = view or RunView()
    for event in events:
        view.apply(event)
    return view


def view_of(run: Run) -> tuple[RunView, Life]:
    """The present state of a run on disk."""
    alive = run.is_alive()
    view = fold(Tail(run.events).read())
    return view, view.life(alive)
