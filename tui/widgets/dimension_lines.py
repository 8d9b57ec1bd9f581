"""One line a dimension: its mean score now, where it began, and the way between as a small curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content
from textual.widget import Widget

from pipeline.tasks.dimensions import DIMENSIONS
from tui.plot import Look, draw
from tui.series import Span, newest
from tui.widgets.score_bars import NAMED, colour


class DimensionLines(Widget, can_focus=True):
    ABOUT = "The nine dimensions of what the model writes while it is trained: first, now, and the way between."
    DEFAULT_CSS = "DimensionLines { height: auto; }"

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._lines: Mapping[str, Sequence[Span]] = {}

    def show(self, lines: Mapping[str, Sequence[Span]]) -> None:
        self.refresh(layout=bool(lines) != bool(self._lines))
        self._lines = lines

    def as_text(self) -> str:
        return self.render().plain

    def get_content_height(self, *_: Any) -> int:
        """Rows are cut, never wrapped: there are as many in any width, also before the new one is known."""
        return self.render().plain.count("\n") + 1

    def render(self) -> Content:
        if not self._lines:
            return Content.styled("No scores yet: GRPO tells them with every step.", "$foreground-muted")
        head = Content.styled(f"{'':<{NAMED}} first    now  over time", "bold $foreground-muted")
        head = head.truncate(max(1, self.size.width))
        return Content("\n").join([head, *(self._row(name) for name in DIMENSIONS)])

    def _row(self, name: str) -> Content:
        spans = self._lines.get(name, ())
        words = name.replace("_", " ").ljust(NAMED)
        first = next((span.last for span in spans if span.last == span.last), None)
        last = newest(spans)
        if first is None or last is None:
            return Content.styled(f"{words}     –", "$foreground-muted")
        room = max(4, self.size.width - NAMED - 15)
        picture = draw([spans], room, 1, Look(smooth=0.6), plain=self._plain)
        drawn = "".join(letter for letter, _ in picture.rows[0]) if picture else ""
        return Content.assemble(
            f"{words} ", (f" {first:.2f} {'>' if self._plain else '→'} ", "$foreground-muted"),
            (f"{last:.2f} ", colour(last)), (drawn, "$primary"),
        )  # fmt: skip
