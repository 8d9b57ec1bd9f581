from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from tests.tui.made import BEGAN
from tui.plot import Look, Picture, draw, smoothed
from tui.series import Series, Span, between


def line(*values: float | None, every: int = 1) -> list[Span]:
    series = Series()
    for place, value in enumerate(values):
        series.add(place * every, BEGAN + place, value)
    return series.spans()


def drawn(lines: Sequence[Sequence[Span]], width: int = 20, height: int = 5, look: Look | None = None) -> list[str]:
    picture = draw(lines, width, height, look or Look(), plain=True)
    assert isinstance(picture, Picture)
    return ["".join(letter for letter, _ in row) for row in picture.rows]


def columns(rows: Sequence[str]) -> list[list[int]]:
    """For every column the rows that have a letter."""
    return [[y for y, row in enumerate(rows) if row[x] != " "] for x in range(len(rows[0]))]


def test_two_points_are_joined_by_a_straight_line():
    assert drawn([line(0, 4)], 5, 5) == ["    *", "   * ", "  *  ", " *   ", "*    "]
    assert drawn([line(4, 0)], 5, 5) == ["*    ", " *   ", "  *  ", "   * ", "    *"]


def test_a_steep_line_has_no_hole():
    found = columns(drawn([line(0, 9, 0)], 5, 10))
    for left, right in pairwise(found):
        assert min(abs(a - b) for a in left for b in right) <= 1
        assert left == list(range(left[0], left[-1] + 1))


def test_nothing_leads_over_a_gap():
    for gap in (None, math.nan, math.inf, -math.inf):
        found = columns(drawn([line(1, 1, gap, 1, 1)], 21, 3))
        assert all(found[:6]) and all(found[15:]) and not any(found[6:15])


def test_a_spike_among_a_hundred_thousand_points_is_seen_at_its_height():
    values = [0.0] * 100_000
    values[54_321] = 7.0
    spans = line(*values)
    assert len(spans) < 6000
    picture = draw([spans], 50, 6, Look())
    assert picture and picture.y == (0.0, 7.0)
    assert [x for x, (letter, _) in enumerate(picture.rows[0]) if letter != " "] == [27]


def test_on_a_log_scale_a_power_is_a_straight_line_and_nought_is_a_gap():
    assert drawn([line(1, 10, 100, 1000, 10000)], 5, 5, Look(log=True)) == drawn([line(0, 1, 2, 3, 4)], 5, 5)
    assert not any(columns(drawn([line(1, 1, 0, 1, 1)], 21, 3, Look(log=True)))[6:15])
    assert draw([line(0, -1)], 5, 5, Look(log=True)) is None


def test_the_first_line_lies_on_top():
    picture = draw([line(1, 1), line(1, 1)], 5, 3, Look(), plain=True)
    assert picture and {number for row in picture.rows for _, number in row} == {-1, 0}


def test_a_band_is_filled_behind_the_lines_and_has_its_place_on_the_axis():
    low, high = line(1, 1, 1), line(3, 3, 3)
    picture = draw([line(0, 2, 4)], 5, 5, Look(), bands=[between(low, high)], plain=True)
    assert picture and ["".join(letter for letter, _ in row) for row in picture.rows] == [
        "    *", ":::*:", "::*::", ":*:::", "*    "]  # fmt: skip
    assert {number for row in picture.rows for _, number in row} == {-1, 0, -2}
    picture = draw([line(2, 2)], 5, 5, Look(), bands=[between(line(1, None), line(9, 9))], plain=True)
    assert picture and picture.y == (1, 9), "a point without a figure bounds nothing"
    assert draw([[]], 5, 5, Look(), bands=[between(low, high)]) is None, "a band alone is no chart"


def test_the_tail_shows_the_end_and_time_may_be_the_axis():
    picture = draw([line(*range(11))], 5, 5, Look(tail=0.5))
    assert picture and picture.x == (5, 10) and picture.y == (5, 10)
    picture = draw([line(1, 2, every=100)], 5, 5, Look(clock=True))
    assert picture and picture.x == (BEGAN, BEGAN + 1)


def test_smoothing_starts_at_the_first_value_keeps_gaps_and_a_constant():
    assert [round(span.last, 9) for span in smoothed(line(3, 3, 3), 0.9)] == [3, 3, 3]
    found = smoothed(line(1, None, 2), 0.5)
    assert found[0].last == 1 and math.isnan(found[1].last)
    assert abs(found[2].last - (0.25 * 1 + 0.5 * 2) / 0.75) < 1e-12


def test_one_point_and_a_flat_line_are_drawn_and_none_is_not():
    assert sum(map(len, columns(drawn([line(5)], 5, 5)))) == 1
    assert all(len(column) == 1 for column in columns(drawn([line(2, 2)], 5, 5)))
    assert draw([[]], 5, 5, Look()) is None and draw([line(None)], 5, 5, Look()) is None
    assert draw([line(1)], 0, 5, Look()) is None


def test_the_largest_and_the_smallest_numbers_there_are_do_no_harm():
    for values in ((1.7e308, -1.7e308, 1.0), (5e-324, 5e-324), (5e-324, 1e299), (-0.0, 0.0)):
        for look in (Look(), Look(log=True), Look(smooth=0.9), Look(log=True, smooth=0.9)):
            draw([line(*values)], 20, 5, look)
    assert math.isnan(line(1.7e308)[0].last)
