from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static

from pipeline.engine.artifacts import Workspace
from pipeline.engine.runs import Run, create_run
from tests.tui.settle import until
from tests.tui.space import POISON, cockpit, make_run
from tests.tui.traced import space
from tui import plan_text as plans
from tui.app import Cockpit
from tui.form import fields_of
from tui.launch import Done
from tui.screens.choose import Choose, ChooseSeveral
from tui.screens.dialogue import Ask, Question
from tui.screens.new import NewScreen
from tui.screens.runs import RunsScreen
from tui.start import Start
from tui.widgets.field_editor import FieldEditor
from tui.widgets.plan_pane import PlanPane
from tui.widgets.record_list import RecordList

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
    monkeypatch.setattr("tui.widgets.plan_pane.PAUSE", 0.05)
    monkeypatch.setattr("tui.screens.new.queue", lambda *_: "GPU 0 is in use by 1-nano-aa")
    return found


def play(root: Path, steps: Play, size: tuple[int, int] = (120, 40)) -> None:
    """Do something on the New run screen, once the plan of its first preset is there."""

    async def go() -> None:
        app = cockpit(root)
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            app.action_go("new")
            await until(pilot, lambda: isinstance(app.screen, NewScreen) and app.screen.ready)
            await until(pilot, lambda: app.screen.query_one(PlanPane).planned)
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


def shown(screen: NewScreen, step: str) -> dict[str, str]:
    """Setting -> value of a step, as the list has them."""
    rows = screen.query_one(RecordList)._source
    cells = [[str(cell) for cell in rows.cells(place)] for place in range(len(rows))]
    return {cell[1]: cell[3] for field, cell in zip(screen._seen, cells, strict=True) if field.step == step}


def test_a_step_is_switched_off_and_on_and_its_inputs_are_wired(tmp_path: Path, asked: Asked) -> None:
    space(tmp_path, [], "judge-00000000000a", kind="scores")

    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        assert shown(screen, "sft")["from.scores"] == "(judge)" and shown(screen, "judge")["from.traces"] == "(traces)"
        await find(pilot, screen, "judge.enabled")
        await pilot.press("x")
        await until(pilot, lambda: "judge.enabled" in screen._sets)
        await find(pilot, screen, "")
        await until(pilot, lambda: shown(screen, "judge") == {"enabled": "false"})  # no setting of it is left
        assert shown(screen, "sft")["from.scores"] == "(traces)"
        await find(pilot, screen, "sft.from.scores")
        await until(pilot, lambda: "scores or traces" in about(screen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"judge-", "enter")
        await until(pilot, lambda: screen._sets.get("sft.from.scores") == "judge-00000000000a")
        wanted = ["plan", "quickstart", "--set", "judge.enabled=false", "--set", "sft.from.scores=judge-00000000000a"]
        await until(pilot, lambda: asked[-1][:6] == wanted)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"another", "enter")
        await until(pilot, lambda: screen.query_one(FieldEditor).is_open)
        screen.query_one("FieldEditor Input", Input).value = "nowhere"
        await until(pilot, lambda: "no step, name or path `nowhere`" in about(screen))
        await pilot.press("escape", "u")
        await until(pilot, lambda: list(screen._sets) == ["judge.enabled"])
        await find(pilot, screen, "judge.enabled")
        await pilot.press("x")
        await until(pilot, lambda: not screen._sets)

    play(tmp_path, steps)


def test_an_input_of_several_steps_is_ticked(tmp_path: Path, asked: Asked) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        async def opened() -> RecordList:
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ChooseSeveral))
            return app.screen.query_one(RecordList)

        def ticks(rows: RecordList) -> dict[str, str]:
            cells = [rows._source.cells(place) for place in range(len(rows))]
            return {name.plain: mark.plain for mark, name in cells if mark.plain}

        await find(pilot, screen, "evaluate.from.answers")
        written = screen._fields[[field.key for field in screen._fields].index("evaluate.from.answers")].written
        rows = await opened()
        assert ticks(rows) == {"answers_base": "1", "answers_sft": "2", "answers_grpo": "3"}
        await pilot.press("space", "enter")  # the cursor stands on the first of them
        await until(pilot, lambda: screen._sets == {"evaluate.from.answers": '["answers_sft", "answers_grpo"]'})
        rows = await opened()
        await pilot.press("shift+tab", *"base", "tab", "space", "enter")
        back = '["answers_sft", "answers_grpo", "answers_base"]'
        await until(pilot, lambda: screen._sets == {"evaluate.from.answers": back})
        await until(pilot, lambda: f"evaluate.from.answers={back}" in asked[-1])
        await opened()
        await pilot.press("g", "space", "enter")  # as if none were named, which is ticked with nothing
        await until(pilot, lambda: screen._sets == {"evaluate.from.answers": ""})
        rows = await opened()
        assert not ticks(rows)
        await pilot.press("j", "enter")  # none is ticked: the one under the cursor
        await until(pilot, lambda: screen._sets == {"evaluate.from.answers": '["answers_grpo"]'})
        await opened()
        await pilot.press("G", "enter")
        await until(pilot, lambda: screen.query_one(FieldEditor).is_open)
        screen.query_one("FieldEditor Input", Input).value = written
        await pilot.press("enter")
        await until(pilot, lambda: not screen._sets)

    play(tmp_path, steps)


