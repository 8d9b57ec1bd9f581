"""Curves of a training, and the nine dimensions of every contestant with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.report.drawing import INK, MARKERS, SERIES, short, style, svg_of


def dimension_chart(evaluation: Row) -> str:
    """Mean and interval of the reward and the nine dimensions, one row each, one mark per contestant."""
    from matplotlib.figure import Figure

    contestants = evaluation["contestants"][: len(SERIES)]
    names = ["reward", *DIMENSIONS]
    with style():
        figure = Figure(figsize=(7.4, 0.8 + 0.42 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        for number, contestant in enumerate(contestants):
            scores = {"reward": contestant["reward"], **contestant["dimensions"]}
            shift = (number - (len(contestants) - 1) / 2) * 0.22
            rows = [(place, scores[name]) for place, name in enumerate(names) if scores[name]["mean"] is not None]
            axes.errorbar(
                [estimate["mean"] for _, estimate in rows],
                [place + shift for place, _ in rows],
                xerr=[
                    [_arm(estimate, "low") for _, estimate in rows],
                    [_arm(estimate, "high") for _, estimate in rows],
                ],
                fmt=MARKERS[number],
                color=SERIES[number],
                markersize=5,
                capsize=2.5,
                linewidth=1.4,
                label=short(contestant["name"]),
            )
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.axhline(0.5, color=INK, linewidth=0.6)
        axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"mean score, {evaluation['confidence']:.0%} interval over prompts")
        figure.legend(loc="outside upper center", ncols=len(contestants), frameon=False)
        return svg_of(figure, "dimensions", "Mean scores of each contestant on the reward and the nine dimensions")


def training_chart(number: int, name: str, curves: dict[str, list[float | None]]) -> str:
    """Reward and loss over the steps: every value faint, their running mean plain. Empty where neither was logged.

    `number` tells this chart from the others of the page.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    shown = [metric for metric in ("reward", "loss") if metric in curves]
    if not shown:
        return ""
    with style():
        figure = Figure(figsize=(3.7 * max(len(shown), 1.6), 2.6), layout="constrained")
        for place, metric in enumerate(shown, 1):
            axes = figure.add_subplot(1, len(shown), place)
            pairs = zip(curves["step"], curves[metric], strict=True)
            points = [(step, value) for step, value in pairs if step is not None and value is not None]
            steps, values = [step for step, _ in points], [value for _, value in points]
            colour = SERIES[1] if metric == "reward" else SERIES[0]
            axes.plot(steps, values, color=colour, alpha=0.35, linewidth=0.9)
            axes.plot(steps, _running_mean(values), color=colour, linewidth=1.8)
            if metric == "reward":
                _quarters(axes, steps, values)
            axes.set_title(metric, fontsize=10)
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(color=INK, alpha=0.15, linewidth=0.6)
        return svg_of(figure, f"training-{number}", f"{' and '.join(shown)} over the steps of {name}")


def _quarters(axes: Any, steps: Sequence[float], values: Sequence[float]) -> None:
    """The means of the first and the last quarter, which the verdict compares."""
    quarter = len(values) // 4
    for part in (slice(None, quarter), slice(len(values) - quarter, None)) if quarter else ():
        level = sum(values[part]) / quarter
        axes.plot([steps[part][0], steps[part][-1]], [level, level], color=INK, linewidth=1.4, linestyle=(0, (4, 2)))


def _running_mean(values: Sequence[float]) -> list[float]:
    """Centred, over about a tenth of the values; the window shrinks at both ends."""
    half = max(1, len(values) // 20)
    windows = [values[max(0, place - half) : place + half + 1] for place in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _arm(estimate: Row, bound: str) -> float:
    """Length of an error bar's arm; a mean without an interval has none."""
    return 0.0 if estimate[bound] is None else abs(float(estimate["mean"]) - float(estimate[bound]))
