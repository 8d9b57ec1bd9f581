"""The list that draws only what is seen: what a line shows beside its scroll bar."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content

from tui.widgets.record_list import Column, RecordList, Rows


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield RecordList([Column("a", 3), Column("b", 0)])


async def test_a_cut_line_says_so_beside_the_scroll_bar_too() -> None:
    app = Shown()
    async with app.run_test(size=(20, 5)) as pilot:
        rows = app.query_one(RecordList)
        for count in (2, 50):
            rows.show(Rows([(Content("1"), Content("x" * 50))] * count))
            await pilot.pause()
            seen = [strip.text for strip in app.screen._compositor.render_strips()]
            assert seen[1][19 if count == 2 else 18] == "…"
