"""The points of one line of a chart, however many come: old ones joined to their extremes, the newest as they came.

A day of steps fits in some fifteen hundred entries, more than a chart has columns, and a spike is never averaged away.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LIMIT = 1024
"""Entries above which neighbours are joined."""
NEWEST = 512
MOST = 1e300
"""A figure beyond it is as good as infinite: the difference of two such is no number."""
"""Points that are kept as they came."""


class Span(NamedTuple):
    """One point or several neighbours: x from `x0` to `x1`, y from `low` to `high`, NaN for a gap."""

    x0: float
    x1: float
    t0: float
    t1: float
    low: float
    high: float
    last: float


class Series:
    """Written by the thread of the feed alone; a reader takes `spans()`, a copy."""

    def __init__(self) -> None:
        self._old: list[Span] = []
        self._new: deque[Span] = deque()
        self._stride, self._joined = 1, 1
        """Points that an old entry holds, and those that the last one holds so far."""

    def add(self, x: float, t: float, y: float | None) -> None:
        """A point at step `x` and time `t`; none, NaN and infinity are gaps. One that goes back takes the place of what
        came after it: a resumed training tells its steps again from its checkpoint on."""
        while self._new and self._new[-1].x0 >= x:
            self._new.pop()
        if not self._new:
            while self._old and self._old[-1].x0 >= x:
                self._old.pop()
                self._joined = self._stride
        value = y if y is not None and abs(y) < MOST else math.nan
        self._new.append(Span(x, x, t, t, value, value, value))
        if len(self._new) > NEWEST:
            self._age(self._new.popleft())

    def _age(self, span: Span) -> None:
        """All old entries hold as many points: the beginning of a run is drawn as finely as its middle."""
        if self._old and self._joined < self._stride:
            self._old[-1] = join([self._old[-1], span])
            self._joined += 1
            return
        self._old.append(span)
        self._joined = 1
        if len(self._old) > LIMIT:
            odd = len(self._old) % 2
            self._old = [join(self._old[place : place + 2]) for place in range(0, len(self._old), 2)]
            self._stride *= 2
            self._joined = 1 if odd else self._stride

    def spans(self) -> list[Span]:
        return [*self._old, *self._new]

    def __len__(self) -> int:
        return len(self._old) + len(self._new)


def join(spans: list[Span]) -> Span:
    """Neighbours as one; a gap only where all are gaps."""
    lows = [span.low for span in spans if not math.isnan(span.low)]
    highs = [span.high for span in spans if not math.isnan(span.high)]
    lasts = [span.last for span in spans if not math.isnan(span.last)]
    return Span(
        spans[0].x0,
        spans[-1].x1,
        spans[0].t0,
        spans[-1].t1,
        min(lows, default=math.nan),
        max(highs, default=math.nan),
        lasts[-1] if lasts else math.nan,
    )


def between(low: Sequence[Span], high: Sequence[Span]) -> list[Span]:
    """The room between two lines that have their points at the same steps; a gap in either has none."""
    tops = {span.x1: span for span in high if not math.isnan(span.last)}
    return [
        span._replace(high=tops[span.x1].high, last=tops[span.x1].last)
        for span in low
        if span.x1 in tops and not math.isnan(span.last)
    ]


def newest(spans: Iterable[Span]) -> float | None:
    """The last value that is a number."""
    return next((span.last for span in reversed(list(spans)) if not math.isnan(span.last)), None)
