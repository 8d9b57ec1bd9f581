"""Ratings that lack a bound, or that are none at all, in every form of a report."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tasks.report.exam_figures import ratings_chart
from pipeline.tasks.report.html import render_html
from pipeline.tasks.report.markdown import render_markdown
from pipeline.tasks.report.words import bounds
from tests.tasks.sample_report import report_of
from tui.report_exam import tournament


def rated(low: float | None, high: float | None, rating: float | None = 1200.0) -> dict[str, Any]:
    return {"model": "x", "rating": rating, "low": low, "high": high, "games": 20}


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(1100.0, 1300.0, "[1100, 1300]"), (1100.0, None, "[1100, …]"), (None, 1300.0, "[…, 1300]"), (None, None, "–")],
)
def test_an_open_end_is_seen(low: float | None, high: float | None, text: str) -> None:
    assert bounds(rated(low, high)) == text
    report = report_of()
    report["tournament"]["ratings"] = [rated(low, high), rated(None, None, None) | {"model": "unrated"}]
    assert f"| x | 1200 | {text} | 20 |" in render_markdown(report).replace("\\", "")
    assert text in render_html(report)
    shown = tournament(report, False).plain
    assert ("1200" if text == "–" else f"1200 {text.replace('…', '...')}") in shown and "unrated" in shown


def test_an_open_end_is_drawn_as_an_arrow() -> None:
    """The arrow is 60 points long, so that all three span the same and have the same ticks."""
    closed, above, below = (
        ratings_chart([rated(low, high)], []).count("<path")
        for low, high in [(1140.0, 1260.0), (1140.0, None), (None, 1260.0)]
    )
    assert above == below > closed
