"""A provider behind ledger, budget and controller: what every stage asks through.

Nothing is paid twice: a call whose answer the ledger holds is not made. Nothing is lost: the raw body is committed
before it is parsed, and one that cannot be used comes out as Quarantined, with its reason.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from pipeline.engine.errors import ProviderError
from pipeline.engine.fanout import Quarantined
from pipeline.engine.ledger import FILE, Ledger
from pipeline.engine.rows import Row, content_hash
from pipeline.engine.stage import Context
from pipeline.providers.batch import fetch_batch
from pipeline.providers.budget import Budget
from pipeline.providers.open import make_provider
from pipeline.providers.prices import Prices, load_prices
from pipeline.providers.provider import Provider, ProviderSettings, Reply, Request, Usage
from pipeline.providers.sending import Hopeless, Sender

T = TypeVar("T")
METRIC_GAP = 2.0


@contextmanager
def open_account(
    settings: ProviderSettings, context: Context, calls: int = 0, clock: Callable[[], int] | None = None
) -> Iterator[Account]:
    """An account for the length of a step. `calls`: how many are expected, for the forecast of spend. `clock`: the
    `step` of its metrics, where that is not the number of calls that were answered."""
    provider = make_provider(settings, os.environ)
    folders = [context.root / "configs", Path(__file__).parents[2] / "configs"]
    with Ledger(context.root / "data" / FILE) as ledger:
        account = Account(settings, provider, ledger, load_prices(folders), context, calls, clock)
        try:
            yield account
        finally:
            account.close()


class Account:
    """Threads may share one. `ask` is what it is for."""

    def __init__(
        self,
        settings: ProviderSettings,
        provider: Provider,
        ledger: Ledger,
        prices: Prices,
        context: Context,
        calls: int = 0,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.settings, self.provider, self.ledger, self.prices = settings, provider, ledger, prices
        self.context, self.name = context, provider.account
        if settings.spend_cap is not None and self.bound(Request([])) is None:
            what = f"The spend cap cannot be kept: no price of {settings.model} is known."
            raise ProviderError(what, "", "Add it to configs/prices.toml, or remove `spend_cap`.")
        before = ledger.spend(run=context.run, account=self.name)
        self.budget = Budget(context, settings.spend_cap, before.cost + before.lost_bound, calls)
        self._sender = Sender(settings, provider, ledger, self.budget, context, self.keep)
        self._clock = clock or (lambda: self._sender.answered)
        self._shown = 0.0
        self._lock = threading.Lock()
        self._tell_lost()

    def ask(self, request: Request, parse: Callable[[Reply], T]) -> T:
        """`parse(reply)` of a reply that came to its own end. `parse` raises Quarantined for one it cannot use.

        An invalid reply is asked for once more. Raises Quarantined, StopRequested, and ProviderError for what ends the
        step.
        """
        try:
            return self._once(request, parse)
        except Hopeless:
            raise
        except Quarantined as error:
            if error.outcome != "invalid":
                raise
        return self._once(replace(request, attempt=request.attempt + 1), parse)

    def _once(self, request: Request, parse: Callable[[Reply], T]) -> T:
        key = self.key(request)
        reply = self._reply(key, request)
        try:
            match reply.finish:
                case "length":
                    raise Quarantined("cut off", reply.reason or "it reached the limit of tokens", reply.text)
                case "blocked":
                    raise Quarantined("blocked", reply.reason or "the service blocked it", reply.text)
                case "invalid":
                    raise Quarantined("invalid", reply.reason or "the body is no reply", reply.text)
            value = parse(reply)
        except Quarantined as error:
            self.ledger.settle(key, "blocked" if error.outcome == "blocked" else "invalid", str(error))
            raise
        self.ledger.settle(key, "parsed")
        return value

    def _reply(self, key: str, request: Request) -> Reply:
        """From the ledger, or else from the service."""
        stored = self._stored(key)
        if stored is not None:
            self.budget.for_nothing()
            return stored
        reply = self._sender.send(key, request, self.bound(request)) or self._stored(key)
        assert reply is not None, "whoever answered has committed it"
        return reply

    def _stored(self, key: str) -> Reply | None:
        call = self.ledger.find(key)
        return self.read(call.raw) if call is not None and call.raw is not None else None

    def key(self, request: Request) -> str:
        """Names a call (32 hex digits) by everything that shapes its answer.

        What is not set is left out, so that a setting which does not exist yet changes no key.
        """
        s = self.settings
        asked = {
            "kind": s.kind,
            "file": self.name if s.kind == "local" else "",
            "base_url": s.base_url,
            "model": s.model,
            "temperature": s.temperature,
            "top_p": s.top_p,
            "system": request.system,
            "messages": [[turn["role"], turn["content"]] for turn in request.messages],
            "thinking": request.thinking or s.thinking,
            "max_tokens": request.max_tokens or s.max_tokens,
            "schema": request.schema,
            "sample": request.sample or None,
            "attempt": request.attempt or None,
        }
        return content_hash({name: value for name, value in asked.items() if value not in (None, "")})[:32]

    def read(self, raw: bytes) -> Reply:
        """The provider's reading of a body; a body that it trips over is an invalid reply, not a lost one."""
        try:
            return self.provider.read(raw)
        except Exception as error:
            text = raw[:2000].decode("utf-8", "replace")
            return Reply(text, "", "invalid", "", Usage(), f"it cannot be read: {type(error).__name__}: {error}")

    def keep(self, key: str, raw: bytes, batch: bool = False) -> Reply:
        """Commit a body and count what it cost."""
        reply = self.read(raw)
        cost = self._cost(reply, batch)
        self.ledger.answer(key, raw, reply.model, asdict(reply.usage), cost)
        self.budget.paid(self.settings.model, cost)
        with self._lock:
            show = time.monotonic() - self._shown > METRIC_GAP
            if show:
                self._shown = time.monotonic()
        if show:
            self.report()
        return reply

    def _cost(self, reply: Reply, batch: bool) -> float | None:
        """US dollars, by the price of the model that answered, else of the one that was asked."""
        for model in (reply.model, self.settings.model):
            cost = self.prices.cost(model, reply.usage, batch) if model else None
            if cost is not None:
                return cost
        return 0.0 if self._is_ours() else None

    def bound(self, request: Request) -> float | None:
        """The most that a call can cost, in US dollars; None where its price is not known."""
        texts = (request.system, *(turn["content"] for turn in request.messages))
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        bound = self.prices.bound(self.settings.model, size, request.max_tokens or self.settings.max_tokens)
        return 0.0 if bound is None and self._is_ours() else bound

    def _is_ours(self) -> bool:
        """A machine of the user's own, which sends no bill."""
        return self.settings.kind == "local" or bool(self.settings.base_url)

    def prefetch(self, requests: Sequence[Request]) -> None:
        """With `batch = true`: ask for all of them in Batch jobs; `ask` then finds the answers in the ledger."""
        if self.settings.batch:
            self._sender.check()
            fetch_batch(self, requests)

    def _tell_lost(self) -> None:
        found = self.ledger.possibly_billed(self.context.run, self.context.step)
        lost = [row for row in found if row["account"] == self.name]
        if lost:
            text = f"{len(lost)} calls were sent and their answers never came: possibly billed, and asked for again."
            self.context.emit.alert(text, records=[row["label"] for row in lost[:50]])

    def report(self) -> None:
        """Send the figures of the moment as a metric."""
        controller = self._sender.controller
        self.context.emit.metric(
            self._clock(),
            spend=self.budget.spent,
            forecast=self.budget.forecast(),
            in_flight=controller.in_flight,
            limit=controller.limit,
            rate=controller.rate or 0.0,
            throttled=self._sender.throttled,
        )

    def summary(self) -> Row:
        """For the step's summary: calls, tokens, US dollars, and how many calls may have been billed for nothing."""
        spend = asdict(self.ledger.spend(run=self.context.run, step=self.context.step, account=self.name))
        return {"account": self.name, **{name: round(value, 6) for name, value in spend.items()}}

    def close(self) -> None:
        self._sender.controller.close()
        self.report()
        self.provider.close()
