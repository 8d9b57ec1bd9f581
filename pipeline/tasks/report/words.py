"""Estimates, shares, counts and durations as a person reads them."""

from __future__ import annotations

from typing import Any

from pipeline.engine.rows import Row

NONE = "–"
OPEN = "…"
"""An end of an interval that the data do not set."""


def mean_text(estimate: Row | None, signed: bool = False) -> str:
    """An estimate's mean for people; a dash where there is none."""
    return NONE if estimate is None or estimate["mean"] is None else format(estimate["mean"], _form(signed))


def interval_text(estimate: Row | None, signed: bool = False) -> str:
    if estimate is None or estimate["low"] is None:
        return NONE
    return f"[{estimate['low']:{_form(signed)}}, {estimate['high']:{_form(signed)}}]"


def share_text(estimate: Row | None) -> str:
    """A share with its interval: 60 % [31 %, 83 %]."""
    if estimate is None or estimate["mean"] is None:
        return NONE
    bounds = "" if estimate["low"] is None else f" [{percent(estimate['low'])}, {percent(estimate['high'])}]"
    return percent(estimate["mean"]) + bounds


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def number(value: float | None, form: str = ".3f") -> str:
    return NONE if value is None else format(value, form)


def bounds(row: Row, form: str = ".0f") -> str:
    """The interval of a rating, which stands beside its value; an end that the data do not set is open."""
    if row["low"] is row["high"] is None:
        return NONE
    low, high = (OPEN if row[end] is None else format(row[end], form) for end in ("low", "high"))
    return f"[{low}, {high}]"


def duration(seconds: float | None) -> str:
    """0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def money(dollars: float | None) -> str:
    return NONE if dollars is None else f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"


def spaced(name: Any) -> str:
    return str(name).replace("_", " ")


def _form(signed: bool) -> str:
    return "+.3f" if signed else ".3f"
