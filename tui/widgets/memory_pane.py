"""Memory of GPUs and host: absolute, with its history, the plan's estimate beside it, power and temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content
from textual.widget import Widget

from tui.text import gib, line
from tui.widgets.score_bars import bar

STEPS = "▁▂▃▄▅▆▇█"
PLAIN_STEPS = "_.-=+*%#"
Sample = tuple[float, Mapping[str, Any]]


class MemoryPane(Widget):
    """Lines a device, or of the host where there is no NVIDIA driver."""

    ABOUT = "Memory in GiB, now and lately; of GPUs as the driver tells it, watts and degrees beside it."
    DEFAULT_CSS = "MemoryPane { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._samples: Sequence[Sample] = ()
        self._estimate: float | None = None

    def show(self, samples: Sequence[Sample], estimate: float | None = None) -> None:
        """`estimate`: bytes that the plan foretold for the present step, if it did."""
        self._samples, self._estimate = samples, estimate
        self.refresh(layout=True)

    def render(self) -> Content:
        width = max(1, self.size.width)
        if not self._samples:
            return Content.styled("No sample yet: memory is told while a step runs.", "$foreground-muted")
        newest = self._samples[-1][1]
        rows: list[Content] = []
        for gpu in newest.get("gpus") or []:
            rows += self._gpu(gpu, width)
        if not rows:
            rows.append(Content.styled("no NVIDIA driver here: host memory", "$foreground-muted"))
        history = [(sample.get("host_used") or 0) / (sample.get("host_total") or 1) for _, sample in self._samples]
        used, total = newest.get("host_used"), newest.get("host_total")
        rows.append(self._line("host", used, total, f"this step {gib(newest.get('process'))}"))
        rows.append(self._history(history, width))
        return Content("\n").join(row.truncate(width, ellipsis=True) for row in rows)

    def _gpu(self, gpu: Mapping[str, Any], width: int) -> list[Content]:
        index = gpu.get("index")
        used, total = gpu.get("used"), gpu.get("total")
        extra = [f"this step {gib(gpu['process'])}" if gpu.get("process") is not None else "",
                 f"{gpu['watts']:.0f} W" if gpu.get("watts") is not None else "",
                 f"{gpu['celsius']:.0f} °C" if gpu.get("celsius") is not None else ""]  # fmt: skip
        history = [
            (one.get("used") or 0) / (one.get("total") or 1)
            for _, sample in self._samples
            for one in sample.get("gpus") or []
            if one.get("index") == index
        ]
        rows = [
            line(f"GPU {index} {gpu.get('name', '')}", "bold"),
            self._line("", used, total, " ".join(filter(None, extra))),
        ]
        if self._estimate and total:
            rows.append(
                Content.styled(f"plan {bar(self._estimate / total, 12, self._plain)} {gib(self._estimate)}", "$accent")
            )
        return [*rows, self._history(history, width)]

    def _line(self, name: str, used: float | None, total: float | None, extra: str) -> Content:
        share = (used or 0) / (total or 1)
        style = "$error" if share > 0.95 else "$warning" if share > 0.85 else "$success"
        drawn = Content.styled(bar(share, 12, self._plain), style)
        return Content(" ").join([Content(f"{name:<4}"), drawn, Content(f"{gib(used)} of {gib(total)}"), line(extra)])

    def _history(self, shares: Sequence[float], width: int) -> Content:
        steps = PLAIN_STEPS if self._plain else STEPS
        text = "".join(steps[min(7, max(0, int(share * 8)))] for share in shares[-(width - 5) :])
        return Content.styled(f"     {text}", "$primary")
