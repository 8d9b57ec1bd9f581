from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.space import POISON, cockpit, make_run, until
from tui import plan_text as plans
from tui.app import Cockpit
from tui.launch import Done
from tui.screens.dialogue import Ask, Question
from tui.screens.new import NewScreen
from tui.widgets.field_editor import FieldEditor

PLAN = {
    "faulty": True, "disk_free": 2**30,
    "steps": [
        {"step": "sft", "state": "new", "why": "seed: 1 -> 2",
         "findings": [{"level": "fault", "text": f"no room {POISON}", "mend": "buy some"},
                      {"level": "note", "text": "3 GiB of GPU memory"}]},
        {"step": "[b]", "state": "cached", "why": "", "findings": []},
    ],
}  # fmt: skip
Play = Callable[[Pilot[None], Cockpit, NewScreen], Awaitable[None]]


class Asked(list[list[str]]):
    """Stands for the child processes: what they were asked, and what they answer."""

    def __call__(self, words: Sequence[str], _root: Path, _stdin: str = "") -> Done:
        self.append(list(words))
        value: Any = PLAN if words[0] == "plan" else {"run": "1-nano-aa"}
        return Done(" ".join(words), 0, value, "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr("tui.app.ask", found)
    monkeypatch.setattr("tui.screens.new.ask", found)
    monkeypatch.setattr("tui.screens.new.PAUSE", 0.05)
    monkeypatch.setattr("tui.screens.new.queue", lambda *_: "GPU 0 is in use by 1-nano-aa")
    return found


def play(root: Path, steps: Play, size: tuple[int, int] = (120, 40)) -> None:
    """Do something on the New run screen, once the plan of its first preset is there."""

    async def go() -> None:
        app = cockpit(root)
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            app.action_go("new")
            await until(pilot, lambda: isinstance(app.screen, NewScreen) and app.screen._planned_last)
            screen = app.screen
            assert isinstance(screen, NewScreen)
            await steps(pilot, app, screen)

    asyncio.run(go())


def about(screen: NewScreen) -> str:
    return str(screen.query_one("FieldEditor Static", Static).render())


def plan(screen: NewScreen) -> str:
    return str(screen.query_one("#found", Static).render())


async def find(pilot: Pilot[None], screen: NewScreen, words: str) -> None:
    await pilot.press("slash")
    screen.query_one("#filter", Input).value = words
    await pilot.press("enter", "g")
    await until(pilot, lambda: screen._words == words and screen.focused is not screen.query_one("#filter"))


def test_a_setting_is_checked_as_it_is_typed_then_planned_and_started(tmp_path: Path, asked: Asked) -> None:
    make_run(tmp_path, "1-nano-aa")

    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        editor = screen.query_one(FieldEditor)
        await find(pilot, screen, "sft.learning_rate")
        await until(pilot, lambda: about(screen).startswith("sft.learning_rate: number"))
        await pilot.press("enter")
        await until(pilot, lambda: editor.is_open)
        editor.query_one(Input).value = "quick"
        await until(pilot, lambda: "valid number" in about(screen))
        await pilot.press("enter")
        assert editor.is_open and not screen._sets  # a fault is not taken
        editor.query_one(Input).value = "0.5"
        await until(pilot, lambda: "valid number" not in about(screen))
        await pilot.press("enter")
        assert screen._sets == {"sft.learning_rate": "0.5"}
        await until(pilot, lambda: asked[-1][:4] == ["plan", "quickstart", "--set", "sft.learning_rate=0.5"])
        await pilot.press("H", "S")
        await until(pilot, lambda: app.current_mode == "run")

    play(tmp_path, steps)
    assert asked[-1] == ["run", "quickstart", "--set", "sft.learning_rate=0.5", "--share-gpu", "--detach", "--json"]


def test_what_only_the_whole_form_can_tell_is_told_while_typing(tmp_path: Path, asked: Asked) -> None:
    async def steps(pilot: Pilot[None], _: Cockpit, screen: NewScreen) -> None:
        await find(pilot, screen, "sft.max_seq_length")
        await pilot.press("enter")
        screen.query_one("FieldEditor Input", Input).value = "-3"
        await until(pilot, lambda: "greater than" in about(screen))
        await pilot.press("escape")
        assert not screen.query_one(FieldEditor).is_open and not screen._sets
        await find(pilot, screen, "traces.provider")
        field = screen._at()
        assert field is not None
        screen._check(field, "nobody")
        await pilot.press("enter")
        with screen.query_one(Input).prevent(Input.Changed):
            screen.query_one("FieldEditor Input", Input).value = "nobody"
        screen._check(field, "nobody")
        await until(pilot, lambda: "no [providers.nobody]" in about(screen))

    play(tmp_path, steps)
    assert asked


def test_choices_turn_and_the_presets_value_comes_back(tmp_path: Path, asked: Asked) -> None:
    async def steps(pilot: Pilot[None], _: Cockpit, screen: NewScreen) -> None:
        await find(pilot, screen, "sft.backend")
        await pilot.press("space")
        assert screen._sets == {"sft.backend": "auto"}
        await pilot.press("space", "space")
        assert screen._sets == {}  # the preset's own again
        await pilot.press("space", "u")
        assert screen._sets == {}
        await pilot.press("escape")
        await until(pilot, lambda: len(screen._seen) == len(screen._fields) > 50)

    play(tmp_path, steps)
    assert asked


def test_saving_over_a_preset_asks_first(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.toml").write_text('extends = "nano"\n', encoding="utf-8")

    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        async def name(text: str) -> None:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            app.screen.query_one(Input).value = text
            await pilot.press("enter")

        await name("new")
        await until(pilot, lambda: asked[-1] == ["save", "quickstart", "--as", "new"])
        await name("mine")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert asked[-1][-1] == "new"
        await name("mine")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: asked[-1] == ["save", "quickstart", "--as", "mine", "--overwrite"])

    play(tmp_path, steps)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_plan_stands_beside_it_poisoned_or_not(tmp_path: Path, asked: Asked, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        text = plan(screen)
        assert text.index("no room [INST]") < text.index("1.00 GiB of disk free") < text.index("3 GiB of GPU memory")
        assert "GPU 0 is in use by 1-nano-aa: this run waits" in text and "[b] cached" in text
        await pilot.press("H")
        assert "trains beside it" in plan(screen)
        await find(pilot, screen, "[/x] \ud800\x00")
        assert screen._seen == []
        await pilot.press("enter", "space", "u", "escape", "g", "enter")
        screen.query_one("FieldEditor Input", Input).value = POISON
        await pilot.pause()
        picture = app.export_screenshot()
        assert "\x1b" not in picture and "\u202e" not in picture
        assert screen.query_one("#plan").region.height >= 5 and screen.query_one("#form").region.width >= 60

    play(tmp_path, steps, size)
    assert asked


def test_who_holds_the_gpu_is_told_only_while_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.engine.artifacts import Workspace
    from tests.tui.test_news import ROW

    workspace = Workspace(tmp_path)
    workspace.locks.mkdir(parents=True)
    monkeypatch.setattr(plans, "present_gpu", lambda: 1)
    assert plans.queue(workspace, [ROW]) == ""
    (workspace.locks / "gpu-1.holder").write_text(ROW.run.id, encoding="utf-8")
    assert plans.queue(workspace, [ROW]) == f"GPU 1 is in use by {ROW.run.id}"
    assert plans.queue(workspace, []) == ""
    monkeypatch.setattr(plans, "present_gpu", lambda: None)
    assert plans.queue(workspace, [ROW]) == ""
