"""How fast requests may start on one account: learned from the refusals, probed upwards, handed out in slots.

Between two refusals a bucket gave out what flowed in, and a quota gave itself whole: accepted starts over that time
are the rate. Above the last ceiling it grows like the window of TCP CUBIC (RFC 9438): slowly at first, then faster.
"""

from __future__ import annotations

from dataclasses import dataclass

BELOW = 0.03
"""Right after a refusal the pace is this share below the ceiling, and reaches it again after `trust` seconds of use."""
DROP = 0.8
"""The least that one refusal leaves of the pace: a count over a short time is a poor measure."""
REACHED, RISE = 0.9, 0.1
"""A ceiling was passed if this share of it was really used; it then rises by this share of the way to the pace."""
TRUST = (2.0, 20.0)
"""Least and most seconds for which a ceiling is trusted; in between, for as long as it was measured."""
WAITS, STARTS = 10.0, 25.0
"""It may be trusted longer: for so many times the wait that the last refusal cost, or for so many starts."""
RECENT = 60.0
"""Before the first refusal, starts are counted over this many seconds at most, a quota's usual window."""
LEAST = 1 / 60
"""A pace of less than one start a minute would take hours to notice that it is too low."""


@dataclass
class Pace:
    """Starts a second. Times are Unix seconds; everything is JSON-able, see `Limits`."""

    ceiling: float = 0.0
    """The rate the service was last seen to give; 0: never refused, or for nothing."""
    trust: float = TRUST[0]
    age: float = 0.0
    """Seconds for which the pace was used since the last refusal; a pace that nobody needs does not grow."""
    accepted: int = 0
    """Starts that were not refused, those still in flight included."""
    mark_time: float = 0.0
    mark_count: int = 0
    """When, and at which `accepted`, the measuring began: when the wait after the last refusal was over."""
    next_slot: float = 0.0

    def rate(self, known: float = 0.0) -> float:
        """Starts a second for now; 0: not paced. `known`: a limit from the settings, never passed."""
        if not self.ceiling:
            return known
        learned = self.ceiling * (1 + BELOW * (self.age / self.trust - 1) ** 3)
        return min(known, learned) if known else learned

    def started(self, now: float, count: int) -> None:
        """`count` more starts; negative for some that turned out not to be accepted."""
        self.mark_time = self.mark_time or now
        self.accepted += count
        if not self.ceiling and now - self.mark_time > RECENT:
            # Forget the older half, taken as even: what counts is what happened just before a refusal.
            self.mark_count += (self.accepted - self.mark_count) // 2
            self.mark_time += (now - self.mark_time) / 2

    def refused(self, now: float, delay: float, known: float) -> None:
        """Learn from a refusal that is to be waited out for `delay` seconds."""
        count, running = self.accepted - self.mark_count, max(0.0, now - self.mark_time)
        seconds = max(running + delay, 1e-3)
        counted, pace = count / seconds, self.rate(known)
        if not pace and count <= 0:
            return
        if not pace:
            self.ceiling = max(LEAST, counted)
        else:
            # Not all was counted of a bucket that was full for a while. So one refusal takes no more than a share, and
            # from a ceiling that was reached and passed nothing.
            passed = self.age > self.trust and counted > REACHED * self.ceiling
            kept = self.ceiling + RISE * (pace - self.ceiling) if passed else 0.0
            self.ceiling = max(LEAST, kept, DROP * pace, min(pace, counted))
        self.age = 0.0
        if count > 0:  # else it is still as empty as the last time
            self.trust = max(TRUST[0], min(seconds, max(TRUST[1], WAITS * delay, STARTS / self.ceiling)))
            self.mark_time, self.mark_count = now + delay, self.accepted

    def refused_as_well(self) -> None:
        """One more of the requests that were on their way at the last refusal: that one counted it as accepted."""
        self.accepted -= 1
        self.mark_count -= 1

    def reserve(self, now: float, count: int, known: float = 0.0) -> list[float]:
        """The next `count` moments at which a request may start."""
        gap = 1 / self.rate(known)
        first = max(self.next_slot, now)
        if self.next_slot >= now:  # else it is not the pace that holds requests back
            self.age += count * gap
        self.next_slot = first + count * gap
        return [first + index * gap for index in range(count)]
