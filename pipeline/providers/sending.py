"""One call, sent until it is answered: when it may start, what a fault means, and which faults end the step."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from pipeline.engine.errors import ProviderError, StopRequested
from pipeline.engine.fanout import Quarantined
from pipeline.engine.ledger import Ledger
from pipeline.engine.stage import Context
from pipeline.providers.budget import Budget
from pipeline.providers.control import Controller, Outcome, Ticket
from pipeline.providers.provider import Provider, ProviderSettings, Refused, Reply, Request, Throttled, Unavailable

TRIES = 8
"""How often a call is sent while the service fails; the waits between add up to about two minutes."""
REFUSALS = 5
"""Requests refused, with none answered, after which the fault is taken to be ours."""


class Hopeless(Quarantined):
    """The service would not take this request the next time either."""


class Sender:
    """Threads share one. After a fault that ends the step, all of them raise it and nothing more is sent."""

    def __init__(
        self,
        settings: ProviderSettings,
        provider: Provider,
        ledger: Ledger,
        budget: Budget,
        context: Context,
        keep: Callable[[str, bytes], Reply],
    ) -> None:
        self._settings, self._provider, self._ledger, self._budget = settings, provider, ledger, budget
        self._context, self._keep = context, keep
        self._name = provider.account
        rate = settings.requests_per_minute / 60
        self.controller = Controller(self._name, ledger, settings.threads, rate, self._wait)
        self.answered = self.throttled = 0
        self._refused = 0
        self._lock = threading.Lock()
        self._checked = False
        self._fatal: ProviderError | None = None

    def check(self) -> None:
        """Before the first call: one free one, so that a wrong key or address costs nothing and is told once."""
        with self._lock:
            if self._fatal:
                raise self._fatal
            if not self._checked:
                try:
                    self._provider.check()
                except ProviderError as error:
                    raise self._end(error) from None
                self._checked = True

    def send(self, key: str, request: Request, bound: float | None) -> Reply | None:
        """The reply; None where another process had it answered meanwhile. `bound`: the most it can cost (US dollars).

        Raises StopRequested, Quarantined for a call that is given up, ProviderError for what ends the step.
        """
        self.check()
        failures, answered_before = 0, self.answered
        while True:
            error: ProviderError | None = None
            with self._budget.reserve(bound):
                ticket = self._admit()
                outcome: Outcome = "unused"
                delay: float | None = None
                try:
                    claimed = self._claim(key, request, bound)
                    if claimed == "answered":
                        return None
                    if claimed == "mine":
                        outcome = "unavailable"
                        reply = self._once(key, request, bound)
                        outcome = "ok"
                        self.answered += 1
                        return reply
                except Throttled as fault:
                    error, outcome = fault, "throttled"
                    delay = self._day_over(fault) if fault.per_day else fault.delay
                    self.throttled += 1
                except Unavailable as fault:
                    error = fault
                    failures += 1
                except Refused as fault:
                    outcome = "ok"  # as to how much the service takes
                    raise self._refuse(fault) from None
                except ProviderError as fault:
                    raise self._end(fault) from None
                finally:
                    self.controller.done(ticket, outcome, delay)
            if failures >= TRIES:
                raise self._give_up(error, self.answered > answered_before)
            if isinstance(error, Unavailable):
                seconds = min(60.0, 2.0 ** (failures - 1)) * random.uniform(0.75, 1.25)
                self._wait(str(error), time.time() + seconds)
                self._sleep(seconds)
            elif error is None:
                self._sleep(0.5)  # another live process has sent this very call

    def _claim(self, key: str, request: Request, bound: float | None) -> str:
        label = str(request.row.get("id", ""))
        return self._ledger.claim(key, self._name, self._context.run, self._context.step, label, bound)

    def _once(self, key: str, request: Request, bound: float | None) -> Reply:
        """Send a claimed call once and commit what comes back, or that it is free again."""
        try:
            raw = self._provider.send(request)
        except ProviderError as error:
            if isinstance(error, Unavailable) and error.perhaps_billed:
                self._ledger.lose(key, str(error), bound)
            else:
                self._ledger.unsend(key)
            raise
        except BaseException as error:
            self._ledger.lose(key, f"{type(error).__name__} while waiting for it", bound)
            raise
        return self._keep(key, raw)

    def _admit(self) -> Ticket:
        try:
            return self.controller.admit(lambda: self._fatal is not None or self._context.stop_requested())
        except StopRequested:
            if self._fatal:
                raise self._fatal from None
            raise

    def _wait(self, reason: str, until: float) -> None:
        self._context.emit.wait(f"{self._name}: {reason}", until)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._fatal:
                raise self._fatal
            self._context.check_stop()
            time.sleep(min(0.2, left))

    # What ends a step, and what only a row

    def _end(self, error: ProviderError) -> ProviderError:
        self._fatal = self._fatal or error
        return self._fatal

    def _refuse(self, error: Refused) -> Exception:
        with self._lock:
            self._refused += 1
            ours = not self.answered and self._refused >= REFUSALS
        if not ours:
            return Hopeless("invalid", f"the service refused the request: {error.what}")
        what = f"{self._name} refused the first {self._refused} requests: {error.what}"
        mend = error.mend or "Check the model and the settings of this provider."
        return self._end(ProviderError(what, error.why, mend))

    def _give_up(self, error: Exception | None, others_pass: bool) -> Exception:
        if others_pass:
            return Hopeless("invalid", f"the service failed on it {TRIES} times: {error}")
        what = f"{self._name} gave no answer in {TRIES} tries: {error}"
        return self._end(ProviderError(what, "Every answer so far is kept.", "Resume when the service is well again."))

    def _day_over(self, error: Throttled) -> float:
        """Seconds until the quota is asked about again. Raises ProviderError where waiting was not asked for."""
        if self._settings.wait_for_quota:
            return max(error.delay or 0.0, 600.0)
        what = f"The day's quota of {self._name} is used up: {error.what}"
        mend = "Resume tomorrow, raise the quota, or set `wait_for_quota = true` on the provider."
        raise self._end(ProviderError(what, "Every answer so far is kept.", mend))
