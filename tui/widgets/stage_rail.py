"""The steps of a run, one line each: state, how far, how fast, how long still."""

from __future__ import annotations

import time
from typing import Any

from textual.content import Content
from textual.widget import Widget

from pipeline.engine.view import StepView
from tui.feed import Snapshot
from tui.text import clock, line
from tui.widgets.score_bars import bar
from tui.widgets.signs import sign

BAR = 10


class StageRail(Widget):
    """Drawn again with each snapshot, and once a second while a step runs: its clock goes on."""

    ABOUT = "The steps of the run in order: what is done, what was there already (=), what runs and how long still."
    DEFAULT_CSS = "StageRail { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._snapshot: Snapshot | None = None

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self._snapshot and self._snapshot.life in ("running", "waiting", "stalled") and self.screen.is_current:
            self.refresh()

    def show(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self.refresh(layout=True)

    def render(self) -> Content:
        snapshot = self._snapshot
        if snapshot is None:
            return Content("")
        begun = {step.name: step for step in snapshot.steps}
        width = max((len(name) for name in snapshot.planned), default=0)
        return Content("\n").join(
            self._row(name, begun.get(name), snapshot, width).truncate(max(1, self.size.width), ellipsis=True)
            for name in snapshot.planned
        )

    def _row(self, name: str, step: StepView | None, snapshot: Snapshot, width: int) -> Content:
        state: str = step.state if step else "pending"
        if state == "running" and snapshot.life not in ("running", "waiting", "stalled"):
            state = snapshot.life  # it ended with its run: stopped, failed or died
        named = line(f"{name:<{width}}", "bold" if state == "running" else "$foreground-muted" if not step else "")
        parts = [sign(state, self._plain), named]
        if step and step.state == "running":
            parts += _going(step, snapshot, self._plain)
        elif step and step.seconds is not None:
            parts.append(Content.styled(clock(step.seconds), "$foreground-muted"))
        elif step and step.state == "cached":
            parts.append(Content.styled("there already", "$foreground-muted"))
        return Content(" ").join(parts)


def _going(step: StepView, snapshot: Snapshot, plain: bool) -> list[Content]:
    """How far a step is; its clock stands still where its run does."""
    now = time.time() if snapshot.life in ("running", "waiting", "stalled") else snapshot.last
    spent = max(0.0, now - step.began)
    if not step.done:
        return [Content(clock(spent))]
    if not step.total:
        return [Content(f"{step.done:,} {step.unit} {clock(spent)}")]
    share = step.done / step.total
    left = spent * (1 - share) / share
    text = f"{step.done:,}/{step.total:,} {step.unit} {_rate(step.done / max(spent, 1e-3), step.unit)}"
    return [Content.styled(bar(share, BAR, plain), "$primary"), Content(text), Content(f"{clock(left)} left")]


def _rate(rate: float, unit: str) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{1 / rate:,.0f} s per {unit[:-1]}"
