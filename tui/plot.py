"""Lines as braille dots: for every column of dots the lowest and highest value in it, however many points there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tui.series import Span, join

BAND, PLAIN_BAND = "░", ":"
"""What fills a band, where no line runs through it."""
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of a braille letter by column and row of its dots, from the top."""
BRAILLE = 0x2800
LEAST = 1e-300
"""What is not above it has no place on a logarithmic axis."""


@dataclass(frozen=True)
class Look:
    """How lines are looked at."""

    log: bool = False
    """A logarithmic y axis; what is not above zero is a gap."""
    smooth: float = 0.0
    """Share of the running mean that is kept from point to point: 0 is raw, 0.9 is calm."""
    clock: bool = False
    """Seconds since the start on the x axis, instead of steps."""
    tail: float = 1.0
    """Share of the x axis that is shown, counted from its end."""


@dataclass(frozen=True)
class Picture:
    """Letters of a chart, each with the line it belongs to; `x` and `y` are the bounds of the axes."""

    rows: tuple[tuple[tuple[str, int], ...], ...]
    """Height rows of width letters; -1 where there is none, -2 - line in the band of a line."""
    x: tuple[float, float]
    y: tuple[float, float]


def smoothed(spans: Sequence[Span], share: float) -> list[Span]:
    """An exponential running mean; gaps stay gaps and do not count. Corrected at its start, so that the first value is
    itself (as Adam's moments are: Kingma and Ba, 2015)."""
    if not share:
        return list(spans)
    mean, weight, out = 0.0, 0.0, []
    for span in spans:
        if not math.isnan(span.last):
            mean = share * mean + (1 - share) * (span.low + span.high) / 2
            weight = share * weight + 1 - share
            value = mean / weight
            span = replace_y(span, value)
        out.append(span)
    return out


def replace_y(span: Span, value: float) -> Span:
    return span._replace(low=value, high=value, last=value)


def values_at(spans: Sequence[Span], x: float, clock: bool) -> float | None:
    """The value of a line at a place on the x axis: that of the nearest point to it, if there is one."""
    found = [span for span in spans if not math.isnan(span.last)]
    return min(found, key=lambda span: abs(_x(span, clock) - x)).last if found else None


def bounds(lines: Sequence[Sequence[Span]], look: Look) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """(x, y) that hold all that is shown; None where nothing is."""
    every = [span for spans in lines for span in spans]
    if not every:
        return None
    ends = [end for spans in lines for end in (spans[:1], spans[-1:])]  # a line goes from left to right
    first, last = (
        min(_x0(end[0], look.clock) for end in ends if end),
        max(_x(end[0], look.clock) for end in ends if end),
    )
    start = last - (last - first) * look.tail
    seen = [span for span in every if _x(span, look.clock) >= start and _drawable(span, look)]
    if not seen:
        return None
    low, high = min(_low(span, look) for span in seen), max(span.high for span in seen)
    if low == high:
        around = abs(low) / 2 if abs(low) > LEAST else 0.5
        low, high = (low / 2, high * 2) if look.log else (low - around, high + around)
    return (start, last if last > start else start + 1), (low, high)


def draw(
    lines: Sequence[Sequence[Span]],
    width: int,
    height: int,
    look: Look,
    *,
    bands: Sequence[Sequence[Span]] = (),
    y: tuple[float, float] | None = None,
    plain: bool = False,
) -> Picture | None:
    """The lines in `width` x `height` letters, the first one on top; `plain`: in ASCII. None where nothing is shown.
    `bands`: of each line the values between which it is expected, drawn behind all lines; as long as `lines`, or empty.
    `y`: the ends of the y axis, where they are not those of the figures.
    """
    lines = [smoothed(spans, look.smooth) for spans in lines]
    found = bounds([*lines, *(band for band in bands if band)], look) if bounds(lines, look) else None
    if found is None or width < 1 or height < 1:
        return None
    (x0, x1), (y0, y1) = found if y is None else (found[0], y)
    across, down = (width, height) if plain else (2 * width, 4 * height)
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    for number in reversed(range(len(lines))):
        before: tuple[int, int] | None = None  # column and row of dots where the line stands
        for column, span in enumerate(_columns(lines[number], look, x0, x1, across)):
            if span is None:
                continue  # no point in this column: a straight line leads over it to the next
            if not _drawable(span, look):
                before = None
                continue
            top, bottom, at = (
                _row(y, y0, y1, down, look.log) for y in (span.high, _low(span, look), _last(span, look))
            )
            if before is not None:
                for over, row in _between(before, (column, min(max(before[1], top), bottom))):
                    _dot(cells, over, row, number, plain)
            for row in range(top, bottom + 1):
                _dot(cells, column, row, number, plain)
            before = (column, at)
    behind = _filled(bands, look, (x0, x1), (y0, y1), width, height)
    rows = tuple(
        tuple(_letter(cells.get((x, y)), behind.get((x, y), -1), plain) for x in range(width)) for y in range(height)
    )
    return Picture(rows, (x0, x1), (y0, y1))


