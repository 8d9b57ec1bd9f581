"""The few figures that a reader looks for first, each with its interval: the top of the page and of the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.report.words import bounds, duration, interval_text, mean_text, money, number


def headline(table: Sequence[Row], evaluation: Row | None, tournament: Row | None, costs: Sequence[Row]) -> list[Row]:
    """{"name", "value", "note"} each, all text; a figure that was not measured is not there."""
    return [
        {"name": name, "value": value, "note": note}
        for name, value, note in _figures(table, evaluation, tournament, costs)
    ]


def _figures(
    table: Sequence[Row], evaluation: Row | None, tournament: Row | None, costs: Sequence[Row]
) -> Iterator[tuple[str, str, str]]:
    names = [entry["name"] for entry in evaluation["contestants"]] if evaluation else []
    if table and table[0]["difference"] is not None:
        gain = table[0]["difference"]
        yield "reward over the baseline", mean_text(gain, signed=True), interval_text(gain, signed=True)
    passed = _battery(evaluation, names[-1:]), _battery(evaluation, names[:1])
    if passed[0]:
        note = f"baseline {passed[1][0]}" if passed[1] and len(names) > 1 else "samples passed"
        yield "battery", f"{passed[0][0]} of {passed[0][1]}", note
    rated = {entry["model"]: entry for entry in (tournament or {}).get("ratings", [])}
    if names and names[-1] in rated:
        best = rated[names[-1]]
        rank = sorted(rated.values(), key=lambda entry: -(entry["rating"] or 0)).index(best) + 1
        yield "rating", number(best["rating"], ".0f"), f"{bounds(best)}, rank {rank} of {len(rated)}"
    sure = next((row for row in (evaluation or {}).get("calibration") or [] if row["contestant"] in names[-1:]), None)
    if sure and sure.get("ece") is not None:
        yield "calibration error", number(sure["ece"]), f"ECE over {sure['n']} answers"
    if costs:
        known = [row["cost"] for row in costs if row["cost"] is not None]
        spent = money(sum(known)) if known else "nothing paid for"
        yield "time", duration(sum(row["seconds"] or 0 for row in costs)), spent


def _battery(evaluation: Row | None, names: Sequence[str]) -> tuple[int, int] | None:
    battery = (evaluation or {}).get("battery")
    mine = [total for total in battery["totals"] if total["contestant"] in names] if battery else []
    return (sum(total["passed"] for total in mine), sum(total["of"] for total in mine)) if mine else None
