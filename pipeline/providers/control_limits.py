"""What one account takes at once and how fast: a state machine that all processes on it share, the clock passed in.

In flight: doubled over every clean round until the first refusal, then +5 %; a refusal cuts it to 0.8. A round is as
many successes as the limit, and counts only if that many were nearly in flight. Failures pause growth and never cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from pipeline.providers.control_pace import Pace

START = 4
GROWTH = 1.05
CUT = 0.8
CUT_GAP = 15.0
"""Seconds between two cuts, or the wait that the service asks for where that is longer."""
SATURATED = 0.8
"""Share of the limit that has to be in flight for a round to count."""
CALM = 15.0
"""Seconds without growth after a failure of the service."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds to wait after a refusal that names none, doubled from refusal to refusal."""
QUOTA = 120.0
"""A longer wait than this is a quota used up for hours: it says nothing about a rate."""


class Change(NamedTuple):
    """One entry of the history, for a chart."""

    time: float
    what: str
    """limit (in flight) or rate (starts a second; 0: not paced)."""
    old: float
    new: float
    reason: str


@dataclass
class Limits:
    """JSON-able, so that a store can hold it. Times are Unix seconds."""

    limit: int = START
    slow: bool = True
    """In slow start: no refusal yet."""
    round: int = 0
    saturated: bool = False
    """Of the present round: its successes, and whether enough was in flight for it to count."""
    calm_until: float = 0.0
    cut_at: float = 0.0
    cut_gap: float = CUT_GAP
    paused_until: float = 0.0
    pause_reason: str = ""
    refused_at: float = 0.0
    """When the last refusal arrived that told something new."""
    refusals: int = 0
    """In a row."""
    members: dict[str, float] = field(default_factory=dict)
    """Who is asking at the moment -> when it last said so."""
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def load(cls, state: Mapping[str, Any] | None) -> Limits:
        """From `dump`, perhaps of another version: what is not known is left out."""
        state = state or {}
        return cls(**{**_known(cls, state), "pace": Pace(**_known(Pace, state.get("pace", {})))})

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    def succeeded(self, now: float, count: int, saturated: bool, demand: int, admitted: float) -> list[Change]:
        """`count` answers since the last call, the newest of requests admitted at `admitted`.

        `saturated`: enough was in flight meanwhile; `demand`: requests in flight or waiting to be, beyond which
        there is nothing to grow for.
        """
        if admitted > self.refused_at:
            self.refusals = 0
        if now < self.calm_until:
            return []
        old = self.limit
        if self.slow:
            # One more for each success doubles it in a round as well, without a burst at the end of every round.
            if saturated:
                self.limit = max(old, min(old + count, demand))
        else:
            self.round += count
            self.saturated = self.saturated or saturated
            if self.round >= old:
                if self.saturated:
                    self.limit = max(old, min(max(old + 1, int(old * GROWTH)), demand))
                self.round, self.saturated = 0, False
        return [Change(now, "limit", old, self.limit, "a clean round")] if self.limit > old else []

    def to_growth(self) -> int:
        """Successes after which it is worth asking whether the limit grows."""
        return max(1, self.limit // 4) if self.slow else self.limit - self.round

    def throttled(self, now: float, admitted: float, delay: float | None, known: float) -> list[Change]:
        """A refusal (429) of a request admitted at `admitted`; `delay` as the service asks for, if it does."""
        self.slow, self.round, self.saturated = False, 0, False
        if admitted <= self.refused_at:  # it was on its way already when the last one was refused: nothing new
            self.pace.refused_as_well()
            self._pause(now + (delay or 0.0))
            return self._cut(now, admitted)
        self.refused_at = now
        self.refusals += 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.refusals - 1, 10)) if delay is None else delay
        self._pause(now + wait)
        self.pace.started(now, -1)
        old = self.pace.rate(known)
        if wait <= QUOTA:
            self.pace.refused(now, wait, known)
        changes = self._cut(now, admitted)
        self.cut_gap = max(CUT_GAP, wait)
        if (new := self.pace.rate(known)) != old:
            changes.append(Change(now, "rate", old, new, "refused (429)"))
        return changes

    def unavailable(self, now: float, delay: float | None) -> None:
        """The service failed or did not answer in time."""
        self.round, self.saturated = 0, False
        self.calm_until = max(self.calm_until, now + max(CALM, delay or 0.0))
        if delay is not None:
            self._pause(now + delay, "the service asks to wait")

    def _pause(self, until: float, reason: str = "too many requests (429)") -> None:
        if until > self.paused_until:
            self.paused_until, self.pause_reason = until, reason

    def _cut(self, now: float, admitted: float) -> list[Change]:
        """Only a request that was admitted under the present limit tells that it is too high."""
        if admitted <= self.cut_at or now < self.cut_at + self.cut_gap:
            return []
        old, self.limit, self.cut_at = self.limit, max(1, int(self.limit * CUT)), now
        return [Change(now, "limit", old, self.limit, "refused (429)")]


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: values[one.name] for one in fields(kind) if one.name in values}
