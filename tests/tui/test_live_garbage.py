"""A workspace full of garbage: whatever lies in it, the window stays up, and what it says of a run is so."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.made import BEGAN, Cockpit, caught_up, made, seen, tell, trained, until

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 3.5, 1e308, 10**400, "", "x\x1b[2J[/x]", "\ud800", [], [[]], {}, {"a": {"b": [None]}}, [1, "a"],
)  # fmt: skip
ERROR = {"type": "E", "what": "w", "why": "y", "mend": "m"}
MEMORY = {"host_used": 1, "host_total": 2, "process": 3, "gpus": [
    {"index": 0, "name": "n", "used": 1, "total": 2, "process": 1, "watts": 3.0, "celsius": 40}]}  # fmt: skip
SOUND: tuple[tuple[str, dict[str, Any]], ...] = (
    ("run.started", {"pid": 1, "preset": "p"}),
    ("step.started", {"stage": "sft", "artifact": "data/sft-1"}),
    ("progress", {"done": 1, "total": 2, "unit": "rows"}),
    ("metric", {"step": 1, "loss": 1.0, "reward": 0.5, "score/helpfulness": 0.5}),
    (
        "item",
        {
            "what": "completion",
            "step": 1,
            "prompt_id": "p",
            "prompt": "q",
            "text": "t",
            "reward": 0.5,
            "scores": {"helpfulness": 0.5},
            "reasons": {"helpfulness": "r"},
        },
    ),
    (
        "item",
        {
            "what": "answer",
            "contestant": "c",
            "prompt": "q",
            "thought": "t",
            "answer": "a",
            "outcome": "answered",
            "scores": {"helpfulness": None},
            "reward": None,
        },
    ),
    ("item", {"what": "file", "name": "n", "type": "Q8_0", "bytes": 1, "tensors": {"F32": 1}, "verified": None}),
    ("memory", MEMORY),
    ("alert", {"level": "warning", "text": "t", "mend": "m", "since": 3}),
    ("wait", {"reason": "r", "until": 1e10}),
    ("log", {"text": "t"}),
    ("step.failed", {"error": ERROR}),
    ("step.cached", {"artifact": "a", "summary": {}}),
    (
        "step.finished",
        {"artifact": "report-1", "summary": {"verdict": {"met": True, "outcome": "met"}}, "seconds": 1.0},
    ),
    ("run.finished", {"state": "done", "code": 0, "seconds": 1.0, "error": ERROR}),
)


def spoilt(value: Any) -> Iterator[Any]:
    """The value with one thing in it, at any depth, gone or of another kind."""
    yield from JUNK
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: other for name, other in value.items() if name != key}
            for junk in spoilt(inner):
                yield {**value, key: junk}
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for junk in spoilt(inner):
                yield [*value[:place], junk, *value[place + 1 :]]


def lines() -> Iterator[str]:
    """Events, each with one thing wrong."""
    number = itertools.count(1)
    for kind, data in SOUND:
        event = {"seq": 1, "t": BEGAN, "attempt": 1, "step": "sft", "kind": kind, "data": data}
        for bad in spoilt(event):
            if (at := next(number)) % 10 == 1:  # a step that runs, so that what is spoilt is drawn too
                yield json.dumps({**event, "kind": "step.started", "data": SOUND[1][1], "seq": at})
            yield json.dumps(bad)


async def look_around(pilot: Pilot[None]) -> None:
    """Every screen, with what its keys do that start nothing."""
    for key in "1wwnLtesc2sSjc5jGc4j61":
        await pilot.press("escape" if key == "6" else key)
        await pilot.pause(0.05)


@pytest.mark.slow
async def test_events_with_anything_in_them_are_shown_or_left_out(tmp_path: Path) -> None:
    run = made(tmp_path, [], steps=["sft"])
    app = Cockpit(tmp_path, run, home=tmp_path / "home")
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        every = list(lines())
        for first in range(0, len(every), 200):
            with run.events.open("a", encoding="utf-8") as file:
                file.write("\n".join(every[first : first + 200]) + "\n")
            await pilot.pause(0.2)  # so few at once that most are drawn
        tell(run, [("", "run.finished", {"state": "done", "code": 0, "seconds": 5.0, "error": None})])
        await until(pilot, lambda: app.snapshot and app.snapshot.life == "done" and not app.snapshot.behind)
        await until(pilot, lambda: "lines of events.jsonl are damaged and left out" in seen(app))
        await look_around(pilot)


GARBAGE: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"3", b'"x"', b"{}", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"steps": 3}', b'{"steps": [1]}',
    b'{"steps": {"a": null}, "preset": [], "created": "x"}', b'{"created": 1e999, "preset": "\\ud800\\u001b[2J"}',
    b'{"created": -1e300, "tags": 3, "note": {}}', b'{"tags": [[], {}], "note": null}', b"x" * 5_000_000,
)  # fmt: skip


@pytest.mark.slow
async def test_run_directories_of_garbage_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    names = ("run.json", "config.json", "notes.json", "events.jsonl")
    for number, (name, garbage) in enumerate(itertools.product(names, GARBAGE)):
        run = made(tmp_path, trained(3), name=f"{number:03}-nano-aa")
        (run.path / name).write_bytes(garbage + b"\n")
    for name in names[1:]:
        run = made(tmp_path, trained(3), name=f"folder-{name}")
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).mkdir()
    (tmp_path / "data" / "broken-1").mkdir()
    (tmp_path / "data" / "broken-1" / "made.json").write_bytes(b"[3]")
    folders = list((tmp_path / "data" / "runs").glob("*"))
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(size=(200, 60), notifications=True, tooltips=True) as pilot:
        await until(pilot, lambda: len(app.runs) == len(folders))
        told = {row.run.id: row for row in app.runs}
        assert told["000-nano-aa"].fault == "damaged: run.json" and told["000-nano-aa"].life == "done"
        assert told["055-nano-aa"].fault == "damaged: events.jsonl" and told["055-nano-aa"].life == "new"
        assert told["folder-events.jsonl"].fault == "damaged: events.jsonl"
        for folder in sorted(folders)[len(GARBAGE) : 2 * len(GARBAGE)] + sorted(folders)[3 * len(GARBAGE) :]:
            app.select(folder.name)
            await until(pilot, lambda folder=folder: app.snapshot and app.snapshot.run.path == folder)
        assert "events.jsonl cannot be read" in seen(app) or (app.selected and app.selected.id != "folder-events.jsonl")
        await look_around(pilot)


async def test_a_run_deleted_while_it_is_open_is_let_go_of(tmp_path: Path) -> None:
    run = made(tmp_path, trained(3))
    app = Cockpit(tmp_path, run, home=tmp_path / "home")
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        await caught_up(pilot, app)
        shutil.rmtree(run.path)
        await until(pilot, lambda: app.runs == ())
        await look_around(pilot)
        await pilot.press("x", "r", "o", "escape", "d")
        assert not run.path.exists()


async def test_a_clock_that_jumps_leaves_figures_that_can_be_read(tmp_path: Path) -> None:
    run = made(tmp_path, trained(5, state=None))
    app = Cockpit(tmp_path, run, home=tmp_path / "home")
    with run.lock():
        for t in (0.0, BEGAN + 1e9, BEGAN - 1e8, BEGAN):
            tell(run, trained(6, state=None)[2:], t)
        async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
            await until(pilot, lambda: app.snapshot and not app.snapshot.behind)
            await pilot.press("t", "e", "e", "left", "enter", "2")
            await until(pilot, lambda: app.runs)
            assert app.runs[0].life in ("running", "stalled")
