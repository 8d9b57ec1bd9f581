"""Figures of a report in letters: intervals, shares, and the sign that says on which side of zero an interval lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.content import Content

from tui.text import line

Report = Mapping[str, Any]
Section = Callable[[Report, bool], Content]
"""A part of the report as text; True: in letters of ASCII."""
NAMED = 22
MUTED = "$foreground-muted"


def interval(entry: Any) -> str:
    """A mean with its interval: +0.312 [+0.280, +0.345]."""
    if not isinstance(entry, Mapping) or entry.get("mean") is None:
        return "–"
    bounds = f" [{entry['low']:+.3f}, {entry['high']:+.3f}]" if entry.get("low") is not None else ""
    return f"{entry['mean']:+.3f}{bounds}"


def percent(entry: Any) -> str:
    """A share with its interval: 60 % [24, 96]."""
    mean, low, high = _figures(entry, "mean")
    if mean is None:
        return "–"
    bounds = f" [{100 * low:.0f}, {100 * high:.0f}]" if low is not None and high is not None else ""
    return f"{100 * mean:.0f} %{bounds}"


def aligned(entry: Any) -> Content:
    """A share whose per cent sign stands below those of the others."""
    text = percent(entry)
    return Content(" " * (3 - text.find(" ")) + text)


def rating(entry: Any) -> str:
    """A rating with its interval: 1077 [1039, 1118]; an end that the data do not set is open: 1077 [1039, ...]."""
    value, *bounds = _figures(entry, "rating")
    if value is None:
        return "–"
    low, high = ("..." if bound is None else f"{bound:.0f}" for bound in bounds)
    return f"{value:.0f}" + ("" if bounds == [None, None] else f" [{low}, {high}]")


def _figures(entry: Any, name: str) -> list[float | None]:
    """A figure and its bounds; None for what is no number."""
    found = [entry.get(key) for key in (name, "low", "high")] if isinstance(entry, Mapping) else [None] * 3
    return [value if isinstance(value, int | float) else None for value in found]


def direction(difference: Mapping[str, Any]) -> tuple[str, str]:
    """A sign and a colour: the whole interval above 0, below it, or neither."""
    low, high = difference.get("low"), difference.get("high")
    if low is not None and low > 0:
        return "▲", "$success"
    return ("▼", "$error") if high is not None and high < 0 else ("=", "")


def share(value: Any) -> str:
    """A score to three decimals, a dash for none."""
    return f"{value:.3f}" if isinstance(value, int | float) else "–"


def name(value: Any, width: int = NAMED, style: str = "") -> Content:
    """A name in so many cells, cut where it is longer, and a space."""
    text = line(value, style, most=200).truncate(width, ellipsis=True)
    return text + Content(" " * (width - text.cell_length + 1))


def joined(parts: Sequence[Content]) -> Content:
    return Content("\n").join(parts)


def heading(text: str) -> Content:
    return Content.styled(text, "bold")
