"""Every screen as a picture, held against the one that a person has looked at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import normalize_svg
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.tui.answering import Commands, Talking
from tests.tui.made import caught_up, seen
from tests.tui.picturing import FOLDER, RENEW, Pictures, slim
from tests.tui.scenes import NAMES, SCENES, Scene
from tests.tui.workspace import NOW
from tui import launch
from tui.app import Cockpit
from tui.habits import Habits
from tui.widgets import plan_pane, talk_pane

NOW_SEEN = FOLDER.parent / "build" / "pictures"
"""Where a picture that differs is left, to be looked at."""
Snapshot = Any
"""syrupy's assertion."""


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, in London's winter; nothing blinks or glides; no child process is started."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(time, "localtime", time.gmtime)
    monkeypatch.setattr(launch.subprocess, "run", Commands())
    monkeypatch.setattr(talk_pane, "Talk", Talking)
    monkeypatch.setattr(talk_pane.time, "monotonic", time.monotonic)
    monkeypatch.setattr(plan_pane, "PAUSE", 0.05)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr(TextArea, "cursor_blink", False)


@pytest.fixture
def kept(snapshot: Snapshot) -> Snapshot:
    return snapshot.use_extension(Pictures)


def scenes(fast: bool) -> Any:
    return pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.fast == fast], ids=lambda one: one.name)


@scenes(True)
async def test_a_screen_looks_as_it_was_last_looked_at(scene: Scene, tmp_path: Path, kept: Snapshot) -> None:
    await hold(scene, tmp_path, kept)


@pytest.mark.slow
@scenes(False)
async def test_a_state_looks_as_it_was_last_looked_at(scene: Scene, tmp_path: Path, kept: Snapshot) -> None:
    await hold(scene, tmp_path, kept)


IN_ASCII = ("run-poisoned", "runs", "new-fault", "traces-poisoned", "report-battery", "chat", "palette", "help")


@pytest.mark.slow
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.name in IN_ASCII], ids=lambda one: one.name)
async def test_every_cell_is_ascii_for_a_terminal_that_has_no_more(scene: Scene, tmp_path: Path) -> None:
    async with played(replace(scene, plain=True), tmp_path) as (pilot, app):
        await picture(pilot, app, 80, 24)
        assert set("+-|") < set(seen(app))
        assert [letter for letter in seen(app) if not letter.isascii()] == []


async def hold(scene: Scene, root: Path, kept: Snapshot) -> None:
    changed = []
    async with played(scene, root) as (pilot, app):
        for width, height in scene.sizes:
            name = f"{scene.name}-{width}x{height}"
            svg = await picture(pilot, app, width, height)
            if kept(name=name) != svg:
                NOW_SEEN.mkdir(parents=True, exist_ok=True)
                (NOW_SEEN / f"{name}.svg").write_text(slim(normalize_svg(svg)), encoding="utf-8")
                changed.append(name)
    if changed:
        pytest.fail(
            f"The screen no longer looks as in snapshots/: {', '.join(changed)}. As it is now: {NOW_SEEN}. "
            f"Look at both; where the new one is right, renew: {RENEW} -k {scene.name}"
        )


@asynccontextmanager
async def played(scene: Scene, root: Path) -> AsyncIterator[tuple[Pilot[Any], Cockpit]]:
    """The app in the state of a scene."""
    Commands.faulty = scene.faulty
    made = scene.prepare(root)
    Habits(root / "home").keep("theme", scene.theme)
    app = Cockpit(root, made[0], home=root / "home", plain=scene.plain)
    app.animation_level = "none"
    with scene.lock(made):
        async with app.run_test(size=scene.sizes[0], notifications=True, tooltips=True) as pilot:
            if made[0]:
                await caught_up(pilot, app)
            await pilot.press(*scene.keys)
            await scene.play(pilot, app)
            yield pilot, app


async def picture(pilot: Pilot[Any], app: Cockpit, width: int, height: int) -> str:
    """The screen in a size, once it has come to rest: two pictures in a row are the same."""
    if app.size != (width, height):
        await pilot.resize_terminal(width, height)
    before = ""
    for _ in range(200):
        await pilot.pause(0.03)
        if not all(worker.is_finished for worker in app.workers):
            continue
        svg = app.export_screenshot(simplify=True)
        if svg == before:
            return svg
        before = svg
    raise AssertionError("the screen does not come to rest")


def test_every_picture_is_of_a_scene() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == NAMES


def test_no_picture_fetches_anything_and_all_of_them_are_small() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")]
    assert texts
    assert not [text for text in texts if "url(" in text.replace("url(#", "") or "href" in text]
    assert sum(map(len, texts)) < 6_000_000
