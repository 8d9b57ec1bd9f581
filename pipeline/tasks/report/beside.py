"""Two reports side by side: the tables of `report RUN OTHER`, for a terminal and as a page of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.report.markup import Markup, grid, section, tag
from pipeline.tasks.report.style import STYLE
from pipeline.tasks.report.tables import Table
from pipeline.tasks.report.words import NONE, bounds, interval_text, mean_text, number, share_text, spaced

Cell = Callable[[Any], str]
NOTES = {
    "results": "The tuned model's means; in brackets its gain over its own baseline, with the interval. The difference "
    "has none: the two runs share no pairs that a report knows of.",
    "battery": "Shares passed by the tuned model.",
    "ratings": "Each within its own tournament: two ratings compare only among the same contestants.",
    "calibration": "Of the tuned model.",
}


def tables_beside(compared: Row, left: str, right: str) -> dict[str, Table]:
    """Name -> table, in the order of `side_by_side`; a table without rows is left out."""
    plain: Mapping[str, Cell] = {
        "verdict": _plain, "battery": share_text, "ratings": _rating, "calibration": _plain, "costs": _plain,
    }  # fmt: skip
    found = {}
    for name, rows in compared.items():
        if not rows:
            continue
        if name == "results":
            found[name] = _results(rows, left, right)
        elif name == "settings":
            cells = [[f"{row['step']}.{row['key']}", _json(row["left"]), _json(row["right"])] for row in rows]
            found[name] = Table(["", left, right], cells)
        else:
            cells = [[row["name"], plain[name](row["left"]), plain[name](row["right"])] for row in rows]
            found[name] = Table(["", left, right], cells)
    return found


def _results(rows: Sequence[Row], left: str, right: str) -> Table:
    def side(row: Row, name: str) -> str:
        gain = row[f"{name}_gain"]
        told = "" if gain is None else f" ({mean_text(gain, signed=True)} {interval_text(gain, signed=True)})"
        return mean_text(row[name]) + told

    cells = [
        [spaced(row["name"]), side(row, "left"), side(row, "right"), number(row["difference"], "+.3f")] for row in rows
    ]
    return Table(["", left, right, "right - left"], cells)


def _rating(value: Row | None) -> str:
    return NONE if value is None else f"{number(value['rating'], '.0f')} {bounds(value)}"


def _plain(value: Any) -> str:
    return NONE if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _json(value: Any) -> str:
    return NONE if value is None else json.dumps(value, ensure_ascii=False)


def render_beside(compared: Row, left: str, right: str) -> str:
    """A page that needs no network and runs no script."""
    found = tables_beside(compared, left, right)
    parts = [
        section(name, name.capitalize(), NOTES.get(name, ""), grid(table, "beside")) for name, table in found.items()
    ]
    if "settings" not in found:
        parts.append(section("settings", "Settings", "No setting differs."))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{left} and {right}"),
        tag("style", Markup(STYLE)),
    )
    title = tag("h1", "Two runs side by side")
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', title, *parts)), lang='en')}\n"
