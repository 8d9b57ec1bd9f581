"""An account without a service behind it: keeps what it was asked and says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.provider import ProviderSettings, Reply, Request, Usage

T = TypeVar("T")
USAGE = Usage(input=40, output=20, thought=60)


def said(text: str, thought: str = "") -> Reply:
    return Reply(text, thought, "stop", "fake-model-001", USAGE)


@dataclass
class FakeAccount:
    """`says(request)` gives a reply, or raises Quarantined for one that did not finish."""

    says: Callable[[Request], Reply]
    asked: list[Request] = field(default_factory=list)
    fetched: list[Request] = field(default_factory=list)
    calls: int = 0
    """How many it was told to expect."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def prefetch(self, requests: Sequence[Request]) -> None:
        self.fetched += requests

    def ask(self, request: Request, parse: Callable[[Reply], T]) -> T:
        """As an account does it: an invalid reply is asked for once more."""
        with self._lock:
            self.asked.append(request)
        try:
            return parse(self.says(request))
        except Quarantined as error:
            if error.outcome != "invalid" or request.attempt:
                raise
        return self.ask(replace(request, attempt=1), parse)

    def summary(self) -> Row:
        return {"calls": len(self.asked)}

    @contextmanager
    def open(self, settings: ProviderSettings, context: Context, calls: int = 0) -> Iterator[Any]:
        """In the place of `open_account`."""
        assert settings.kind != "offline"
        assert context.config.provider == settings
        self.calls = calls
        yield self
