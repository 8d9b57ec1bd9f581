from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from pipeline.engine.runs import Run
from tests.tui.made import BEGAN, SIZES, caught_up, made, poisoned, seen, tell, trained, until
from tui.app import Cockpit
from tui.screens.dialogue import Question
from tui.widgets.completions import Completions
from tui.widgets.details import Details
from tui.widgets.event_log import EventLog
from tui.widgets.line_chart import LineChart
from tui.widgets.memory_pane import MemoryPane, foreseen
from tui.widgets.record_list import RecordList

ASKED: dict[str, Any] = {"notifications": True, "tooltips": True}


class Told(Cockpit):
    """A cockpit that keeps what it is asked to command, and does none of it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands: list[list[str]] = []
        self.copied: list[str] = []
        self.farewell = ""

    def command(self, words: Sequence[str], what: str, stdin: str = "") -> None:  # type: ignore[override]  # noqa: ARG002
        self.commands.append(list(words))

    def exit(self, *args: Any, message: Any = None, **options: Any) -> None:
        self.farewell = str(message or "")
        super().exit(*args, message=message, **options)

    def copy(self, text: str, what: str) -> None:  # noqa: ARG002
        self.copied.append(text)


def cockpit(root: Path, run: Run | None = None) -> Told:
    return Told(root, run, home=root / "home")


def hint(app: Cockpit) -> str:
    return str(app.screen.query_one("#hint", Static).render())


@pytest.mark.parametrize("size", SIZES)
async def test_a_finished_run_shows_its_steps_its_curve_and_its_events_at_every_size(tmp_path, size):
    run = made(tmp_path, trained())
    app = cockpit(tmp_path, run)
    async with app.run_test(size=size, **ASKED) as pilot:
        await caught_up(pilot, app)
        text = seen(app)
        assert "Finished in 0:41; no verdict was asked for" in text
        assert "there already" in text and "0:40" in text, "the cached step, and the seconds of the other"
        assert "grpo reward" in text and "the run is done after 0:41" in text
        assert "No NVIDIA driver here" in text and "host" in text and "1.00 of 16.00 GiB" in text
        panes = [app.screen.query_one(name).region for name in ("#steps", "#memory", "#chart-pane", "#lower")]
        for number, one in enumerate(panes):
            assert one.area and all(not one.overlaps(other) for other in panes[number + 1 :])


@pytest.mark.parametrize("size", SIZES[::2])
async def test_nothing_that_a_run_says_ends_the_screen_or_reaches_the_terminal(tmp_path, size):
    app = cockpit(tmp_path, made(tmp_path, poisoned()))
    async with app.run_test(size=size, **ASKED) as pilot:
        await caught_up(pilot, app)
        curves = len(app.screen._curves)
        assert curves >= 10
        for _ in range(curves):
            await pilot.press("n")
        for face in ("completions", "dimensions", "events"):
            await pilot.press("w")
            assert app.screen.query_one(Details).face == face
            for rows in app.screen.query_one(f"#{face}").query(RecordList):
                for row in range(len(rows)):
                    rows.cursor = row
                    await pilot.pause()
            text = seen(app)
            assert not set(text) & {"\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u2028"}
        await pilot.press("slash", *"[/x]", "enter", "K", "c")
        assert "[INST] a [/INST]" in hint(app)
        await pilot.press("f1")
        assert app.is_running


@pytest.mark.parametrize(
    ("last", "alive", "said"),
    [
        (("", "run.finished", {"state": "stopped", "code": 3, "seconds": 3.0, "error": None}), False, "r goes on"),
        (("grpo", "log", {"text": "x"}), False, "gone without a word"),
        (("grpo", "wait", {"reason": "quota of the day", "until": BEGAN}), True, "Waits: quota of the day, until "),
        (("grpo", "progress", {"done": 8, "total": 9, "unit": "steps"}), True, "silent for ten times"),
        (("", "run.finished", {"state": "unmet", "code": 4, "seconds": 3.0, "error": None}), False, "not met"),
    ],
)  # fmt: skip
async def test_the_state_is_honest_and_says_how_to_go_on(tmp_path, last, alive, said):
    run = made(tmp_path, trained(state=None))
    tell(run, [last], BEGAN + 100)
    lock = run.lock()
    if alive:
        lock.acquire()
    app = cockpit(tmp_path, run)
    try:
        async with app.run_test(size=(120, 40), **ASKED) as pilot:
            await caught_up(pilot, app)
            await until(pilot, lambda: said in hint(app))
    finally:
        lock.release()


async def test_a_failure_says_what_why_and_how_to_mend_it(tmp_path):
    error = {"type": "E", "what": "The disk is full.", "why": "Nothing is left.", "mend": "Make room."}
    told = [*trained(state=None), ("", "run.finished", {"state": "failed", "code": 1, "seconds": 3.0, "error": error})]
    app = cockpit(tmp_path, made(tmp_path, told))
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        await until(pilot, lambda: "The disk is full. Nothing is left. Make room. r tries again." in hint(app))
        await pilot.press("r")
        assert app.commands == [["resume", app.selected.id, "--detach", "--json"]]


async def test_one_key_starts_quickstart_where_nothing_has_run_and_only_once(tmp_path):
    app = cockpit(tmp_path)
    async with app.run_test(size=(80, 24), **ASKED) as pilot:
        await until(pilot, lambda: "Nothing has run here yet" in seen(app))
        await pilot.press("s", "s")
        assert app.commands == [["run", "quickstart", "--detach", "--json"]]


async def test_panes_are_mounted_once_there_is_something_to_see(tmp_path):
    app = cockpit(tmp_path)
    async with app.run_test(size=(80, 24), **ASKED) as pilot:
        await until(pilot, lambda: "Nothing has run here yet" in seen(app))
        assert len(app.screen.query("*")) < 12
        await pilot.press("w", "K", "slash", "escape", "n", "plus", "greater_than_sign", "z")  # of panes not there yet
        app.select(made(tmp_path, trained()).id)
        await until(pilot, lambda: app.screen.query(LineChart) and "Finished in" in hint(app))
        await until(pilot, lambda: isinstance(app.focused, LineChart) and not app.screen.query("#empty"))
        await until(pilot, lambda: "grpo" in seen(app) and "1 Run" in seen(app))
        assert not app.screen.query(Completions)
        await pilot.press("w")
        assert len(app.screen.query_one(Completions).query_one(RecordList)) == 8


async def test_stop_asks_first(tmp_path):
    run = made(tmp_path, trained(state=None))
    with run.lock():
        app = cockpit(tmp_path, run)
        async with app.run_test(size=(80, 24), **ASKED) as pilot:
            await caught_up(pilot, app)
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, Question))
            await pilot.press("n")
            assert app.commands == []
            await pilot.press("x", "y")
            assert app.commands == [["stop", run.id, "--no-wait"]]


async def test_detach_leaves_the_screen_and_says_how_to_come_back(tmp_path):
    run = made(tmp_path, trained(state=None))
    with run.lock():
        app = cockpit(tmp_path, run)
        async with app.run_test(size=(80, 24), **ASKED) as pilot:
            await caught_up(pilot, app)
            await pilot.press("d")
        assert f"python -m tui {run.id}" in app.farewell
        assert app.commands == []


async def test_from_a_step_on_the_chart_to_its_completions(tmp_path):
    app = cockpit(tmp_path, made(tmp_path, trained()))
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        app.screen.query_one(LineChart).focus()
        for keys in (("h", "enter"), ("t", "enter")):  # by step, and by time
            app.screen.query_one(LineChart).focus()
            await pilot.press(*keys)
            assert app.screen.query_one(Details).face == "completions"
            assert "said at 8" in app.screen.query_one(Completions).as_text()
        app.screen.query_one(LineChart).focus()
        await pilot.click(LineChart, offset=(11, 3))
        await pilot.press("enter", "c")
        assert "said at 1" in app.copied[-1]


async def test_completions_stand_at_the_newest_and_stay_where_a_person_put_them(tmp_path):
    run = made(tmp_path, trained(30, state=None))
    app = cockpit(tmp_path, run)
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        await pilot.press("w")
        await until(pilot, lambda: "said at 30" in seen(app))
        assert "p30" in seen(app), "its row is in sight"
        await pilot.press("k")
        tell(run, [("grpo", "item", {"what": "completion", "step": 31, "text": "said later"})], BEGAN + 900)
        await caught_up(pilot, app)
        assert "said at 29" in app.screen.query_one(Completions).as_text()


async def test_what_happens_while_another_screen_is_shown_is_there_on_the_way_back(tmp_path):
    run = made(tmp_path, trained(state=None))
    app = cockpit(tmp_path, run)
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        await pilot.press("2")
        tell(run, [("grpo", "log", {"text": "meanwhile"})], BEGAN + 900)
        await caught_up(pilot, app)
        await pilot.press("1")
        await until(pilot, lambda: "meanwhile" in seen(app))
        assert [event.data.get("text") for event in app.screen.query_one(EventLog)._events].count("meanwhile") == 1


async def test_search_narrows_live_and_escape_shows_all_again(tmp_path):
    app = cockpit(tmp_path, made(tmp_path, trained()))
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        log = app.screen.query_one(EventLog)
        whole = len(log)
        await pilot.press("slash", *"said at 3")
        assert len(log) == 1
        await pilot.press("escape")
        assert len(log) == whole
        await pilot.press("K")
        assert log.kind == "alert" and len(log) == 0
        await pilot.press("escape")
        assert len(log) == whole


async def test_another_run_is_drawn_over_this_one_and_taken_away(tmp_path):
    made(tmp_path, trained(factor=2.0), name="20261121-090000-other-0002")
    app = cockpit(tmp_path, made(tmp_path, trained()))
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        chart = app.screen.query_one(LineChart)
        await pilot.press("v", "enter")
        await until(pilot, lambda: [one.name for one in chart._lines] == ["reward", "reward other-0002"])
        assert [one.spans[0].last for one in chart._lines] == [0.125, 0.25]
        assert chart._lines[1].spans[0].t0 == chart._lines[0].spans[0].t0, "both begin together on the time axis"
        await pilot.press("v", "enter")
        await until(pilot, lambda: len(chart._lines) == 1)


async def test_sizes_of_panes_are_remembered(tmp_path):
    run = made(tmp_path, trained())
    app = cockpit(tmp_path, run)
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        narrow = app.screen.query_one("#left").outer_size.width
        low = app.screen.query_one("#lower").outer_size.height
        await pilot.press(">", ">", "+")
        wide = app.screen.query_one("#left").outer_size.width
        assert wide >= narrow + 10 and app.screen.query_one("#lower").outer_size.height > low
    again = cockpit(tmp_path, run)
    async with again.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, again)
        assert again.screen.query_one("#left").outer_size.width == wide


async def test_the_end_of_a_long_id_is_seen_where_there_is_little_room(tmp_path):
    run = made(tmp_path, trained(), name="20261121-100000-a-preset-with-quite-a-long-name-beef")
    app = cockpit(tmp_path, run)
    async with app.run_test(size=(80, 24), **ASKED) as pilot:
        await caught_up(pilot, app)
        await until(pilot, lambda: "done …" in seen(app))
        assert seen(app).split("\n")[0].rstrip().endswith("long-name-beef")


async def test_a_poor_terminal_gets_letters_of_ascii_alone(tmp_path):
    app = Told(tmp_path, made(tmp_path, trained()), home=tmp_path / "home", plain=True)
    async with app.run_test(size=(200, 60), **ASKED) as pilot:
        await caught_up(pilot, app)
        for _ in range(3):
            assert {letter for letter in seen(app) if ord(letter) > 126} <= set("▁▂▃▄▅▆▇█"), "but scroll bars"
            await pilot.press("w")


async def test_all_nine_dimensions_can_be_reached_on_a_low_screen(tmp_path):
    app = cockpit(tmp_path, made(tmp_path, trained()))
    async with app.run_test(size=(80, 24), **ASKED) as pilot:
        await caught_up(pilot, app)
        await pilot.press("w", "w")
        assert "entropy reduction" in seen(app)
        await pilot.press(*["down"] * 6)
        await until(pilot, lambda: "instruction following" in seen(app))


async def test_a_gpu_shows_the_plans_estimate_beside_what_is_used(tmp_path):
    gpu = {"index": 0, "name": "A GPU", "used": 12 * 2**30, "total": 16 * 2**30, "process": 10 * 2**30, "watts": 212.4,
           "celsius": 61}  # fmt: skip
    sample = {"host_used": 2**30, "host_total": 2**34, "process": 2**28, "gpus": [gpu]}
    run = made(tmp_path, [*trained(state=None), ("grpo", "memory", sample)])
    with run.lock():
        app = cockpit(tmp_path, run)
        async with app.run_test(size=(120, 40), **ASKED) as pilot:
            await caught_up(pilot, app)
            assert app.commands == [["plan", str(run.path / "config.json"), "--json"]], "once, however often it is fed"
            text = app.screen.query_one(MemoryPane).as_text()
            assert "12.00 of 16.00 GiB" in text and "10.00 GiB" in text and "212 W  61 °C" in text
            assert "plan" not in text
            app.screen._estimate = {"grpo": 11.0 * 2**30}
            app.screen.fed(app.snapshot)
            assert "11.00 GiB" in app.screen.query_one(MemoryPane).as_text()


def test_the_estimate_is_the_finding_that_has_parts():
    found = {"level": "note", "data": {"parts": [], "total": 7}}
    plan = {"steps": [{"step": "sft", "findings": [{"data": {"traces": 3}}, found]}, {"step": "x", "findings": []}]}
    assert foreseen(plan) == {"sft": 7.0}
