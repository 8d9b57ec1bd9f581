"""The figures of other runs, read in threads of their own, to be drawn over those of the run that is selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.engine.runs import Run
from tui.curves import Curve
from tui.feed import Feed, Snapshot
from tui.series import Span

TAIL = 10
"""Letters of a run's id in the legend: preset and the letters that tell it apart."""


class Overlay:
    """One feed a run. `heard` is called in a feed's thread whenever one of them has news."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._feeds: dict[str, Feed] = {}
        self._snapshots: dict[str, Snapshot] = {}

    def follow(self, runs: Sequence[Run]) -> None:
        """Follow these runs and no others."""
        wanted = {run.id: run for run in runs}
        for gone in [name for name in self._feeds if name not in wanted]:
            self._feeds.pop(gone).close()
            self._snapshots.pop(gone, None)
        for name, run in wanted.items():
            if name not in self._feeds:
                self._feeds[name] = Feed(run, lambda snapshot, name=name: self._take(name, snapshot))  # type: ignore[misc]
                self._feeds[name].start()

    def close(self) -> None:
        self.follow(())

    def _take(self, name: str, snapshot: Snapshot) -> None:
        if name in self._feeds and not snapshot.behind:
            self._snapshots[name] = snapshot
            self._heard()

    def over(self, curve: Curve, began: float) -> list[tuple[str, Sequence[Span]]]:
        """The lines of the same step and figure in the other runs. `began`: when the selected run began; on the time
        axis every run starts there."""
        found: list[tuple[str, Sequence[Span]]] = []
        for name, snapshot in dict(self._snapshots).items():
            lines = snapshot.lines.get(curve.step, {})
            for figure, _ in curve.lines:
                if figure in lines:
                    found.append((f"{figure} {name[-TAIL:]}", moved(lines[figure].spans(), began - start(snapshot))))
        return found


def start(snapshot: Snapshot) -> float:
    """When the first step of a run began."""
    return min((step.began for step in snapshot.steps if step.began), default=0.0)


def moved(spans: Sequence[Span], by: float) -> list[Span]:
    """The same points at other times."""
    return [span._replace(t0=span.t0 + by, t1=span.t1 + by) for span in spans]
