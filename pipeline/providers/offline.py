"""The embedded provider: answers come from a function of the stage that builds it, with no network and no key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.providers.provider import Reply, Request

T = TypeVar("T")


@dataclass(frozen=True)
class Offline:
    """Asked like an account; what it says costs nothing, so no ledger stands behind it."""

    model: str
    answer: Callable[[Request], tuple[str, str]]
    """Request -> (thought, answer)."""

    def ask(self, request: Request, parse: Callable[[Reply], T]) -> T:
        thought, text = self.answer(request)
        return parse(Reply(text=text, thought=thought, finish="stop", model=self.model))
