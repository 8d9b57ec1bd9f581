"""What the calls of a step cost: a cap that is never passed, live spend, and a forecast from the first calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.engine.errors import ProviderError
from pipeline.engine.stage import Context

FORECAST_AFTER = 10
"""Calls after which the first forecast is made."""


class Budget:
    """Of one account and run, in US dollars. `spent`: by the run before this; `calls`: how many are expected."""

    def __init__(self, context: Context, cap: float | None, spent: float, calls: int) -> None:
        self.spent = spent
        self._context, self._cap, self._calls = context, cap, calls
        self._before = spent
        self._reserved = 0.0
        self._free = self._paid = 0
        self._unknown = False
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, bound: float | None) -> Iterator[None]:
        """Hold back the most that a call can cost while it is under way.

        Waits while only calls under way stand between this one and the cap; raises ProviderError where the cap itself
        does.
        """
        held = bound or 0.0
        with self._changed:
            while self._cap is not None and self.spent + self._reserved + held > self._cap:
                if self._reserved == 0:
                    raise ProviderError(
                        f"The next call could pass the spend cap of ${self._cap:g}.",
                        f"${self.spent:.4f} are spent, and one call can cost up to ${held:.4f}.",
                        "Raise `spend_cap` of the provider, or lower its `max_tokens`, then resume: nothing is lost.",
                    )
                self._changed.wait()
            self._reserved += held
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= held
                if self._reserved < 1e-12:
                    self._reserved = 0.0
                self._changed.notify_all()

    def paid(self, model: str, cost: float | None) -> None:
        """Count one answered call. `cost` None: the price table does not know the model."""
        with self._changed:
            self._paid += 1
            self.spent += cost or 0.0
            first, at_forecast = cost is None and not self._unknown, self._paid == FORECAST_AFTER
            self._unknown |= cost is None
        if first:
            text = f"No price of {model} stands in configs/prices.toml, so what it costs is not counted."
            self._context.emit.alert(text)
        if at_forecast and self.forecast() > 0:
            text = (
                f"{self._paid} calls cost ${self.spent - self._before:.4f}; about ${self.forecast():.2f} for the step."
            )
            self._context.emit.alert(text, level="note", spend=self.spent, forecast=self.forecast())

    def for_nothing(self) -> None:
        """Count one call that the ledger answered."""
        with self._changed:
            self._free += 1

    def forecast(self) -> float:
        """What the run will have spent here at the end of the step, if the calls to come cost what those so far did."""
        if not self._paid:
            return self.spent
        left = max(0, self._calls - self._paid - self._free)
        return self.spent + left * (self.spent - self._before) / self._paid
