from __future__ import annotations

import asyncio
import re
from pathlib import Path

from textual.app import App, ComposeResult

from tests.tui.space import POISON
from tui.widgets.entry import Entry


def test_an_entry_keeps_every_letter_and_draws_none_that_a_terminal_obeys() -> None:
    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield Entry(POISON[:60], select_on_focus=False)

    async def go() -> None:
        app = One()
        async with app.run_test(size=(80, 24)) as pilot:
            entry = app.query_one(Entry)
            drawn = entry.render_line(0).text
            assert "[INST] a [/INST] [/x] ␛]0;t␇␛[31m � ␀" in drawn
            assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ud800-\udfff]", drawn)
            await pilot.press("end", "Z")
            assert entry.value == POISON[:60] + "Z"

    asyncio.run(go())


def test_no_screen_has_a_bare_input() -> None:
    for file in (Path(__file__).parents[2] / "tui").rglob("*.py"):
        assert not re.search(r"yield Input\(", file.read_text("utf-8")), file
