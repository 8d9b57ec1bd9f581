"""Ratings of a tournament with their intervals, and how often an answer is right that says how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.report.drawing import INK, MARKERS, SERIES, short, style, svg_of

OPEN = 60.0
"""Points of rating that an arrow is long."""


def ratings_chart(ratings: Sequence[Row], similar: Sequence[Row]) -> str:
    """A row for each contestant, the best on top: its rating over all pairs, and over those of similar length."""
    from matplotlib.figure import Figure

    rated = [row for row in ratings if row["rating"] is not None]
    if not rated:
        return ""
    places = {row["model"]: place for place, row in enumerate(rated)}
    both = [
        ("all pairs", rated, -0.13),
        ("pairs of similar length", [row for row in similar if row["model"] in places], 0.13),
    ]
    with style():
        figure = Figure(figsize=(7.4, 1.1 + 0.42 * len(rated)), layout="constrained")
        axes = figure.add_subplot()
        for number, (label, rows, shift) in enumerate(both):
            rows = [row for row in rows if row["rating"] is not None]
            if not rows:
                continue
            axes.errorbar(
                [row["rating"] for row in rows],
                [places[row["model"]] + shift for row in rows],
                xerr=[[_arm(row, "low") for row in rows], [_arm(row, "high") for row in rows]],
                fmt=MARKERS[1 - number],
                color=SERIES[1 - number],
                markersize=5,
                capsize=2.5,
                linewidth=1.4,
                label=label,
            )
            for row in rows:
                for tip in _open_ends(row):
                    place = places[row["model"]] + shift
                    arrow = {"arrowstyle": "->", "color": SERIES[1 - number], "linewidth": 1.4, "shrinkA": 0}
                    axes.annotate("", (tip, place), (row["rating"], place), arrowprops=arrow)
                    axes.update_datalim([(tip, place)])
        axes.set_yticks(range(len(rated)), [short(row["model"]) for row in rated])
        axes.set_ylim(len(rated) - 0.5, -0.5)
        axes.axvline(1000, color=INK, linewidth=0.6)
        axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("rating; 1000 is the mean, 400 more is ten to one")
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
        return svg_of(figure, "ratings", "Rating of each contestant with its interval")


def _open_ends(row: Row) -> list[float]:
    """Where the arrow of an end points that the data do not set, while they set the other."""
    if row["low"] is row["high"] is None:
        return []
    away = {"low": row["rating"] - OPEN, "high": row["rating"] + OPEN}
    return [tip for end, tip in away.items() if row[end] is None]


def _arm(row: Row, bound: str) -> float:
    return 0.0 if row[bound] is None else abs(float(row["rating"]) - float(row[bound]))


def reliability_chart(calibration: Sequence[Row]) -> str:
    """For each contestant: the share of right answers among those that are about so sure, their number beside it.

    On the diagonal a contestant is as often right as it says. The form is that of DeGroot and Fienberg (1983).
    """
    from matplotlib.figure import Figure

    shown = [entry for entry in calibration if any(part["n"] for part in entry["curve"])]
    if not shown:
        return ""
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    with style():
        figure = Figure(figsize=(2.5 * max(columns, 2), 2.75 * lines), layout="constrained")
        for place, entry in enumerate(shown):
            axes = figure.add_subplot(lines, columns, place + 1)
            parts = [part for part in entry["curve"] if part["n"]]
            x, y = [part["confidence"] for part in parts], [part["accuracy"] for part in parts]
            axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.vlines(x, x, y, color=INK, alpha=0.35, linewidth=1)
            axes.plot(x, y, color=SERIES[1], marker="o", markersize=4.5, linewidth=1.4)
            for part in parts:
                under = part["accuracy"] >= part["confidence"]
                axes.annotate(str(part["n"]), (part["confidence"], part["accuracy"]), xytext=(0, 5 if under else -11),
                              textcoords="offset points", ha="center", fontsize=7)  # fmt: skip
            axes.set(xlim=(-0.04, 1.04), ylim=(-0.09, 1.09), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axes.set_title(short(entry["contestant"]), fontsize=9)
            axes.grid(color=INK, alpha=0.15, linewidth=0.6)
            if place >= len(shown) - columns:
                axes.set_xlabel("confidence it states")
            if place % columns == 0:
                axes.set_ylabel("share that is right")
        return svg_of(
            figure, "reliability", "Share of right answers by stated confidence, one panel for each contestant"
        )