def test_a_step_is_added_behind_another_set_and_taken_away(tmp_path: Path, asked: Asked) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        await find(pilot, screen, "judge.enabled")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"select", "enter")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert app.screen.query_one(Input).value == "select"
        await pilot.press("enter")
        await find(pilot, screen, "")
        await until(pilot, lambda: shown(screen, "select"))
        names = list(dict.fromkeys(field.step for field in screen._fields))
        assert names[names.index("judge") + 1] == "select" and shown(screen, "sft")["from.scores"] == "(select)"
        await find(pilot, screen, "select.enabled")
        screen._set(next(field for field in screen._fields if field.key == "select.min_reward"), "0.5")
        await until(pilot, lambda: asked[-1][-2] == "select.min_reward=0.5")
        assert asked[-1][2:-1] == ["--set", "steps.select.stage=select", "--set", "steps.select.after=judge",
                                   "--set", "select.min_reward=0.5"]  # fmt: skip
        assert "no fault" not in plan(screen)  # the plan is the made-up one: what was asked reached it unhindered
        await pilot.press("x")
        await until(pilot, lambda: not screen._sets and "select" not in {field.step for field in screen._fields})

    play(tmp_path, steps)


@pytest.mark.usefixtures("asked")
def test_settings_that_load_slowly_do_not_take_the_place_of_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is switched off and on again before the form without it is there."""
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slowly(tree: Any, catalog: Any, sets: Mapping[str, str], offers: Any) -> Any:
        found = fields_of(tree, catalog, sets, offers)
        if sets:
            begun.set()
            go_on.wait(60)
            over.set()
        return found

    async def steps(pilot: Pilot[None], _: Cockpit, screen: NewScreen) -> None:
        before = screen._fields
        screen._take({"judge.enabled": "false"})
        await until(pilot, begun.is_set)
        screen._take({})
        await until(pilot, lambda: screen._fields is not before)
        now = screen._fields
        go_on.set()
        await until(pilot, over.is_set)
        await pilot.pause(0.2)
        assert screen._fields is now

    monkeypatch.setattr("tui.screens.new.fields_of", slowly)
    play(tmp_path, steps)


def test_it_opens_at_the_preset_last_used(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.toml").write_text('# Of my own. [/x]\nextends = "nano"\n', encoding="utf-8")

    async def choose(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        assert screen._start == Start("quickstart")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert any("mine" in name and "Of my own. [/x]" in name for name in app.screen._seen)  # type: ignore[attr-defined]
        await pilot.press(*"of my", "enter")
        await until(pilot, lambda: screen._start == Start("mine") and screen._fields)

    async def again(_: Pilot[None], __: Cockpit, screen: NewScreen) -> None:
        assert screen._start == Start("mine")

    play(tmp_path, choose)
    play(tmp_path, again)
    (tmp_path / "configs" / "mine.toml").unlink()

    async def gone(_: Pilot[None], __: Cockpit, screen: NewScreen) -> None:
        assert screen._start == Start("quickstart")

    play(tmp_path, gone)
    assert [words[1] for words in asked if words[0] == "plan"].count("mine") >= 1


def test_a_branch_opens_with_the_settings_of_its_run(tmp_path: Path, asked: Asked) -> None:
    run = real_run(tmp_path)

    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        app.action_go("runs")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen._seen)
        await pilot.press("b")
        await until(pilot, lambda: "11" in [field.written for field in screen._fields if field.key == "seed"])
        values = {field.key: field.written for field in screen._fields}
        assert app.screen is screen and screen._start.run == run
        assert values["sft.epochs"] == "1.5" and values["sft.from.model"] == "base"
        screen._set(next(field for field in screen._fields if field.key == "sft.epochs"), "2.0")
        words = ["plan", str(run.path / "config.json"), "--set", "sft.epochs=2.0", "--json"]
        await until(pilot, lambda: asked[-1] == words)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*"kept", "enter")
        await until(pilot, lambda: asked[-1][0] == "save")
        assert asked[-1] == ["save", words[1], "--set", "sft.epochs=2.0", "--whole", "--as", "kept"]
        await pilot.press("S")
        await until(pilot, lambda: app.current_mode == "run")
        assert asked[-1] == ["branch", run.id, "--set", "sft.epochs=2.0", "--detach", "--json"]

    play(tmp_path, steps)


def real_run(root: Path) -> Run:
    from pipeline.commands.app import compose

    workspace = Workspace(root)
    config = compose("nano", workspace, ["seed=11", "sft.epochs=1.5"])
    return create_run(workspace, config, {"until": None, "only": None, "fresh": []})


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
        assert text.index("no room [INST]") < text.index("disk: 1.00 GiB free") < text.index("3 GiB of GPU memory")
        assert "GPU 0 is in use by 1-nano-aa: this run waits" in " ".join(text.split()) and "[b] cached" in text
        await pilot.press("H")
        assert "trains beside it" in " ".join(plan(screen).split())
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


def test_too_small_a_disk_is_a_red_line() -> None:
    def told(fits: bool) -> Content:
        disk = {"fits": fits, "needed": 2**28, "free": 2**25, "text": "It does not fit.", "mend": "Mend."}
        return plans.plan_text(Done("", 0, {"steps": [], "disk": disk, "disk_free": 2**29}, ""), "", False, False)

    found = told(False)
    assert found.plain == "✗ It does not fit. Mend."
    assert any("$error" in str(span.style) for span in found.spans)
    assert "no fault" in told(True).plain and "0.25 GiB needed, 0.50 GiB free" in told(True).plain


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
