"""One process's part in an account's limits: who may start now, and what there is to tell the account. No threads here.

Between two exchanges with the shared state it counts and decides alone, so that a request costs no traffic.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pipeline.providers.control_limits import SATURATED, Change, Limits

Outcome = Literal["ok", "throttled", "unavailable", "unused"]
"""Answered; refused with 429; failed on the way or at the service; admitted, but then not sent at all."""

BATCH = 0.5
"""Seconds for which slots are reserved ahead: more would be lost when a process ends, fewer means more traffic."""
STALE = 1.0
"""Seconds after which an unused slot is void, so that many cannot be used up at once."""
GONE = 3.0
"""Seconds without a word after which a member takes no part any more."""
HISTORY = 1000


class Ticket(NamedTuple):
    """Leave to send one request, given at a time."""

    at: float


class Wait(NamedTuple):
    """No leave yet. `until`: when to ask again; None: when something has changed."""

    until: float | None


@dataclass
class Report:
    """What a process has seen since its last one. Called with the account's state, it gives the next state."""

    name: str
    known: float
    """Starts a second that the settings allow; 0: not known."""
    now: float = 0.0
    demand: int = 0
    """Requests in flight or waiting to be."""
    wanted: bool = False
    """Whether slots are asked for."""
    started: int = 0
    succeeded: int = 0
    saturated: bool = False
    admitted: float = 0.0
    """When the newest of those that succeeded was admitted."""
    refusals: list[tuple[float, float, float | None]] = field(default_factory=list)
    """When it came, when the request was admitted, the delay asked for."""
    failures: list[tuple[float, float | None]] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    before: int = 0
    changes: list[Change] = field(default_factory=list)
    slots: list[float] = field(default_factory=list)
    """These four: what came of it, anew with every call, since a store may have to try more than once."""

    def __call__(self, state: dict[str, Any] | None) -> dict[str, Any]:
        limits = self.limits = Limits.load(state)
        self.before, self.changes, self.slots = limits.limit, [], []
        limits.pace.started(self.now, self.started)
        for time, delay in self.failures:
            limits.unavailable(time, delay)
        for time, admitted, delay in self.refusals:
            self.changes += limits.throttled(time, admitted, delay, self.known)
        if self.succeeded and not self.refusals:
            self.changes += limits.succeeded(self.now, self.succeeded, self.saturated, self.demand, self.admitted)
        limits.members = {name: seen for name, seen in limits.members.items() if self.now - seen < GONE}
        limits.members.pop(self.name, None)
        if self.demand:
            limits.members[self.name] = self.now
        rate = limits.pace.rate(self.known)
        if rate and self.wanted and self.now >= limits.paused_until:
            count = max(1, min(int(rate * BATCH), self.demand))
            self.slots = limits.pace.reserve(self.now, count, self.known)
        return limits.dump()

    def is_empty(self) -> bool:
        return not (self.started or self.succeeded or self.refusals or self.failures)


class Gate:
    """`name` is this member's own; `workers` the most it may have in flight. Times are Unix seconds."""

    def __init__(self, name: str, workers: int, known: float) -> None:
        self._name, self._workers, self._known = name, workers, known
        self.limits = Limits()
        """As of the last exchange."""
        self.in_flight = 0
        self.due = False
        """Whether an exchange should not wait."""
        self.history: deque[Change] = deque(maxlen=HISTORY)
        self._allowed = 0
        self._others = 0
        self._slots: deque[float] = deque()
        self._few = 0
        """Slots left at which more are asked for."""
        self._heard = False
        """Whether the state is known, all refusals so far included; nothing starts before."""
        self._announced = False
        self._report = Report(name, known)

    @property
    def rate(self) -> float | None:
        return self.limits.pace.rate(self._known) or None

    @property
    def next_slot(self) -> float | None:
        return self._slots[0] if self._slots else None

    def start(self, now: float, waiting: int) -> Ticket | Wait:
        """Leave for one more request, or how long to wait; `waiting`: how many others do."""
        if not (self._heard and self._announced):
            self.due = True
            if not self._heard:
                return Wait(None)
        if now < self.limits.paused_until:
            return Wait(self.limits.paused_until)
        if self.in_flight >= self._allowed:
            return Wait(None)
        if self.limits.pace.ceiling or self._known:
            slots = self._slots
            while slots and slots[0] < now - STALE:
                slots.popleft()
            if slots and slots[0] > now:
                return Wait(slots[0])
            ready = bool(slots)
            if ready:
                slots.popleft()
            if len(slots) <= self._few and (waiting or not ready):
                self.due = self._report.wanted = True
            if not ready:
                return Wait(None)
        self.in_flight += 1
        self._report.started += 1
        if self.in_flight >= SATURATED * self._allowed:
            self._report.saturated = True
        return Ticket(now)

    def finish(self, ticket: Ticket, outcome: Outcome, delay: float | None, now: float, waiting: int) -> None:
        """What became of an admitted request."""
        self.in_flight -= 1
        report = self._report
        if outcome == "ok":
            report.succeeded += 1
            report.admitted = max(report.admitted, ticket.at)
            if report.saturated and self.in_flight + waiting >= self.limits.limit:
                self.due = self.due or report.succeeded >= self.limits.to_growth()
        elif outcome == "throttled":
            report.refusals.append((now, ticket.at, delay))
            self._heard, self.due = False, True
        elif outcome == "unavailable":
            report.failures.append((now, delay))
            self.due = self.due or delay is not None
        else:
            report.started -= 1

    def is_idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.in_flight or self._announced or self.due) and self._report.is_empty()

    def report(self, now: float, waiting: int) -> Report:
        """All that was seen since the last one; hand it to the store, and what comes of it to `adopt`."""
        report, self._report = self._report, Report(self._name, self._known)
        own = self.in_flight + waiting
        report.now, report.demand = now, own + self._others if own else 0
        self._announced, self.due = own > 0, False
        return report

    def adopt(self, report: Report, others: int) -> None:
        """Go on with the state that a report led to; `others`: what other processes have in flight."""
        if report.before != self.limits.limit and self._allowed:
            change = Change(report.now, "limit", self.limits.limit, report.before, "another run on this account")
            self.history.append(change)
        self.history.extend(report.changes)
        self.limits, self._others = report.limits, others
        self._heard = not self._report.refusals
        fair = self.limits.limit // max(1, len(self.limits.members))
        self._few = int(self.limits.pace.rate(self._known) * BATCH / 2)
        self._allowed = max(1, min(self._workers, max(self.limits.limit - others, fair)))
        if self.limits.paused_until > report.now:
            self._slots.clear()
        else:
            self._slots.extend(report.slots)
