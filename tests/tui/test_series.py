from __future__ import annotations

import math
from itertools import pairwise

from tui.series import LIMIT, NEWEST, Series, newest


def test_old_points_are_joined_to_their_extremes_and_the_newest_stay():
    series = Series()
    count = 3 * LIMIT
    for step in range(count):
        series.add(step, step, -5.0 if step == 100 else 9.0 if step == 101 else 1.0)
    spans = series.spans()
    assert len(spans) <= LIMIT + NEWEST
    assert min(span.low for span in spans) == -5.0 and max(span.high for span in spans) == 9.0
    assert spans[0].x0 == 0 and spans[-1].x1 == count - 1
    assert all(left.x1 < right.x0 for left, right in pairwise(spans))
    assert all(span.x0 == span.x1 for span in spans[-NEWEST:])


def test_the_beginning_of_a_long_run_is_as_fine_as_its_middle():
    series = Series()
    count = 200_000
    for step in range(count):
        series.add(step, step, float(step))
    widths = {span.x1 - span.x0 + 1 for span in series.spans()[: -NEWEST - 1]}
    assert len(widths) == 1 and max(widths) <= 2 * count / LIMIT


def test_a_resumed_training_takes_the_place_of_what_it_tells_again():
    series = Series()
    for step in (1, 2, 3, 4):
        series.add(step, step, 1.0)
    for step in (3, 4):
        series.add(step, 10 + step, 2.0)
    assert [(span.x1, span.last) for span in series.spans()] == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)]


def test_what_is_no_number_is_a_gap():
    series = Series()
    for step, value in enumerate([1.0, None, math.nan, math.inf]):
        series.add(step, step, value)
    assert [math.isnan(span.last) for span in series.spans()] == [False, True, True, True]
    assert newest(series.spans()) == 1.0
