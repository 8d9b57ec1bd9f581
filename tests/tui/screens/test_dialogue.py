from __future__ import annotations

from pathlib import Path

from textual import events
from textual.content import Content

from tui.app import Cockpit
from tui.screens.dialogue import Ask


async def test_a_second_enter_on_its_way_closes_nothing_more(tmp_path: Path) -> None:
    app, given = Cockpit(tmp_path, home=tmp_path / "home"), []
    async with app.run_test() as pilot:
        beneath = app.screen
        app.push_screen(Ask(Content("A name?"), "one"), given.append)
        await pilot.pause()
        for _ in range(2):  # both are there before the first has been obeyed, as on a line that lags
            app.post_message(events.Key("enter", "\r").set_sender(app))
        await pilot.pause()
        assert given == ["one"] and app.screen is beneath and app.is_running
