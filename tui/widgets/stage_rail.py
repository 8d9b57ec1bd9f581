"""The steps of a run, one line each: state, how far, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from textual.content import Content
from textual.widget import Widget

from pipeline.engine.view import StepView
from tui.feed import Snapshot
from tui.text import clock, line
from tui.widgets.score_bars import bar
from tui.widgets.signs import sign

BAR, SHORTEST = 8, 3
"""Letters of a bar: at most, and where room is short."""
NARROW = 34
"""Letters below which the pane is short of room."""
LIVE = ("running", "waiting", "stalled")


class StageRail(Widget):
    """Drawn again with each snapshot, and once a second while a step runs: its clock goes on."""

    ABOUT = "The steps of the run in order: what is done, what was there already (=), what runs and how long still."
    DEFAULT_CSS = "StageRail { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._snapshot: Snapshot | None = None
        self._high = 1

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self._snapshot and self._snapshot.life in LIVE and self.screen.is_current:
            self.refresh()

    def show(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        rows = self.render().plain.count("\n") + 1
        before, self._high = self._high, rows
        self.refresh(layout=rows != before)

    def as_text(self) -> str:
        return self.render().plain

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self._high

    def render(self) -> Content:
        snapshot = self._snapshot
        if snapshot is None:
            return Content("")
        begun = {step.name: step for step in snapshot.steps}
        width = min(max((len(name) for name in snapshot.planned), default=0), max(8, self.size.width - 10))
        rows = [row for name in snapshot.planned or begun for row in self._rows(name, begun.get(name), snapshot, width)]
        return Content("\n").join(row.truncate(max(1, self.size.width), ellipsis=True) for row in rows)

    def _rows(self, name: str, step: StepView | None, snapshot: Snapshot, width: int) -> list[Content]:
        state: str = step.state if step else "pending"
        if state == "running" and snapshot.life != "running":
            state = snapshot.life  # it waits, or ended with its run: stopped, failed or died
        style = "bold" if step and step.state == "running" else "" if step else "$foreground-muted"
        parts = [sign(state, self._plain), line(f"{name:<{width}}", style).truncate(width, ellipsis=True)]
        below: list[Content] = []
        spent = 5 if self.size.width < NARROW else 7
        room = self.size.width - width - spent - 3
        if step and step.state == "running":
            said, *below = self._going(step, snapshot, spent, room)
            parts.append(said)
        elif step and step.seconds is not None:
            amount = _first(_amounts(f"{step.total:,}" if step.total else "", step), room)
            parts.append(Content.styled(f"{clock(step.seconds):>{spent}}{amount}", "$foreground-muted"))
        elif state in ("cached", "failed"):
            parts.append(Content.styled({"cached": "there already", "failed": "failed"}[state], "$foreground-muted"))
        return [Content(" ").join(parts), *below]

    def _going(self, step: StepView, snapshot: Snapshot, wide: int, room: int) -> list[Content]:
        """How far a step is, and below it, while it runs, how fast and how long still; its clock stands still where
        its run does. `wide`: letters of the clock; `room`: those behind it."""
        now = time.time() if snapshot.life in LIVE else snapshot.last
        spent = max(0.0, now - step.began)
        if not step.total or not step.done:
            amount = _first(_amounts(f"{step.done:,}" if step.done else "", step), room)
            return [Content(f"{clock(spent):>{wide}}{amount}")]
        share = min(1.0, step.done / step.total)
        count = f"{step.done:,}/{step.total:,}"
        amount = _first([*_amounts(count, step), f"  {count}", f"  {share:.0%}"], room)
        left = f"{clock(spent * (1 - share) / share)} left"
        rate = _rate(step.done / max(spent, 1e-3), line(step.unit).plain)
        shown = (f"{rate}  {left}", left) if snapshot.life == "running" else (f"{share:.0%}",)
        said = _first(shown, self.size.width - SHORTEST - 3)
        bars = bar(share, max(SHORTEST, min(BAR, self.size.width - len(said) - 3)), self._plain)
        return [
            Content(f"{clock(spent):>{wide}}{amount}"),
            Content("  ") + Content.styled(bars, "$primary") + Content(f" {said}"),
        ]


def _amounts(text: str, step: StepView) -> tuple[str, ...]:
    """How much, with its unit: a number alone says too little."""
    return (f"  {text} {line(step.unit).plain}",) if text else ()


def _first(texts: Sequence[str], room: int) -> str:
    """The first of them for which there is room; empty where there is for none."""
    return next((text for text in texts if len(text) <= room), "")


def _rate(rate: float, unit: str) -> str:
    if rate >= 0.1:
        return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"
    return f"{1 / rate:,.0f} s a {unit.removesuffix('s')}"
