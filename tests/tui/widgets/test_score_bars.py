"""Nine bars in any width: the score and its bar are never crowded out, and the reasons stand below them, whole."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from pipeline.tasks.dimensions import DIMENSIONS
from tui.widgets.score_bars import ScoreBars, reasons_text


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield ScoreBars(plain=True)


@pytest.mark.parametrize(("width", "bar"), [(19, 5), (34, 6), (40, 12), (120, 20)])
async def test_score_and_bar_are_there_in_any_width(width: int, bar: int) -> None:
    app = Shown()
    async with app.run_test(size=(width, 12)) as pilot:
        bars = app.query_one(ScoreBars)
        bars.show(dict.fromkeys(DIMENSIONS, 1.0))
        await pilot.pause()
        rows = bars.render().plain.splitlines()
        assert len(rows) == 9 and all(f" 1.00 {'#' * bar}" in row for row in rows)
        assert max(map(len, rows)) <= width
        bars.show({"helpfulness": 0.5, "entropy_reduction": None}, {"helpfulness": 0.25})
        assert ("±0.25" in bars.render().plain) == (width >= 40)


def test_reasons_are_whole() -> None:
    text = reasons_text({"helpfulness": "It helps.\x1b[31m " * 40, "harm_avoidance": "", "x[/y]": 7}, 10_000).plain
    assert text.count("It helps.") == 40 and "\x1b" not in text
    assert "x[/y]: 7" in text and "harm" not in text
    assert (
        not reasons_text({"helpfulness": ""}, 10) and "It helps.\n" not in reasons_text({"a": "It helps.\n"}, 9).plain
    )
