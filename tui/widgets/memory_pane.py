"""Memory of GPUs and host: absolute, with its history, the plan's estimate beside it, power and temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from textual.content import Content
from textual.widget import Widget

from tui.feed import Snapshot
from tui.hints import LIVE
from tui.plot import Look, draw
from tui.series import MOST, Span
from tui.text import clock, gib, line
from tui.widgets.score_bars import bar

LEAST = 3
"""Rows of a history; what room there is beyond the figures goes to the histories too."""
GUTTER = 8
"""Letters of a history's axis."""
COLOURS = ("$primary", "$accent", "")
"""Of the history, of the plan's estimate, and of neither."""
Sample = tuple[float, Mapping[str, Any]]


class MemoryPane(Widget):
    """Lines a device, or of the host where there is no NVIDIA driver."""

    ABOUT = "Memory in GiB, now and lately; of GPUs as the driver tells it, watts and degrees beside it."
    DEFAULT_CSS = "MemoryPane { height: auto; min-height: 100%; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._samples: Sequence[Sample] = ()
        self._estimate: float | None = None
        self._shape: tuple[Any, ...] = ()

    def show(self, samples: Sequence[Sample], estimate: float | None = None) -> None:
        """`estimate`: bytes that the plan foretold for the present step, if it did."""
        if samples and self._samples and samples[-1] is self._samples[-1] and estimate == self._estimate:
            return
        shape = (bool(samples), len(samples[-1][1].get("gpus") or []) if samples else 0, estimate)
        self.refresh(layout=shape != self._shape)
        self._samples, self._estimate, self._shape = samples, estimate, shape

    def as_text(self) -> str:
        return self.render().plain

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self._drawn(0).plain.count("\n") + 1 + LEAST * self._histories()

    def render(self) -> Content:
        bare = self._drawn(0)
        free = self.size.height - bare.plain.count("\n") - 1
        return self._drawn(max(LEAST, free // max(1, self._histories())))

    def _histories(self) -> int:
        return 1 + len(self._samples[-1][1].get("gpus") or []) if self._samples else 0

    def _drawn(self, height: int) -> Content:
        """`height`: rows of each history."""
        width = max(1, self.size.width)
        if not self._samples:
            return Content.styled("No figures: memory is measured while a step runs.", "$foreground-muted")
        newest = self._samples[-1][1]
        rows: list[Content] = []
        for gpu in newest.get("gpus") or []:
            rows += self._gpu(gpu, width, height)
        here = {gpu.get("index") for gpu in newest.get("gpus") or []}
        gone = {gpu.get("index") for _, one in self._samples for gpu in one.get("gpus") or []} - here
        rows += [line(f"GPU {index} no longer answers.", "$error") for index in sorted(gone, key=str)]
        if not rows:
            rows.append(Content.styled("No NVIDIA driver here.", "$foreground-muted"))
        rows += self._device("host", newest.get("host_used"), newest.get("host_total"))
        rows.append(_pair("this step", gib(number(newest.get("process")))))
        used = [(t, _share(one.get("host_used"), one.get("host_total"))) for t, one in self._samples]
        rows += self._history(used, width, height, number(newest.get("host_total")))
        return Content("\n").join(row.truncate(width, ellipsis=True) for row in rows)

    def _gpu(self, gpu: Mapping[str, Any], width: int, height: int) -> list[Content]:
        used, total, own = (number(gpu.get(name)) for name in ("used", "total", "process"))
        history = [
            (t, _share(one.get("used"), one.get("total")))
            for t, sample in self._samples
            for one in sample.get("gpus") or []
            if one.get("index") == gpu.get("index")
        ]
        name = str(gpu.get("name", "")).removeprefix("NVIDIA ")
        rows = [line(f"GPU {gpu.get('index')} {name}", "bold", most=200)]
        rows += self._device("used", used, total)
        rows.append(_pair("this step", gib(own)))
        if own is not None and used is not None:
            rows.append(_pair("others", gib(max(0.0, used - own))))
        if self._estimate and total:
            rows.append(Content.styled(f"plan {self._bar(self._estimate / total)} {gib(self._estimate)}", "$accent"))
        watts, celsius = number(gpu.get("watts")), number(gpu.get("celsius"))
        degrees = " C" if self._plain else " °C"
        heat = [f"{watts:.0f} W" if watts is not None else "", f"{celsius:.0f}{degrees}" if celsius is not None else ""]
        rows.append(_pair("power", "  ".join(filter(None, heat)) or "–"))
        planned = _share(self._estimate, total) if self._estimate else None
        return [*rows, *self._history(history, width, height, total, planned)]

    def _device(self, name: str, used: Any, total: Any) -> list[Content]:
        share = _share(used, total) or 0.0
        style = "$error" if share > 0.95 else "$warning" if share > 0.85 else "$success"
        text = f"{gib(number(used)).removesuffix(' GiB')} of {gib(number(total))}"
        return [Content(f"{name} ") + Content.styled(self._bar(share), style) + Content(f" {text}")]

    def _bar(self, share: float) -> str:
        return bar(share, max(3, min(12, self.size.width - 24)), self._plain)

    def _history(
        self,
        shares: Sequence[tuple[float, float | None]],
        width: int,
        height: int,
        total: float | None,
        planned: float | None = None,
    ) -> list[Content]:
        """All samples, by their time, against all that the device has; a gap where nothing is known. The plan's
        estimate is a second line."""
        if not height:
            return []
        lines = [[_point(t, share) for t, share in shares]]
        if planned is not None:
            lines.append([_point(t, planned) for t, _ in (shares[0], shares[-1])])
        picture = draw(lines, width - GUTTER, height, Look(clock=True), y=(0.0, 1.0), plain=self._plain)
        rows = picture.rows if picture else ()
        ends = {0: f"{(total or 0.0) / 2**30:.0f} GiB", len(rows) - 1: "0"}
        edge = "|" if self._plain else "│"
        return [
            Content.assemble(
                (f"{ends.get(place, ''):>{GUTTER - 1}}{edge}", "$foreground-muted"),
                *(("".join(one for one, _ in some), COLOURS[owner]) for owner, some in groupby(cells, itemgetter(1))),
            )
            for place, cells in enumerate(rows)
        ]


def _point(t: float, share: float | None) -> Span:
    value = math.nan if share is None else share
    return Span(t, t, t, t, value, value, value)


def _pair(name: str, value: str) -> Content:
    return Content.styled(f"     {name:<10}", "$foreground-muted") + Content(value)


def _share(used: Any, total: Any) -> float | None:
    part, whole = number(used), number(total)
    return min(1.0, max(0.0, part / whole)) if part is not None and whole else None


def number(value: Any) -> float | None:
    """A finite number, or none: a driver that is confused must not end the screen."""
    return float(value) if isinstance(value, int | float) and abs(value) < MOST else None


def memory_title(snapshot: Snapshot) -> str:
    """What time the history spans; of a run that is over, that it is no longer so."""
    if not snapshot.memory:
        return "memory"
    if snapshot.life not in LIVE:
        return "memory at the end"
    return f"memory, last {clock(snapshot.memory[-1][0] - snapshot.memory[0][0])}"


def foreseen(plan: Mapping[str, Any]) -> dict[str, float]:
    """Step -> bytes that it needs at its peak, of steps whose memory the plan estimates."""
    return {
        str(step.get("step")): float(finding["data"]["total"])
        for step in plan.get("steps", [])
        for finding in step.get("findings", [])
        if isinstance(finding.get("data"), dict) and "parts" in finding["data"]
    }
