"""Nine scores as bars, each with its figure, its spread between samples and the judge's reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content
from textual.widget import Widget

from pipeline.tasks.dimensions import DIMENSIONS
from tui.text import line

NAMED = max(len(name) for name in DIMENSIONS)
FULL, HALF, EMPTY = "█", "▌", "░"


class ScoreBars(Widget):
    """One line a dimension; a dimension that does not apply has no bar and says so."""

    ABOUT = "Nine scores between 0 and 1; a dash where a dimension does not apply."
    DEFAULT_CSS = "ScoreBars { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._scores: Mapping[str, float | None] = {}
        self._reasons: Mapping[str, str] = {}
        self._spread: Mapping[str, float | None] = {}

    def show(
        self,
        scores: Mapping[str, float | None],
        reasons: Mapping[str, str] | None = None,
        spread: Mapping[str, float | None] | None = None,
    ) -> None:
        """`reasons` and `spread` by dimension, where there are any."""
        self._scores, self._reasons, self._spread = scores, reasons or {}, spread or {}
        self.refresh(layout=True)

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self.render().plain.count("\n") + 1

    def render(self) -> Content:
        width = self.size.width
        if not self._scores:
            return Content.styled("Not scored.", "$foreground-muted")
        free = width - NAMED - 12
        room = min(20, max(5, free // 3 if self._reasons else free))  # what was said is read, a bar is only glanced at
        return Content("\n").join(
            _row(name, self._scores.get(name), self._spread.get(name), self._reasons.get(name), room, self._plain)
            .truncate(max(1, width), ellipsis=True)
            for name in DIMENSIONS
        )  # fmt: skip


def _row(name: str, score: float | None, spread: float | None, reason: object, room: int, plain: bool) -> Content:
    words, reason = name.replace("_", " ").ljust(NAMED), str(reason or "")[:1000]
    if not isinstance(score, int | float):
        return Content.styled(f"{words}    – {'':{room}}  ", "$foreground-muted") + line(reason, "$foreground-muted")
    wide = f" ±{spread:.2f}" if isinstance(spread, int | float) and spread else ""
    head = Content.assemble(
        f"{words} {score:4.2f} ", (bar(float(score), room, plain), colour(float(score))), wide, "  "
    )
    return head + line(reason, "$foreground-muted")


def bar(share: float, room: int, plain: bool = False) -> str:
    """A bar of `room` letters for a share between 0 and 1."""
    halves = round(min(1.0, max(0.0, share)) * room * 2)
    if plain:
        return ("#" * (halves // 2)).ljust(room, ".")
    return (FULL * (halves // 2) + HALF * (halves % 2)).ljust(room, EMPTY)


def colour(score: float) -> str:
    return "$error" if score < 1 / 3 else "$warning" if score < 2 / 3 else "$success"
