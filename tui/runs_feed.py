"""All runs of a workspace as rows, kept by a thread: each run's events are read once, a live one's as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import Workspace
from pipeline.engine.errors import PipelineError
from pipeline.engine.events import Event, Tail
from pipeline.engine.runs import Run, list_runs
from pipeline.engine.view import Life, RunView

LOOK = 1.0
"""Seconds between looks."""
EVENTS = "events.jsonl"
LIVE = ("running", "waiting", "stalled")


@dataclass(frozen=True)
class RunRow:
    """What a list of runs tells of one."""

    run: Run
    life: Life
    preset: str
    created: float
    done: int
    """Steps that are done or were there already."""
    steps: int
    seconds: float | None
    at: str
    """The step that runs, or the last one."""
    figures: Mapping[str, float]
    """Final figures by name: last loss and reward, the verdict's gain."""
    tags: tuple[str, ...]
    note: str
    waiting: str
    """On what it waits."""
    until: float | None
    """Until when, where that is known."""
    fault: str = ""
    """Which of its files are damaged."""

    def text(self) -> str:
        """What a filter looks through."""
        figures = " ".join(f"{name}={value:.4g}" for name, value in self.figures.items())
        return f"{self.run.id} {self.preset} {self.life} {' '.join(self.tags)} {self.note} {figures}".casefold()


@dataclass
class _Known:
    tail: Tail
    view: RunView = field(default_factory=RunView)
    about: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    faults: tuple[str, ...] = ()
    size: int = -1
    noted: int = -1
    """When tags and notes were last changed, in ns; 0: there are none."""
    row: RunRow | None = None


class RunsFeed:
    """Looks once a second until closed; `send` is called in its thread, and only where something changed."""

    def __init__(self, workspace: Workspace, send: Callable[[tuple[RunRow, ...]], None]) -> None:
        self._workspace, self._send = workspace, send
        self._closed, self._now = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="runs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Look at once."""
        self._now.set()

    def close(self) -> None:
        self._closed.set()
        self._now.set()

    def _loop(self) -> None:
        known: dict[str, _Known] = {}
        sent: tuple[RunRow, ...] | None = None
        while not self._closed.is_set():
            rows = tuple(row for run in list_runs(self._workspace) if (row := _row(run, known)) is not None)
            if rows != sent and not self._closed.is_set():
                sent = rows
                self._send(rows)
            self._now.wait(LOOK)
            self._now.clear()


def _row(run: Run, known: dict[str, _Known]) -> RunRow | None:
    """None for a directory that is just being deleted."""
    try:
        entry = known.get(run.id)
        if entry is None:
            entry = known[run.id] = _known(run)
        size, noted = _stat(run.events)[0], _stat(run.path / "notes.json")[1]
        over = entry.row and entry.row.life not in LIVE  # a run holds its lock a moment longer than its last event
        if over and entry.view.finished and (size, noted) == (entry.size, entry.noted):
            return entry.row  # whoever resumes it writes an event first
        while size != entry.size and (events := _events(entry)):
            for event in events:
                entry.view.apply(event)
        entry.size, entry.noted = size, noted
        notes, unread = _table(run.notes, "notes.json")
        entry.row = _told(run, entry, notes, unread)
        return entry.row
    except (PipelineError, OSError):
        return None


def _events(entry: _Known) -> list[Event]:
    try:
        return entry.tail.read(5000)
    except OSError:
        entry.faults = (*(name for name in entry.faults if name != EVENTS), EVENTS)
        return []


def _known(run: Run) -> _Known:
    about, unread = _table(run.about, "run.json")
    tree, unread_too = _table(run.tree, "config.json")
    steps = tree.get("steps")
    return _Known(
        Tail(run.events), about=about, steps=len(steps) if isinstance(steps, dict) else 0, faults=(*unread, *unread_too)
    )


def _table(read: Callable[[], Mapping[str, Any]], name: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a file holds, and its name where it holds nothing that can be read."""
    try:
        return read(), ()
    except (PipelineError, OSError, ValueError, TypeError, RecursionError):
        return {}, (name,)


def _told(run: Run, entry: _Known, notes: Mapping[str, Any], unread: tuple[str, ...]) -> RunRow:
    view, about = entry.view, entry.about
    waiting = view.waiting or {}
    created, tags = about.get("created"), notes.get("tags")
    faults = [*entry.faults, *unread, *([EVENTS] if entry.tail.damaged and EVENTS not in entry.faults else [])]
    return RunRow(
        run,
        view.life(run.is_alive()),
        str(about.get("preset", "")),
        float(created) if isinstance(created, int | float) and 0 <= created < 2**40 else 0.0,
        sum(step.state in ("done", "cached") for step in view.steps.values()),
        entry.steps,
        view.finished.get("seconds") if view.finished else None,
        next(reversed(view.steps), ""),
        _figures(view),
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        str(notes.get("note", "")),
        str(waiting.get("reason", "")),
        waiting.get("until"),
        f"damaged: {', '.join(faults)}" if faults else "",
    )


def _stat(path: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns; zeros where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _figures(view: RunView) -> dict[str, float]:
    found: dict[str, float] = {}
    for step in view.steps.values():
        for name in ("loss", "reward"):
            value = step.metrics.get(name)
            if isinstance(value, int | float):
                found[f"{step.name}.{name}"] = float(value)
        verdict = step.summary.get("verdict")
        if isinstance(verdict, dict) and isinstance(verdict.get("met"), bool):
            found["verdict"] = float(verdict["met"])
    return found
