"""A real run of `nano`, detached, operated by keys alone: from New run to a chat with what it exported."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot

from tests.tui.made import seen, until
from tui.app import Cockpit
from tui.screens.chat import ChatScreen
from tui.screens.choose import Choose
from tui.screens.dialogue import Question
from tui.screens.new import NewScreen
from tui.widgets.talk_pane import TalkPane

LONG = 240.0
"""Seconds for what trains; a quiet machine takes a third of it for the whole run."""


def processes_of(root: Path) -> list[str]:
    """Command lines of what runs for this workspace."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(str(root) in word for word in words):
            found.append(" ".join(words))
    return found


async def start(pilot: Pilot[None], app: Cockpit) -> None:
    await pilot.press("3")
    await until(pilot, lambda: isinstance(app.screen, NewScreen) and app.screen._fields)
    await pilot.press("p")
    await until(pilot, lambda: isinstance(app.screen, Choose))
    await pilot.press(*"nano", "enter")
    await until(pilot, lambda: "new run of nano" in seen(app))
    await until(pilot, lambda: "no fault" in seen(app) and "being asked for" not in seen(app))
    assert not list((app.root / "data").glob("runs/*")), "a plan does nothing"
    await pilot.press("S")
    await until(pilot, lambda: app.current_mode == "run" and life(app) == "running")


def life(app: Cockpit) -> str:
    return app.snapshot.life if app.snapshot else ""


def going(app: Cockpit) -> str:
    """The step that runs."""
    steps = app.snapshot.steps if app.snapshot else ()
    return next((step.name for step in steps if step.state == "running"), "")


@pytest.mark.slow
async def test_nano_is_started_stopped_resumed_read_and_talked_to_by_keys(
    tmp_path: Path, server: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = tmp_path / "live", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    address, heard = server
    (home / "settings.toml").write_text(f'webhook = "{address}/hook"\n', encoding="utf-8")
    rung: list[bool] = []
    monkeypatch.setattr(Cockpit, "bell", lambda _: rung.append(True))
    app = Cockpit(root, home=home)
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        await start(pilot, app)
        await until(pilot, lambda: going(app) == "sft", LONG)
        await until(pilot, lambda: "running" in seen(app) and "sft" in seen(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: life(app) == "stopped" and "stopped" in seen(app), LONG)
        assert app.snapshot and "grpo" not in {step.name for step in app.snapshot.steps}
        await until(pilot, lambda: not processes_of(root) and len(heard) == 1)

        await pilot.press("r")
        await until(pilot, lambda: life(app) == "running")
        await until(pilot, lambda: life(app) == "done", LONG)
        assert all(step.state in ("done", "cached") for step in app.snapshot.steps)
        await until(pilot, lambda: "done" in seen(app) and len(heard) >= 2)
        assert [body["state"] for _, body in heard] == ["stopped", "done"] and len(rung) == 2
        assert {body["run"] for _, body in heard} == {app.snapshot.run.id}

        await pilot.press("5")
        await until(pilot, lambda: "verdict: not asked" in seen(app) and "lineage" in seen(app))

        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen) and ".gguf" in seen(app))
        await pilot.press(*"How are you?", "enter")
        pane = app.screen.query_one("#first", TalkPane)
        await until(pilot, lambda: pane.turns and pane.turns[-1].figures)
        assert pane.turns[-1].figures["tokens"] > 0, pane.turns[-1].said
        assert len(processes_of(root)) >= 1, "the model lives in a process of its own"
    end = time.monotonic() + 20
    while processes_of(root) and time.monotonic() < end:
        await asyncio.sleep(0.1)
    assert processes_of(root) == []
