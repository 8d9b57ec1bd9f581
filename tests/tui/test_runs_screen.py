from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.settle import until
from tests.tui.space import BEGAN, POISON, cockpit, make_run
from tui.app import Cockpit
from tui.launch import Done
from tui.runs_feed import RunRow
from tui.screens.dialogue import Ask, Question
from tui.screens.runs import RunsScreen
from tui.widgets.line_chart import LineChart
from tui.widgets.record_list import RecordList

Play = Callable[[Pilot[None], Cockpit, RunsScreen], Awaitable[None]]


def play(root: Path, steps: Play, size: tuple[int, int] = (120, 40)) -> None:
    """Do something on the Runs screen, once it lists the runs."""

    async def go() -> None:
        app = cockpit(root)
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            app.action_go("runs")
            await until(pilot, lambda: app.runs and isinstance(app.screen, RunsScreen) and app.screen._seen)
            screen = app.screen
            assert isinstance(screen, RunsScreen)
            await steps(pilot, app, screen)

    asyncio.run(go())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_run(tmp_path, "1-nano-aa", "done", reward=0.2, loss=3.0, created=BEGAN)
    make_run(tmp_path, "2-quick-bb", "failed", reward=0.9, loss=2.0, tags=("good",), created=BEGAN + 10)
    make_run(tmp_path, "3-nano-cc", "died", reward=0.5, loss=1.0, created=BEGAN + 20)
    return tmp_path


def seen(screen: RunsScreen) -> list[str]:
    return [row.run.id for row in screen._seen]


def beside(screen: RunsScreen) -> str:
    return str(screen.query_one("#about", Static).render())


def test_sorted_by_any_column_and_turned(root: Path) -> None:
    async def steps(pilot: Pilot[None], _: Cockpit, screen: RunsScreen) -> None:
        assert seen(screen) == ["3-nano-cc", "2-quick-bb", "1-nano-aa"]
        orders = {}
        for _turn in range(9):
            await pilot.press("s")
            orders[screen._sort] = seen(screen)
        assert orders["reward"] == ["2-quick-bb", "3-nano-cc", "1-nano-aa"]
        assert orders["loss"] == ["3-nano-cc", "2-quick-bb", "1-nano-aa"]
        assert orders["preset"] == ["3-nano-cc", "1-nano-aa", "2-quick-bb"]
        assert orders["tags"][0] == "2-quick-bb" and orders["run"] == ["3-nano-cc", "2-quick-bb", "1-nano-aa"]
        await pilot.press("S")
        assert seen(screen) == ["1-nano-aa", "2-quick-bb", "3-nano-cc"]
        await pilot.click(RecordList, offset=(45, 0))
        await until(pilot, lambda: screen._sort == "preset")

    play(root, steps)


def test_the_filter_narrows_live_and_escape_restores(root: Path) -> None:
    async def steps(pilot: Pilot[None], _: Cockpit, screen: RunsScreen) -> None:
        await pilot.press("slash", *"state=failed")
        await until(pilot, lambda: seen(screen) == ["2-quick-bb"])
        await pilot.press("escape")
        await until(pilot, lambda: len(seen(screen)) == 3)
        assert screen.query_one(RecordList).has_focus
        await pilot.press("escape", "escape", "g", "j")  # nothing is left to close: the list keeps the keys
        assert screen.query_one(RecordList).has_focus and screen.query_one(RecordList).cursor == 1
        await pilot.press("slash", *"[/x]")
        await until(pilot, lambda: seen(screen) == [])
        assert beside(screen) == "What is known of the run under the cursor."
        screen.query_one("#filter", Input).value = "reward>0.4"
        await until(pilot, lambda: seen(screen) == ["3-nano-cc", "2-quick-bb"])

    play(root, steps)


def test_every_condition_narrows(root: Path) -> None:
    async def steps(pilot: Pilot[None], _: Cockpit, screen: RunsScreen) -> None:
        await pilot.press("slash")
        for words, left in (
            ("preset=nano", ["3-nano-cc", "1-nano-aa"]), ("preset=nano state=died", ["3-nano-cc"]),
            ("tag=good", ["2-quick-bb"]), ("loss<=2", ["3-nano-cc", "2-quick-bb"]), ("sft.loss=3", ["1-nano-aa"]),
            ("nano reward>0.3", ["3-nano-cc"]), ("reward>=0.5 reward<0.9", ["3-nano-cc"]), ("QUICK", ["2-quick-bb"]),
            ("state=done state=failed", []), ("reward>", []), ("", ["3-nano-cc", "2-quick-bb", "1-nano-aa"]),
        ):  # fmt: skip
            screen.query_one("#filter", Input).value = words
            await until(pilot, lambda left=left: seen(screen) == left)

    play(root, steps)


def test_a_tag_and_a_note_come_and_go_on_the_disk(root: Path) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        async def answer(key: str, text: str) -> None:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Ask))
            app.screen.query_one(Input).value = text
            await pilot.press("enter")

        def row() -> RunRow:
            return next(row for row in app.runs if row.run.id == "3-nano-cc")

        await answer("t", "[b]best[/x]")
        await until(pilot, lambda: row().tags == ("[b]best[/x]",))
        await until(pilot, lambda: "[b]best[/x]" in beside(screen))
        await answer("N", "look at the loss")
        await until(pilot, lambda: row().note == "look at the loss" and "look at the loss" in beside(screen))
        await answer("t", "-[b]best[/x]")
        await until(pilot, lambda: row().tags == ())
        assert row().note == "look at the loss"

    play(root, steps)


