"""Two reports side by side, as `report RUN OTHER --json` compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.report_words import NAMED, direction, percent, rating, share
from tui.text import line, shown

LEAST, MOST = 15, 27
"""Letters of a column; its share of the room in between."""


def compared(value: Mapping[str, Any], left: str, right: str, room: int) -> Content:
    """Verdicts, results and the settings that differ; a part that is not as expected is left out."""
    column = min(MOST, max(LEAST, (room - NAMED - 8) // 2))

    def cell(value: Any, style: str = "") -> Content:
        text = line("–" if value is None else value, style).truncate(column - 1, ellipsis=True)
        return text + Content(" " * (column - text.cell_length))

    head = Content(" " * (NAMED + 1)) + cell(_tail(left, column), "bold") + cell(_tail(right, column), "bold")
    head += Content.styled("change", "bold")
    parts = [head, Content("")]
    for row in _rows(value, "verdict"):
        parts.append(_name(row.get("name")) + cell(row.get("left")) + cell(row.get("right")))
    parts += [Content(""), Content.styled("results: the tuned model, and its gain over its baseline", "bold")]
    for row in _rows(value, "results"):
        sides = [cell(f"{_mean(row.get(side))} {_gain(row.get(f'{side}_gain'))}") for side in ("left", "right")]
        difference = row.get("difference")
        moved = f"{difference:+.3f}" if isinstance(difference, int | float) else "–"
        parts.append(_name(row.get("name")) + sides[0] + sides[1] + Content(moved))
    for title, kind, figure in BESIDE:
        if rows := _rows(value, kind):
            parts += [Content(""), Content.styled(title, "bold")]
            parts += [
                _name(row.get("name")) + cell(figure(row.get("left"))) + cell(figure(row.get("right"))) for row in rows
            ]
    settings = _rows(value, "settings")
    parts += [Content(""), Content.styled("settings that differ" if settings else "No setting differs.", "bold")]
    for row in settings:
        parts.append(line(f"{row.get('step')}.{row.get('key')}", "$foreground-muted"))
        parts.append(shown(f"  {_json(row.get('left'))}  ->  {_json(row.get('right'))}"))
    return Content("\n").join(parts)


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


BESIDE = (
    ("battery: shares passed by the tuned model", "battery", percent),
    ("ratings, each within its own tournament", "ratings", rating),
    ("calibration of the tuned model", "calibration", _plain),
    ("cost and time", "costs", _plain),
)


def _rows(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = value.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _name(value: Any) -> Content:
    return line(f"{str(value).replace('_', ' ')[:NAMED]:{NAMED}} ")


def _tail(name: str, column: int) -> str:
    """Of a run's id the end, which tells runs of one day apart."""
    return name if len(name) < column else f"…{name[2 - column :]}"


def _mean(estimate: Any) -> str:
    return share(estimate.get("mean")) if isinstance(estimate, dict) else "–"


def _gain(estimate: Any) -> str:
    """The gain, and a sign for where its interval lies: above 0 (▲), below (▼), or on both sides (=)."""
    if not isinstance(estimate, dict) or not isinstance(estimate.get("mean"), int | float):
        return ""
    return f"{direction(estimate)[0]} {estimate['mean']:+.3f}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
