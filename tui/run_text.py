"""A run in a list, in words: what it is sorted by, its figures, all that is known of it, and how two of them differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from textual.content import Content

from tui.launch import Done
from tui.runs_feed import LIVE, RunRow
from tui.text import clock, figure, line, shown

BY: dict[str, Callable[[RunRow], Any]] = {
    "run": lambda row: -row.created,
    "state": lambda row: (row.life not in LIVE, row.life, -row.created),
    "preset": lambda row: (row.preset, -row.created),
    "steps": lambda row: (row.done - row.steps, -row.created),
    "time": lambda row: (-(spent(row) or 0), -row.created),
    "loss": lambda row: (_last(row, "loss", math.inf), -row.created),
    "reward": lambda row: (-_last(row, "reward", -math.inf), -row.created),
    "verdict": lambda row: (-row.figures.get("verdict", -1.0), -row.created),
    "tags": lambda row: (not row.tags, row.tags, -row.created),
}
"""What the list is sorted by: the newest, the best or the first letter on top."""


def spent(row: RunRow) -> float | None:
    return row.seconds if row.seconds is not None else time.time() - row.created if row.life in LIVE else None


def _last(row: RunRow, name: str, none: float) -> float:
    """The figure of the last step that has it."""
    return next((value for key, value in reversed(list(row.figures.items())) if key.endswith(f".{name}")), none)


def three(row: RunRow, name: str) -> Content:
    value = _last(row, name, math.nan)
    return Content("–" if math.isnan(value) else f"{value:.3f}" if abs(value) < 1000 else f"{value:.1e}")


def about(row: RunRow) -> Content:
    """All that the list knows of a run."""
    parts = [line(row.run.id, "bold"), Content(""), _named("preset", row.preset),
             _named("begun", time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created))),
             _named("took" if row.seconds is not None else "so far", clock(spent(row))),
             _named("steps", f"{row.done} of {row.steps}" + (f", at {row.at}" if row.at else ""))]  # fmt: skip
    if row.fault:
        parts.append(line(row.fault, "$error"))
    if row.waiting:
        until = f", until {time.strftime('%m-%d %H:%M', time.localtime(row.until))}" if row.until else ""
        parts.append(line(f"waits: {row.waiting}{until}", "$warning"))
    if row.tags:
        parts.append(_named("tags", ", ".join(row.tags)))
    if row.note:
        parts += [Content(""), shown(row.note, "$accent")]
    if row.figures:
        parts.append(Content(""))
        parts += [line(f"{name:<24} {_exact(value):>10}") for name, value in row.figures.items()]
    return Content("\n").join(parts)


def _named(name: str, value: str) -> Content:
    return Content.styled(f"{name:<8}", "$foreground-muted") + line(value)


def _exact(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and 0.001 <= abs(value) < 1000 else figure(value)


def difference(done: Done, names: tuple[str, str]) -> Content:
    """What `diff --json` found: settings that differ, then results side by side."""
    if not isinstance(done.value, dict):
        return shown(done.error or "They cannot be compared.", "$error")
    settings = [line(text) for text in done.value.get("settings") or ["(the same)"]]
    parts = [line(f"A {names[0]}", "bold"), line(f"B {names[1]}", "bold"), Content(""),
             Content.styled("settings, A -> B", "bold"), *settings, Content("")]  # fmt: skip
    parts.append(Content.styled(f"{'results':<16} {'A':>8} {'B':>8}", "bold"))
    results = done.value.get("results") or []
    for entry in sorted(results, key=lambda entry: bool(entry["first"] == entry["second"])):  # what differs on top
        same = "$foreground-muted" if entry["first"] == entry["second"] else ""
        name = str(entry["result"])
        parts += [line(name, same, 80)] if len(name) > 16 else []  # a long name has a line of its own
        named = "" if len(name) > 16 else name
        parts.append(line(f"{named:<16} {_exact(entry['first']):>8} {_exact(entry['second']):>8}", same))
    return Content("\n").join(parts)
