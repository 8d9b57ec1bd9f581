"""Lines over steps or time, drawn with braille dots: log scale, smoothing, the tail, and a cursor that reads values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui import actions
from tui.plot import BAND, PLAIN_BAND, Look, Picture, draw, narrowed, values_at
from tui.series import Span
from tui.text import clock, figure, line
from tui.themes import SERIES

GUTTER = 10
"""Letters of the y axis."""
SMOOTH = (0.0, 0.6, 0.9, 0.97)


@dataclass(frozen=True)
class Line:
    name: str
    spans: Sequence[Span]
    band: Sequence[Span] = ()
    """The room in which it is expected, where that is known."""


class LineChart(Widget, can_focus=True):
    """Nothing is drawn again unless lines, look, cursor or size change."""

    OWNER = "chart"
    ABOUT = "A chart. Left and right move the cursor and read the values under it."
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("chart")]
    DEFAULT_CSS = "LineChart { height: 1fr; min-height: 4; }"

    class At(Message):
        """The cursor was put on a training step, and Enter pressed."""

        def __init__(self, step: float) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, empty: str = "No figures yet.", plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._empty, self._plain = empty, plain
        self._lines: tuple[Line, ...] = ()
        self.look = Look()
        self._cursor: int | None = None
        self._drawn: tuple[Any, Picture | None] = ((), None)

    def show(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)
        self.refresh()

    def _picture(self) -> Picture | None:
        width, height = self.size.width - GUTTER, self.size.height - 1 - self._named()
        lines = tuple((one.name, len(one.spans), one.spans[:1], one.spans[-1:], one.band[-1:]) for one in self._lines)
        key = (width, height, self.look, lines)
        if self._drawn[0] != key:
            spans, bands = [one.spans for one in self._lines], [one.band for one in self._lines]
            self._drawn = (key, draw(spans, width, height, self.look, bands=bands, plain=self._plain))
        return self._drawn[1]

    def render(self) -> Content:
        picture = self._picture()
        if picture is None:
            return Content.styled(self._empty, "$foreground-muted")
        rows = self._legend(picture)
        height = len(picture.rows)
        for number, cells in enumerate(picture.rows):
            label = _label(picture.y, number, height, self.look.log)
            parts: list[Any] = [
                (f"{label:>{GUTTER - 2}} ", "$foreground-muted"),
                ("|" if self._plain else "│", "$foreground-muted"),
            ]
            start = 0
            for place in range(1, len(cells) + 1):  # letters of one line in a row share a style
                if place == len(cells) or cells[place][1] != cells[start][1] or self._cursor in (place, start):
                    parts.append(
                        ("".join(letter for letter, _ in cells[start:place]), self._style(cells[start][1], start))
                    )
                    start = place
            rows.append(Content.assemble(*parts))
        rows.append(self._axis(picture))
        return Content("\n").join(rows)

    def _style(self, owner: int, place: int) -> str:
        colour = SERIES[owner % len(SERIES)] if owner >= 0 else "$foreground-muted"
        if owner < -1:
            colour = f"{SERIES[(-2 - owner) % len(SERIES)]} 35%"
        return f"{colour} on $foreground 25%" if place == self._cursor else colour

    def _x(self, picture: Picture) -> float | None:
        if self._cursor is None:
            return None
        x0, x1 = picture.x
        return x0 + (x1 - x0) * self._cursor / max(1, len(picture.rows[0]) - 1)

    def _named(self) -> int:
        """Rows of the legend, as many as the names and bounds of the lines take at their longest."""
        wide = [len(line(one.name).plain) + 11 + (27 if one.band else 0) for one in self._lines]
        whole = sum(wide) + 2 * (len(wide) - 1) + 24 * (self.look != Look())
        return max(1, min(len(self._lines), 3)) if whole > self.size.width and self.size.height > 9 else 1

    def _legend(self, picture: Picture) -> list[Content]:
        x = self._x(picture)
        parts: list[Content] = []
        for number, one in enumerate(self._lines):
            mark = "*+x#o%"[number % 6] if self._plain else "━"
            at = values_at(one.spans, x if x is not None else picture.x[1], self.look.clock)
            name = Content.styled(f"{mark} ", SERIES[number % len(SERIES)]) + line(one.name)
            parts.append(name + Content(f" {figure(at)}") + self._expected(one, x if x is not None else picture.x[1]))
        words = [word for word, on in (("log", self.look.log), (f"smooth {self.look.smooth:g}", self.look.smooth),
                                       (f"last {self.look.tail:.0%}", self.look.tail < 1)) if on]  # fmt: skip
        looks = [Content.styled(word, "$warning") for word in words]
        rows = self._named()
        rest = [Content("  ").join([*parts[rows - 1 :], *looks])]
        return [row.truncate(self.size.width, ellipsis=True) for row in [*parts[: rows - 1], *rest]]

    def _expected(self, one: Line, x: float) -> Content:
        """The bounds of its band at a place on the axis; there are none beyond its ends."""
        near = [span for span in one.band if math.isfinite(span.last)]
        if not near:
            return Content("")
        span = min(near, key=lambda span: abs((span.t1 if self.look.clock else span.x1) - x))
        mark = PLAIN_BAND if self._plain else BAND
        return Content.styled(f" {mark} expected {span.low:.3g}–{span.high:.3g}", "$foreground-muted")

    def _axis(self, picture: Picture) -> Content:
        x0, x1 = picture.x
        start = min((one.spans[0].t0 for one in self._lines if one.spans), default=0.0)
        words = [clock(x - start) if self.look.clock else f"{x:,.0f}" for x in (x0, x1)]
        words[0] = f"{'time' if self.look.clock else 'step'} {words[0]}"
        room = self.size.width - GUTTER
        letters = list(f"{words[0]}{words[1]:>{max(0, room - len(words[0]))}}")
        if (x := self._x(picture)) is not None and self._cursor is not None:
            mark = f" ▲{clock(x - start) if self.look.clock else f'{x:,.0f}'} "
            place = max(0, min(self._cursor - 1, room - len(mark)))
            letters[place : place + len(mark)] = mark
        text = "".join(letters)
        return Content.styled(" " * GUTTER + text, "$foreground-muted")

    def as_text(self) -> str:
        """The points as columns parted by tabs: a line's name, step, value."""
        return "\n".join(
            f"{line(one.name).plain}\t{span.x1:g}\t{span.last!r}" for one in self._lines for span in one.spans
        )

    # actions

    def _looked(self, **changes: Any) -> None:
        self.look = replace(self.look, **changes)
        self.refresh()

    def action_log(self) -> None:
        self._looked(log=not self.look.log)

    def action_smooth(self) -> None:
        place = SMOOTH.index(self.look.smooth) if self.look.smooth in SMOOTH else -1
        self._looked(smooth=SMOOTH[(place + 1) % len(SMOOTH)])

    def action_clock(self) -> None:
        self._looked(clock=not self.look.clock)

    def action_tail(self) -> None:
        self.look = narrowed(self.look)
        self.refresh()

    def _move(self, by: int) -> None:
        last = self.size.width - GUTTER - 1
        self._cursor = last if self._cursor is None else min(last, max(0, self._cursor + by))
        self.refresh()

    def action_left(self) -> None:
        self._move(-1)

    def action_right(self) -> None:
        self._move(1)

    def action_leave(self) -> None:
        self._cursor = None
        self.refresh()

    def action_choose(self) -> None:
        picture = self._picture()
        if picture and (x := self._x(picture)) is not None:
            points = [span for span in self._lines[0].spans if not math.isnan(span.last)]
            if points:  # on the time axis: the step that ended nearest to it
                near = min(points, key=lambda span: abs((span.t1 if self.look.clock else span.x1) - x))
                self.post_message(self.At(near.x1))

    def on_click(self, event: events.Click) -> None:
        if event.x >= GUTTER:
            self._cursor = event.x - GUTTER
            self.refresh()


def _label(bounds: tuple[float, float], row: int, height: int, log: bool) -> str:
    """The value at the top, at the bottom and, where there is room, in the middle of the y axis."""
    low, high = bounds
    if row not in (0, height - 1) and (height < 7 or row != height // 2):
        return ""
    share = 1 - row / max(1, height - 1)
    value = low * (high / low) ** share if log else low + (high - low) * share
    if not log and abs(value) < (high - low) * 1e-3:
        value = 0.0  # next to nothing beside what the axis spans
    texts = (figure(value), f"{value:.1e}", f"{value:.0e}")
    return next((text for text in texts if len(text) < GUTTER - 1), texts[-1])
