"""Services with limits and processes that ask them, in simulated time: minutes pass in milliseconds."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.providers.control_gate import Gate, Outcome, Ticket

BEGIN = 1_000_000.0
"""Unix time at which every simulation begins."""
TRANSACTION = 0.002
"""Seconds that the store takes."""


@dataclass
class Bucket:
    """`rate` tokens a second flow into `burst` places; a request without one is told to come back after `delay`."""

    rate: float
    burst: float
    delay: float | None = 1.0
    tokens: float = field(init=False)
    at: float = BEGIN

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def takes(self, now: float) -> tuple[bool, float | None]:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False, self.delay
        self.tokens -= 1
        return True, None


@dataclass
class Windows:
    """`quota` requests in each window of `seconds`; `delay` None: until the next one."""

    quota: int
    seconds: float = 60.0
    delay: float | None = None
    number: int = -1
    used: int = 0

    def takes(self, now: float) -> tuple[bool, float | None]:
        number = int(now // self.seconds)
        if number != self.number:
            self.number, self.used = number, 0
        if self.used >= self.quota:
            return False, (number + 1) * self.seconds - now if self.delay is None else self.delay
        self.used += 1
        return True, None


@dataclass
class Chance:
    """Refuses one request in `one_in` whatever the rate, as a quota does that is shared with strangers."""

    one_in: float
    delay: float | None = 1.0
    draw: random.Random = field(default_factory=lambda: random.Random(7))

    def takes(self, now: float) -> tuple[bool, float | None]:  # noqa: ARG002
        taken = self.draw.random() >= 1 / self.one_in
        return taken, None if taken else self.delay


class Memory:
    """The store of one account."""

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self.in_flight: dict[Gate, int] = {}
        self.shares = 0

    def share(self, gate: Gate, update: Callable[[dict[str, Any] | None], dict[str, Any]]) -> int:
        self.shares += 1
        self.state = update(self.state)
        self.in_flight[gate] = gate.in_flight
        return sum(count for other, count in self.in_flight.items() if other is not gate)


@dataclass
class Sent:
    """One request: when it was sent, and whether it was taken."""

    at: float
    by: str
    taken: bool


class Simulation:
    """`latency()` in seconds; a refusal comes back after `refusal()`. `outcome(now)` may let an accepted one fail."""

    def __init__(
        self,
        service: Bucket | Windows | Chance | None,
        latency: Callable[[random.Random], float] = lambda draw: draw.uniform(0.5, 3.0),
        refusal: Callable[[random.Random], float] = lambda _: 0.02,
        outcome: Callable[[float], Outcome] = lambda _: "ok",
        seed: int = 1,
    ) -> None:
        self.service, self.latency, self.refusal, self.outcome = service, latency, refusal, outcome
        self.draw = random.Random(seed)
        self.now = BEGIN
        self.sent: list[Sent] = []
        self.most = 0
        """Most requests ever in flight."""
        self.store = Memory()
        self._flying = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), what))

    def process(self, workers: int = 64, known: float = 0.0, begin: float = 0.0, end: float = 1e9) -> Gate:
        """Add one whose `workers` ask all the time, from `begin` to `end` (seconds)."""
        gate = Gate(f"p{next(self._numbers)}", workers, known)
        waiting, wakes = [0], [0.0]

        def ask() -> None:
            while waiting[0]:
                answer = gate.start(self.now, waiting[0] - 1)
                if not isinstance(answer, Ticket):
                    if answer.until is not None and not self.now < wakes[0] <= answer.until:
                        wakes[0] = answer.until
                        self.at(answer.until, ask)
                    break
                waiting[0] -= 1
                send(answer)
            if gate.due:
                self.at(self.now + TRANSACTION, exchange)

        def send(ticket: Ticket) -> None:
            taken, delay = self.service.takes(self.now) if self.service else (True, None)
            self.sent.append(Sent(self.now - BEGIN, gate._name, taken))
            self._flying += 1
            self.most = max(self.most, self._flying)
            outcome: Outcome = self.outcome(self.now - BEGIN) if taken else "throttled"
            self.at(
                self.now + (self.latency if taken else self.refusal)(self.draw), lambda: done(ticket, outcome, delay)
            )

        def done(ticket: Ticket, outcome: Outcome, delay: float | None) -> None:
            self._flying -= 1
            gate.finish(ticket, outcome, delay, self.now, waiting[0])
            if self.now < BEGIN + end:
                waiting[0] += 1
            ask()

        def exchange() -> None:
            if not gate.is_idle() or waiting[0]:
                report = gate.report(self.now, waiting[0])
                gate.adopt(report, self.store.share(gate, report))
            ask()

        def tick() -> None:
            exchange()
            self.at(self.now + 0.5, tick)

        def start() -> None:
            waiting[0] = workers
            tick()

        def finish() -> None:
            waiting[0] = 0

        self.at(BEGIN + begin, start)
        self.at(BEGIN + end, finish)
        return gate

    def run(self, seconds: float) -> Simulation:
        """On to `seconds` after the beginning."""
        while self._events and self._events[0][0] <= BEGIN + seconds:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = BEGIN + seconds
        return self

    def accepted(self, begin: float = 0.0, end: float = 1e9, by: Gate | None = None) -> float:
        """Requests taken per second."""
        end = min(end, self.now - BEGIN)
        mine = [sent for sent in self.sent if begin <= sent.at < end and (by is None or sent.by == by._name)]
        return sum(sent.taken for sent in mine) / (end - begin)

    def refused(self, begin: float = 0.0, end: float = 1e9) -> float:
        """Share of the requests that were refused."""
        outcomes = [sent.taken for sent in self.sent if begin <= sent.at < end]
        return 1 - sum(outcomes) / len(outcomes)