def _x(span: Span, clock: bool) -> float:
    return span.t1 if clock else span.x1


def _x0(span: Span, clock: bool) -> float:
    return span.t0 if clock else span.x0


def _drawable(span: Span, look: Look) -> bool:
    return not math.isnan(span.last) and (not look.log or span.high > LEAST)


def _low(span: Span, look: Look) -> float:
    return span.low if not look.log or span.low > LEAST else span.high


def _last(span: Span, look: Look) -> float:
    return span.last if not look.log or span.last > LEAST else span.high


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Dots of a straight line, without a hole: those that a column adds to the one before."""
    (x0, y0), (x1, y1) = start, end
    row = y0
    for column in range(x0 + 1, x1 + 1):
        wanted = round(y0 + (y1 - y0) * (column - x0) / (x1 - x0))
        way = 1 if wanted > row else -1
        yield from ((column, one) for one in range(row + (way if wanted != row else 0), wanted + way, way))
        row = wanted


def _columns(spans: Sequence[Span], look: Look, x0: float, x1: float, across: int) -> list[Span | None]:
    gathered: list[list[Span]] = [[] for _ in range(across)]
    for span in spans:
        place = (_x(span, look.clock) - x0) / (x1 - x0)
        if place >= 0:
            gathered[min(across - 1, round(place * (across - 1)))].append(span)
    return [join(here) if here else None for here in gathered]


def _filled(
    bands: Sequence[Sequence[Span]],
    look: Look,
    x: tuple[float, float],
    y: tuple[float, float],
    width: int,
    height: int,
) -> dict[tuple[int, int], int]:
    """Letter -> the line whose band it lies in, the first of them; between two points a band goes on as it was."""
    cells: dict[tuple[int, int], int] = {}
    for number in reversed(range(len(bands))):
        seen = [span for span in bands[number] if _drawable(span, look)]
        before: tuple[int, int, int] | None = None  # column, top and bottom
        for column, span in enumerate(_columns(seen, look, *x, width)):
            if span is None:
                continue
            top, bottom = (_row(value, *y, height, look.log) for value in (span.high, _low(span, look)))
            start = before[0] + 1 if before else column
            for over in range(start, column + 1):
                high, low = (top, bottom) if over == column or before is None else before[1:]
                cells |= {(over, row): number for row in range(high, low + 1)}
            before = (column, top, bottom)
    return cells


def _row(value: float, low: float, high: float, down: int, log: bool) -> int:
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    share = (value - low) / (high - low)
    return min(down - 1, max(0, round((1 - share) * (down - 1))))


def _dot(cells: dict[tuple[int, int], tuple[int, int]], column: int, row: int, number: int, plain: bool) -> None:
    place, bit = ((column, row), 1) if plain else ((column // 2, row // 4), DOTS[column % 2][row % 4])
    bits, _ = cells.get(place, (0, number))
    cells[place] = (bits | bit, number)


def _letter(cell: tuple[int, int] | None, band: int, plain: bool) -> tuple[str, int]:
    if cell is None:
        return (" ", -1) if band < 0 else (PLAIN_BAND if plain else BAND, -2 - band)
    bits, number = cell
    return ("*+x#o%"[number % 6] if plain else chr(BRAILLE + bits)), number


def narrowed(look: Look) -> Look:
    """The next share of the tail: all, a half, a quarter, a tenth, all again."""
    shares = (1.0, 0.5, 0.25, 0.1)
    return replace(look, tail=shares[(shares.index(look.tail) + 1) % len(shares)] if look.tail in shares else 1.0)
