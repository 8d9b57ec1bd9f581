"""The controller of one account: whoever wants to send asks here first, in any thread of any process.

`control_limits` and `control_pace` say how much is taken at once and how fast, `control_gate` what that means for this
process; here are the threads, the clock and the store that the processes share.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pipeline.engine.errors import StopRequested
from pipeline.providers.control_gate import Gate, Outcome, Ticket
from pipeline.providers.control_limits import Change

__all__ = ["Change", "Controller", "Outcome", "Store", "Ticket"]

EXCHANGE = 0.5
"""Seconds between two looks at the shared state while there is something to do."""
POLL = 0.25
"""Seconds after which one who waits looks whether a stop was asked for."""
LONG = 5.0
"""Seconds of waiting for a slot that are worth an event."""

_numbers = itertools.count()
_started = time.time() - time.perf_counter()


class Store(Protocol):
    """Where the processes on an account meet."""

    def share(
        self, account: str, in_flight: int, update: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> tuple[dict[str, Any], int]:
        """Replace the account's state (JSON-able; None: there is none yet) by `update(state)`, in one transaction.

        `in_flight`: what this process has in flight. Returns the new state and what the other live ones have. May call
        `update` more than once.
        """


class Controller:
    """Threads share one. `rate`: a known limit in starts a second, 0: none. `on_wait(reason, until)`: once per wait,
    from a thread of its own; `until` in Unix seconds."""

    def __init__(
        self,
        account: str,
        store: Store,
        workers: int,
        rate: float = 0.0,
        on_wait: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        self._account, self._store, self._on_wait = account, store, on_wait
        self._gate = Gate(f"{os.getpid()}-{next(_numbers)}", workers, rate)
        self._lock = threading.Lock()
        self._line: deque[threading.Condition] = deque()
        """Those who wait, in order. Only the first asks the gate; it hands on when it leaves."""
        self._due = threading.Event()
        self._closed = False
        self._error: Exception | None = None
        self._told = _now()
        self._keeper: threading.Thread | None = None

    def admit(self, stop: Callable[[], bool]) -> Ticket:
        """Wait for leave to send one request. Raises StopRequested soon after `stop()` is true."""
        with self._lock:
            if not self._line:
                ticket = self._start()
                if isinstance(ticket, Ticket):
                    return ticket
            turn = threading.Condition(self._lock)
            self._line.append(turn)
            try:
                return self._queue(turn, stop)
            finally:
                self._line.remove(turn)
                self._wake()

    def done(self, ticket: Ticket, outcome: Outcome, delay: float | None = None) -> None:
        """What became of an admitted request; `delay`: seconds that the service asks to wait."""
        with self._lock:
            self._gate.finish(ticket, outcome, delay, _now(), len(self._line))
            if self._gate.due:
                self._due.set()
            self._wake()

    def close(self) -> None:
        """Tell the store what it does not know yet, and leave it."""
        with self._lock:
            self._closed = True
        self._due.set()
        if self._keeper is not None:
            self._keeper.join()

    @property
    def in_flight(self) -> int:
        return self._gate.in_flight

    @property
    def limit(self) -> int:
        """Requests that the account takes at once, over all processes."""
        return self._gate.limits.limit

    @property
    def rate(self) -> float | None:
        """Starts a second over all processes; None: not paced."""
        return self._gate.rate

    @property
    def history(self) -> Sequence[Change]:
        with self._lock:
            return list(self._gate.history)

    def _start(self) -> Ticket | float | None:
        """A ticket, or until when there is none."""
        if self._error is not None:
            raise self._error
        answer = self._gate.start(_now(), max(0, len(self._line) - 1))
        if self._gate.due:
            self._due.set()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name=f"controller of {self._account}", daemon=True)
            self._keeper.start()
        return answer if isinstance(answer, Ticket) else answer.until

    def _queue(self, turn: threading.Condition, stop: Callable[[], bool]) -> Ticket:
        while True:
            seconds = POLL
            if self._line[0] is turn:
                answer = self._start()
                if isinstance(answer, Ticket):
                    return answer
                if answer is not None:
                    seconds = max(0.0, min(POLL, answer - _now()))
            turn.wait(seconds)
            if stop():
                raise StopRequested

    def _wake(self) -> None:
        if self._line:
            self._line[0].notify()

    def _keep(self) -> None:
        """The only thread that speaks to the store."""
        try:
            while not self._closed:
                self._exchange()
                with self._lock:
                    idle = self._gate.is_idle() and not self._line
                self._due.wait(None if idle else EXCHANGE)
                self._due.clear()
            self._exchange()
        except Exception as error:  # those who wait have to know, and this thread has nobody to raise to
            with self._lock:
                self._error = error
                self._wake()

    def _exchange(self) -> None:
        with self._lock:
            if self._gate.is_idle() and not self._line:
                return
            report = self._gate.report(_now(), len(self._line))
            in_flight = self._gate.in_flight
        _, others = self._store.share(self._account, in_flight, report)
        with self._lock:
            self._gate.adopt(report, others)
            slot, waiting, rate = self._gate.next_slot, len(self._line), self._gate.rate
            self._wake()
        limits = report.limits
        if limits.paused_until > self._told:
            self._told = limits.paused_until + 1.0  # a second more is the same wait
            self._on_wait(limits.pause_reason, limits.paused_until)
        elif slot and rate and waiting and slot > max(_now() + LONG, self._told):
            self._told = slot
            self._on_wait(f"paced at {60 * rate:.3g} requests a minute", slot)


def _now() -> float:
    """Unix time that runs evenly: a clock set back must not stretch a wait."""
    return _started + time.perf_counter()
