"""Nine scores as bars, each with its figure and its spread between samples; a judge's reasons as a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content
from textual.widget import Widget

from pipeline.tasks.dimensions import DIMENSIONS
from tui.text import line, shown

NAMED = max(len(name) for name in DIMENSIONS)
SHORTEST = 5
"""Letters of a bar."""
FULL, HALF, EMPTY = "█", "▌", "░"


class ScoreBars(Widget):
    """One line a dimension; a dimension that does not apply has no bar and says so."""

    ABOUT = "Nine scores between 0 and 1; a dash where a dimension does not apply."
    DEFAULT_CSS = "ScoreBars { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._scores: Mapping[str, float | None] = {}
        self._spread: Mapping[str, float | None] = {}

    def show(self, scores: Mapping[str, float | None], spread: Mapping[str, float | None] | None = None) -> None:
        """`spread` by dimension, where there is any."""
        self._scores, self._spread = scores, spread or {}
        self.refresh(layout=True)

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self.render().plain.count("\n") + 1

    def render(self) -> Content:
        width = self.size.width
        if not self._scores:
            return Content.styled("Not scored.", "$foreground-muted")
        named = max(8, min(NAMED, width - SHORTEST - 6))  # a score and its bar are there in any width
        free = width - named - 6
        spread = self._spread if free - 6 >= SHORTEST else {}
        room = min(20, max(SHORTEST, free - 6 if any(spread.values()) else free))
        return Content("\n").join(
            _row(name, named, self._scores.get(name), spread.get(name), room, self._plain)
            .truncate(max(1, width), ellipsis=True)
            for name in DIMENSIONS
        )  # fmt: skip


def reasons_text(reasons: Mapping[str, object], longest: int) -> Content:
    """Every reason whole, or its first `longest` letters, each on lines of its own; empty where there is none."""
    said = [(name, str(why)[:longest]) for name, why in reasons.items() if why]
    if not said:
        return Content("")
    heads = [line(f"{str(name).replace('_', ' ')}: ", "bold $foreground-muted", 40) for name, _ in said]
    parts = [head + shown(why, "$foreground-muted") for head, (_, why) in zip(heads, said, strict=True)]
    return Content("\n").join([Content.styled("why these scores", "bold $foreground-muted"), *parts])


def _row(name: str, named: int, score: float | None, spread: float | None, room: int, plain: bool) -> Content:
    words = Content(name.replace("_", " ")).truncate(named, ellipsis=True).plain.ljust(named)
    if not isinstance(score, int | float):
        return Content.styled(f"{words}    –", "$foreground-muted")
    wide = f" ±{spread:.2f}" if isinstance(spread, int | float) and spread else ""
    return Content.assemble(f"{words} {score:4.2f} ", (bar(float(score), room, plain), colour(float(score))), wide)


def bar(share: float, room: int, plain: bool = False) -> str:
    """A bar of `room` letters for a share between 0 and 1."""
    halves = round(min(1.0, max(0.0, share)) * room * 2)
    if plain:
        return ("#" * (halves // 2)).ljust(room, ".")
    return (FULL * (halves // 2) + HALF * (halves % 2)).ljust(room, EMPTY)


def colour(score: float) -> str:
    return "$error" if score < 1 / 3 else "$warning" if score < 2 / 3 else "$success"
