from __future__ import annotations

import pytest

from tests.tui.made import caught_up, made, trained, until
from tui.app import SCREENS, Cockpit


@pytest.mark.parametrize("key", "12345")
async def test_the_focused_pane_gets_the_whole_screen_and_gives_it_back(tmp_path, key):
    app = Cockpit(tmp_path, made(tmp_path, trained()), home=tmp_path / "home")
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        await caught_up(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: app.current_mode == [*SCREENS][int(key) - 1] and app.focused is not None)
        pane = next(node for node in app.focused.ancestors_with_self if node.has_class("pane"))  # type: ignore[union-attr]
        before = pane.region.size  # type: ignore[attr-defined]
        assert before.width < 120 or before.height < 30
        await pilot.press("z")
        await until(pilot, lambda: pane.region.size == (120, 38))  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: pane.region.size == before)  # type: ignore[attr-defined]
