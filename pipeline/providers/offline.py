"""The embedded provider: answers come from a function of the stage that builds it, with no network and no key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.providers.provider import Reply, Request


@dataclass(frozen=True)
class Offline:
    model: str
    answer: Callable[[Request], tuple[str, str]]
    """Request -> (thought, answer)."""

    def ask(self, request: Request) -> Reply:
        thought, text = self.answer(request)
        return Reply(text=text, thought=thought, finish="stop", model=self.model)
