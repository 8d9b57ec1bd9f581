from __future__ import annotations

from collections.abc import Sequence

from textual.app import App, ComposeResult

from tests.tui.made import BEGAN
from tui.series import Series
from tui.widgets.line_chart import GUTTER, Line, LineChart


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield LineChart()


def line(name: str, values: Sequence[float | None]) -> Line:
    series = Series()
    for step, value in enumerate(values, 1):
        series.add(step, BEGAN + 60 * step, value)
    return Line(name, series.spans())


def text(app: App[None]) -> list[str]:
    return app.query_one(LineChart).render().plain.split("\n")


async def test_the_axis_keeps_to_its_gutter_whatever_the_figures():
    for values in ((5.96e-08, -0.1133), (-1.23456e-10, -9.87654e-8), (1e299, -1e299), (123456789.0, 987654321.0)):
        app = Shown()
        async with app.run_test(size=(60, 14)) as pilot:
            chart = app.query_one(LineChart)
            chart.show([line("loss", values)])
            await pilot.pause()
            for log in (False, True):
                rows = text(app)[1:-1]
                assert all(row[GUTTER - 1] == "│" for row in rows if len(row) > GUTTER), rows
                assert log or sum(row[: GUTTER - 1].strip() != "" for row in rows) == 3
                chart.action_log()


async def test_the_cursor_reads_the_values_under_it_and_the_axis_says_where():
    app = Shown()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(LineChart)
        chart.show([line("loss", [4.0, 3.0, 2.0, 1.0]), line("reward", [0.1, 0.2, 0.3, 0.4])])
        chart.focus()
        await pilot.pause()
        assert "loss 1" in text(app)[0] and "reward 0.4" in text(app)[0]
        await pilot.click(LineChart, offset=(GUTTER, 5))
        assert "loss 4" in text(app)[0] and "reward 0.1" in text(app)[0] and "▲1 " in text(app)[-1]
        await pilot.press("t")
        assert "▲0:00" in text(app)[-1] and text(app)[-1].rstrip().endswith("3:00")
        await pilot.press("e", "s", "L")
        assert "log" in text(app)[0] and "smooth 0.6" in text(app)[0] and "last 50%" in text(app)[0]


async def test_another_curve_of_the_same_length_and_end_is_drawn_anew():
    app = Shown()
    async with app.run_test(size=(60, 14)) as pilot:
        chart = app.query_one(LineChart)
        chart.show([line("a", [0.0, 1.0, 0.0])])
        await pilot.pause()
        before = text(app)
        chart.show([line("b", [0.0, -1.0, 0.0])])
        await pilot.pause()
        assert text(app)[1:-1] != before[1:-1]
