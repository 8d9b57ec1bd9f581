"""What there is a picture of: each screen in three sizes, and its states that a person should recognise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tui.states import (
    Made,
    died,
    empty,
    ended,
    finished,
    long_text,
    of_traces,
    poisoned,
    poisoned_traces,
    running,
    silent,
    track_finished,
    track_running,
    waiting,
)
from tests.tui.ways import (
    Play,
    at,
    beside,
    boarded,
    both,
    chat_settings,
    chosen,
    cursor,
    dialogue,
    differ,
    gone,
    listed,
    lower,
    marked,
    narrowed,
    nothing,
    opened,
    palette,
    planned,
    runs_narrowed,
    tagged,
    talked,
    two_reports,
    typed,
)

ALL = ((120, 40), (80, 24), (200, 60))
ONE = ((120, 40),)


@dataclass(frozen=True)
class Scene:
    name: str
    prepare: Callable[[Path], Made]
    keys: tuple[str, ...] = ()
    """Pressed once the run is shown."""
    play: Play = nothing
    """What else leads to the state; it waits until it is there."""
    sizes: tuple[tuple[int, int], ...] = ONE
    theme: str = "night"
    plain: bool = False
    fast: bool = False
    """Whether it is among those that are held against their picture with every run of the tests."""
    faulty: bool = False
    """Whether the plan has a fault to tell."""

    def lock(self, made: Made) -> AbstractContextManager[Any]:
        run, alive = made
        return run.lock() if run and alive else nullcontext()


SCENES = (
    Scene("run-empty", empty, sizes=ALL, fast=True),
    Scene("run-running", running, sizes=ALL, fast=True),
    Scene("run-finished", finished, sizes=ALL),
    Scene("run-completions", running, ("w",), lower, sizes=ALL),
    Scene("run-dimensions", running, ("w", "w")),
    Scene("run-cursor", running, (), cursor),
    Scene("run-zoomed", running, ("z",)),
    Scene("run-search", running, (), narrowed),
    Scene("run-waiting", waiting),
    Scene("run-stalled", silent),
    Scene("run-died", died),
    Scene("run-stopped", ended("stopped")),
    Scene("run-failed", ended("failed"), sizes=ALL),
    Scene("run-long", long_text, ("w", "G")),
    Scene("run-poisoned", poisoned, ("w",), lower),
    Scene("run-day", running, theme="day"),
    Scene("run-okabe-ito", running, theme="okabe-ito"),
    Scene("run-grey", running, theme="grey"),
    Scene("run-ascii", running, ("w",), lower, sizes=ALL, theme="grey", plain=True),
    Scene("run-track", track_running, sizes=ALL),
    Scene("run-track-sources", track_running, ("w",)),
    Scene("run-track-finished", track_finished, sizes=ALL),
    Scene("run-track-ascii", track_running, theme="grey", plain=True),
    Scene("run-small", running, sizes=((79, 23),)),
    Scene("runs", running, ("2",), listed, sizes=ALL, fast=True),
    Scene("runs-empty", empty, ("2",)),
    Scene("runs-difference", running, ("2",), differ),
    Scene("runs-filter", running, ("2",), runs_narrowed),
    Scene("runs-ascii", running, ("2",), listed, plain=True),
    Scene("new", empty, ("3",), planned, sizes=ALL),
    Scene("new-fault", empty, ("3",), typed, sizes=ALL, faulty=True),
    Scene("new-ascii", empty, ("3",), planned, plain=True),
    Scene("traces", of_traces, ("4",), opened, sizes=ALL, fast=True),
    Scene("traces-empty", empty, ("4",)),
    Scene("traces-marked", of_traces, ("4",), marked),
    Scene("traces-siblings", of_traces, ("4",), beside, sizes=ALL),
    Scene("traces-board", of_traces, ("4",), boarded),
    Scene("traces-poisoned", poisoned_traces, ("4",), opened),
    Scene("traces-ascii", of_traces, ("4",), opened, plain=True),
    Scene("report-verdict", finished, ("5",), at(0), sizes=ALL),
    Scene("report-dimensions", finished, ("5",), at(1)),
    Scene("report-contestants", finished, ("5",), at(2)),
    Scene("report-battery", finished, ("5",), at(3)),
    Scene("report-test", finished, ("5",), at(9)),
    Scene("report-tournament", finished, ("5",), at(16)),
    Scene("report-calibration", finished, ("5",), at(17)),
    Scene("report-lineage", finished, ("5",), at(21)),
    Scene("report-curriculum", track_finished, ("5",), at(1), sizes=((120, 40), (80, 24))),
    Scene("run-track-chosen", track_finished, ("P",)),
    Scene("report-answers", finished, ("5",), at(23)),
    Scene("report-compared", finished, ("5",), two_reports),
    Scene("report-empty", running, ("5",)),
    Scene("report-ascii", finished, ("5",), at(1), plain=True),
    Scene("chat", empty, ("6",), talked, sizes=ALL),
    Scene("chat-empty", empty, ("6",), sizes=ALL),
    Scene("chat-beside", empty, ("6",), both, sizes=ALL),
    Scene("chat-died", empty, ("6",), gone),
    Scene("chat-settings", empty, ("6",), chat_settings),
    Scene("chat-ascii", empty, ("6",), talked, plain=True),
    Scene("palette", running, (), palette, sizes=ALL),
    Scene("help", running, ("f1",), sizes=ALL),
    Scene("question", running, ("x",), dialogue, sizes=ALL),
    Scene("ask", running, ("2",), tagged),
    Scene("choose", empty, ("3",), chosen),
)  # fmt: skip
NAMES = {f"{scene.name}-{width}x{height}" for scene in SCENES for width, height in scene.sizes}
