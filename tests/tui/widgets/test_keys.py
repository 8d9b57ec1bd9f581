"""The line of keys: never cut, help always at its end, and nothing in it that could do nothing."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from tests.tui.made import caught_up, made, seen, trained, until
from tui.app import Cockpit
from tui.widgets.details import Details
from tui.widgets.keys import Keys, fit


def offered(app: Cockpit) -> str:
    return app.screen.query_one(Keys).render().plain


def test_what_does_not_fit_is_left_out_whole() -> None:
    keys = [("a", "a", "Add"), ("b", "b", "Begin"), ("c", "c", "Cut")]
    assert [len(fit(keys, room, 2)) for room in (4, 5, 13, 14, 20, 21)] == [0, 1, 1, 2, 2, 3]
    assert len(fit(keys, 19, 1)) == 3


async def test_the_line_fills_its_room_and_ends_with_help(tmp_path: Path) -> None:
    app = Cockpit(tmp_path, made(tmp_path, trained()), home=tmp_path / "home")
    async with app.run_test(size=(80, 24)) as pilot:
        await caught_up(pilot, app)
        for screen in "126345":
            await pilot.press(*(["escape"] if screen == "3" else []), screen)
            await until(pilot, lambda: app.screen.query(Keys) and "F1 Help" in offered(app))
            assert len(offered(app)) == 78 and offered(app).endswith("F1 Help")
            assert offered(app) in seen(app)


async def test_only_what_can_be_done_now_is_offered(tmp_path: Path) -> None:
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "s Start quickstart" in offered(app)
        assert not [word for word in ("Stop", "Resume", "Below", "Zoom", "Back") if word in offered(app)]
    run = made(tmp_path, trained(state=None))
    app = Cockpit(tmp_path, run, home=tmp_path / "home")
    with run.lock():
        async with app.run_test(size=(120, 40)) as pilot:
            await caught_up(pilot, app)
            await until(pilot, lambda: "x Stop" in offered(app))
            assert "Resume" not in offered(app) and "Start" not in offered(app)
    app = Cockpit(tmp_path, run, home=tmp_path / "home")  # it died
    async with app.run_test(size=(120, 40)) as pilot:
        await caught_up(pilot, app)
        await until(pilot, lambda: "r Resume" in offered(app))
        assert "Stop" not in offered(app)


async def test_a_letter_that_would_be_written_is_not_offered_and_a_click_does_what_a_key_does(tmp_path: Path) -> None:
    app = Cockpit(tmp_path, made(tmp_path, trained()), home=tmp_path / "home")
    async with app.run_test(size=(120, 40)) as pilot:
        await caught_up(pilot, app)
        await pilot.click(Keys, offset=(offered(app).index("w Below") + 2, 0))
        await until(pilot, lambda: app.screen.query_one(Details).face == "completions")
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await until(pilot, lambda: offered(app).split() == ["esc", "Back", "^q", "Quit", "F1", "Help"])


async def test_the_pane_that_has_the_focus_is_zoomed_and_esc_takes_it_back(tmp_path: Path) -> None:
    app = Cockpit(tmp_path, made(tmp_path, trained()), home=tmp_path / "home")
    async with app.run_test(size=(80, 24)) as pilot:
        await caught_up(pilot, app)
        pane = app.screen.query_one("#chart-pane")
        before = pane.region
        await pilot.press("z")
        await until(pilot, lambda: pane.region.size == (80, 22) and pane.region.y == 1)
        assert "1 Run" in seen(app).splitlines()[0] and "esc Back" in offered(app)
        await pilot.press("escape")
        await until(pilot, lambda: pane.region == before)
