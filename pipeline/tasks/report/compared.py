"""Two reports side by side, as plain data: verdicts, dimensions, battery, ratings, calibration, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.engine.rows import Row


def side_by_side(left: Row, right: Row) -> Row:
    """Two reports compared. Each side's figures are its own; none has an interval of its difference to the other's, for
    the two runs share no pairs that a report knows of.

    {"verdict": [{"name", "left", "right"}],
    "results": [{"name", "left", "right", "left_gain", "right_gain", "difference"}] (the tuned model's estimates, its
    gains over its own baseline, and right - left),
    "battery": [{"name", "left", "right"}] (shares passed by the tuned model),
    "ratings": [{"name", "left", "right"}] (ratings of contestants of one name, each within its own tournament),
    "calibration": [{"name", "left", "right"}], "costs": [{"name", "left", "right"}],
    "settings": [{"step", "key", "left", "right"}] (those that differ alone)}.
    """
    return {
        "verdict": _verdicts(left["verdict"], right["verdict"]),
        "results": [_result(old, new) for old, new in _matched(left["table"], right["table"])],
        "battery": _sides(_passed, left, right),
        "ratings": _sides(_ratings, left, right),
        "calibration": _sides(_calibration, left, right),
        "costs": _sides(_costs, left, right),
        "settings": _differing(_settings(left), _settings(right)),
    }


def _sides(figures: Callable[[Row], Mapping[str, Any]], left: Row, right: Row) -> list[Row]:
    """A row for each name that either side has a figure under; None where the other has none."""
    mine, theirs = figures(left), figures(right)
    return [{"name": name, "left": mine.get(name), "right": theirs.get(name)} for name in {**mine, **theirs}]


def _passed(report: Row) -> dict[str, Any]:
    evaluation = report["evaluation"] or {}
    tuned = [entry["name"] for entry in evaluation.get("contestants", [])][-1:]
    return {
        f"{test['id']} {test['title']}": result["rate"]
        for test in (evaluation.get("battery") or {}).get("tests", [])
        for result in test["results"]
        if result["contestant"] in tuned
    }


def _ratings(report: Row) -> dict[str, Any]:
    kept = ("rating", "low", "high")
    ratings = (report.get("tournament") or {}).get("ratings", [])
    return {entry["model"]: {key: entry[key] for key in kept} for entry in ratings}


def _calibration(report: Row) -> dict[str, Any]:
    evaluation = report["evaluation"] or {}
    tuned = [entry["name"] for entry in evaluation.get("contestants", [])][-1:]
    return {
        name: entry.get(name)
        for entry in evaluation.get("calibration") or []
        if entry["contestant"] in tuned
        for name in ("stated", "ece", "brier", "auroc")
    }


def _costs(report: Row) -> dict[str, Any]:
    found = report.get("costs") or []
    paid = [row["cost"] for row in found if row["cost"] is not None]
    seconds = sum(row["seconds"] or 0 for row in found)
    return (
        {
            "seconds": round(seconds, 1),
            "paid calls": sum(row["calls"] for row in found),
            "US dollars": round(sum(paid), 4),
        }
        if found
        else {}
    )


def _verdicts(left: Row, right: Row) -> list[Row]:
    sides = [{row["name"]: row["outcome"] for row in side["criteria"]} for side in (left, right)]
    rows = [{"name": "verdict", "left": left["outcome"], "right": right["outcome"]}]
    return rows + [
        {"name": name, "left": sides[0].get(name), "right": sides[1].get(name)} for name in {**sides[0], **sides[1]}
    ]


def _settings(report: Row) -> dict[tuple[str, str], Any]:
    """(step, key) -> value, of nested settings with dots between; of every step its stage first."""
    flat: dict[tuple[str, str], Any] = {}

    def walk(step: str, prefix: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if isinstance(value, Mapping):
                walk(step, f"{prefix}{key}.", value)
            else:
                flat[step, f"{prefix}{key}"] = value

    for step in report["steps"]:
        walk(step["name"], "", {"stage": step["stage"], "seed": step["seed"], **step["settings"]})
    return flat


def _differing(left: Mapping[tuple[str, str], Any], right: Mapping[tuple[str, str], Any]) -> list[Row]:
    """Of a step that one side alone has, its stage is all that is told."""
    shared = {step for step, _ in left} & {step for step, _ in right}
    return [
        {"step": step, "key": key, "left": left.get((step, key)), "right": right.get((step, key))}
        for step, key in {**left, **right}
        if left.get((step, key)) != right.get((step, key)) and (step in shared or key == "stage")
    ]


def _matched(left: Sequence[Row], right: Sequence[Row]) -> list[tuple[Row, Row]]:
    others = {row["name"]: row for row in right}
    empty: Row = {"tuned": None, "difference": None}
    names = dict.fromkeys([*(row["name"] for row in left), *others])
    mine = {row["name"]: row for row in left}
    return [(mine.get(name, {"name": name, **empty}), others.get(name, {"name": name, **empty})) for name in names]


def _result(left: Row, right: Row) -> Row:
    return {
        "name": left["name"],
        "left": left["tuned"],
        "right": right["tuned"],
        "left_gain": left["difference"],
        "right_gain": right["difference"],
        "difference": right["tuned"]["mean"] - left["tuned"]["mean"] if _has_mean(left) and _has_mean(right) else None,
    }


def _has_mean(row: Row) -> bool:
    return row["tuned"] is not None and row["tuned"]["mean"] is not None
