"""Who answers: the settings, request and reply that every provider shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from pipeline.engine.rows import Row
from pipeline.engine.settings import Settings, aside


class ProviderSettings(Settings):
    """A table `[providers.NAME]` of a preset."""

    kind: Literal["offline"] = "offline"
    """offline: the embedded teacher and judge, which need no network and no key."""
    model: str = ""
    """Model name as the service knows it; empty for the offline one."""
    workers: int = aside(1, ge=1)
    """Requests in flight at once."""


Finish = Literal["stop", "length", "blocked", "invalid"]


@dataclass(frozen=True)
class Request:
    """One question to a provider. `sample` tells answers to the same question apart."""

    messages: list[dict[str, str]]
    """`role` and `content` each, the last one a user's."""
    system: str = ""
    sample: int = 0
    row: Row = field(default_factory=dict)
    """The record that the question comes from; read by the offline provider, never sent over a network."""


@dataclass(frozen=True)
class Reply:
    text: str
    thought: str
    finish: Finish
    model: str


class Provider(Protocol):
    """Anything that answers. Raises ProviderError where no answer can be had."""

    def ask(self, request: Request) -> Reply: ...
