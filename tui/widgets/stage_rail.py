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

BAR = 8
LIVE = ("running", "waiting", "stalled")


class StageRail(Widget):
    """Drawn again with each snapshot, and once a second while a step runs: its clock goes on."""

    ABOUT = "The steps of the run in order: what is done, what was there already (=), what runs and how long still."
    DEFAULT_CSS = "StageRail { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._snapshot: Snapshot | None = None
        self._high = -1

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self._snapshot and self._snapshot.life in LIVE and self.screen.is_current:
            self.refresh()

    def show(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        rows = self.render().plain.count("\n")
        self.refresh(layout=rows != self._high)
        self._high = rows

    def as_text(self) -> str:
        return self.render().plain

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self.render().plain.count("\n") + 1

    def render(self) -> Content:
        snapshot = self._snapshot
        if snapshot is None:
            return Content("")
        begun = {step.name: step for step in snapshot.steps}
        width = max((len(name) for name in snapshot.planned), default=0)
        rows = [row for name in snapshot.planned or begun for row in self._rows(name, begun.get(name), snapshot, width)]
        return Content("\n").join(row.truncate(max(1, self.size.width), ellipsis=True) for row in rows)

    def _rows(self, name: str, step: StepView | None, snapshot: Snapshot, width: int) -> list[Content]:
        state: str = step.state if step else "pending"
        if state == "running" and snapshot.life != "running":
            state = snapshot.life  # it waits, or ended with its run: stopped, failed or died
        style = "bold" if step and step.state == "running" else "" if step else "$foreground-muted"
        parts = [sign(state, self._plain), line(f"{name:<{width}}", style)]
        below: list[Content] = []
        if step and step.state == "running":
            said, *below = _going(step, snapshot, self._plain)
            parts.append(said)
        elif step and step.seconds is not None:
            amount = _amount(step, self.size.width - width - 9)
            parts.append(Content.styled(f"{clock(step.seconds):>7}{amount}", "$foreground-muted"))
        elif state in ("cached", "failed"):
            parts.append(Content.styled({"cached": "there already", "failed": "failed"}[state], "$foreground-muted"))
        return [Content(" ").join(parts), *below]


def _amount(step: StepView, room: int) -> str:
    """How much a step did, where it counts; its unit where there is room for it."""
    if not step.total:
        return ""
    text = f"  {step.total:,} {line(step.unit).plain}"
    return text if len(text) <= room else f"  {step.total:,}"


def _going(step: StepView, snapshot: Snapshot, plain: bool) -> list[Content]:
    """How far a step is, and below it how fast and how long still; its clock stands still where its run does."""
    now = time.time() if snapshot.life in LIVE else snapshot.last
    spent = max(0.0, now - step.began)
    unit = line(step.unit)
    if not step.total or not step.done:
        return [Content(f"{clock(spent):>7}  ") + (Content(f"{step.done:,} ") + unit if step.done else Content(""))]
    share = min(1.0, step.done / step.total)
    left = spent * (1 - share) / share
    rate = _rate(step.done / max(spent, 1e-3), unit.plain)
    return [
        Content(f"{clock(spent):>7}  {step.done:,}/{step.total:,} ") + unit,
        Content("  ") + Content.styled(bar(share, BAR, plain), "$primary") + Content(f" {rate}  {clock(left)} left"),
    ]


def _rate(rate: float, unit: str) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{1 / rate:,.0f} s a {unit[:-1]}"