def test_three_runs_are_overlaid_and_the_chart_has_their_curves(root: Path) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        await pilot.press("space", "j", "space", "j", "space")
        assert [run.id for run in app.overlaid] == ["3-nano-cc", "2-quick-bb", "1-nano-aa"]
        assert "3 picked" in str(screen.query_one("#list-pane").border_title)
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "run" and app.screen.query("LineChart"))
        chart = app.screen.query_one(LineChart)
        await until(pilot, lambda: len({line.name for line in chart._lines}) >= 3)

    play(root, steps)


def test_picked_runs_are_overlaid_and_compared(root: Path) -> None:
    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        await pilot.press("space", "j", "j", "space")
        assert [run.id for run in app.overlaid] == ["3-nano-cc", "1-nano-aa"]
        await pilot.press("d")
        await until(pilot, lambda: "steps.sft.loss: 1.0 -> 3.0" in beside(screen))
        app.post_message(_listed(app))  # news of the list leave what is read alone
        await pilot.pause()
        assert "steps.sft.loss" in beside(screen)
        await pilot.press("escape")
        assert beside(screen).startswith("1-nano-aa")
        await pilot.press("space")
        assert [run.id for run in app.overlaid] == ["3-nano-cc"]

    play(root, steps, (80, 24))


def _listed(app: Cockpit) -> Any:
    from tui.messages import Listed

    return Listed(app.runs)


def test_tags_notes_and_resuming_are_commands(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def ask(words: list[str], _root: Path, _stdin: str = "") -> Done:
        asked.append(list(words))
        return Done(" ".join(words), 0, {"run": "1-nano-aa"}, "")

    monkeypatch.setattr("tui.app.ask", ask)

    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        async def answer(key: str, text: str) -> None:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Ask))
            app.screen.query_one(Input).value = text
            before = len(asked)
            await pilot.press("enter")
            await until(pilot, lambda: len(asked) > before and app.screen is screen)

        await answer("t", "two words")
        await answer("t", "-good")
        await answer("N", "")
        await pilot.press("r")
        await until(pilot, lambda: len(asked) == 4)
        await pilot.press("x")  # it does not run: nothing to stop

    play(root, steps)
    assert asked == [
        ["tag", "--", "3-nano-cc", "two words"],
        ["tag", "--remove", "--", "3-nano-cc", "good"],
        ["tag", "--note", "--", "3-nano-cc", ""],
        ["resume", "3-nano-cc", "--detach", "--json"],
    ]


def test_a_run_is_deleted_only_after_a_yes(root: Path) -> None:
    path = root / "data" / "runs" / "3-nano-cc"

    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        await pilot.press("space", "D")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("enter", "n")
        await until(pilot, lambda: app.screen is screen)
        assert path.exists()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: not path.exists() and seen(screen) == ["2-quick-bb", "1-nano-aa"])
        assert app.overlaid == []

    play(root, steps)


def test_who_waits_says_on_what(root: Path) -> None:
    run = make_run(root, "4-nano-dd", "waiting", said="GPU 0 is in use by 1-nano-aa", created=BEGAN + 30)

    async def steps(pilot: Pilot[None], _: Cockpit, screen: RunsScreen) -> None:
        await until(pilot, lambda: seen(screen)[:1] == ["4-nano-dd"])
        await pilot.press("g")
        await until(pilot, lambda: "waits: GPU 0 is in use by 1-nano-aa, until" in beside(screen))

    with run.lock():
        play(root, steps)


def test_an_end_rings_and_goes_to_the_webhook(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rung, posted = [], []
    (root / "home").mkdir()
    (root / "home" / "settings.toml").write_text('webhook = "http://127.0.0.1:9/x"', encoding="utf-8")
    monkeypatch.setattr(Cockpit, "bell", lambda _: rung.append(1))
    monkeypatch.setattr("tui.app.post", lambda notice, address: posted.append((notice.text, address)) or "[/x] no")
    run = make_run(root, "4-nano-dd", "waiting", created=BEGAN + 30)

    async def steps(pilot: Pilot[None], app: Cockpit, _: RunsScreen) -> None:
        with run.events.open("a", encoding="utf-8") as file:
            data = {"state": "done", "code": 0, "seconds": 1.0, "error": None}
            event = {"seq": 99, "t": BEGAN, "attempt": 1, "step": "", "kind": "run.finished", "data": data}
            file.write(json.dumps(event) + "\n")
        lock.release()
        await until(pilot, lambda: len(posted) == 1)
        await until(pilot, lambda: len(app._notifications) == 2)  # the end, and that the webhook failed

    lock = run.lock()
    with lock:
        play(root, steps)
    assert rung == [1] and posted == [("4-nano-dd is done", "http://127.0.0.1:9/x")]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_poison_is_shown_and_obeyed_nowhere(root: Path, size: tuple[int, int]) -> None:
    run = make_run(root, "4-[b]x[-dd", "waiting", tags=(POISON,), note=POISON, said=POISON, created=BEGAN + 30)

    async def steps(pilot: Pilot[None], app: Cockpit, screen: RunsScreen) -> None:
        await until(pilot, lambda: seen(screen)[:1] == ["4-[b]x[-dd"])
        await pilot.press("g", "space", "t")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press("escape", "D", "j", "d")
        await until(pilot, lambda: screen._compared)
        picture = app.export_screenshot()
        assert "\x1b" not in picture and "\u202e" not in picture
        assert "[b]x[" in picture.replace("&#160;", " ")

    with run.lock():
        play(root, steps, size)


def test_an_empty_workspace_says_how_to_begin(tmp_path: Path) -> None:
    async def go() -> None:
        app = cockpit(tmp_path)
        async with app.run_test(size=(80, 24)) as pilot:
            app.action_go("runs")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.ready)
            await pilot.press("j", "enter", "space", "d", "r", "x", "b", "t", "D", "s")
            assert "3 starts one" in app.export_screenshot().replace("&#160;", " ")

    asyncio.run(go())
