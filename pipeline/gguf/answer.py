"""What a session tells of a model and of its answers, and how the child counts them up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from pipeline.engine.rows import Row


@dataclass(frozen=True)
class Info:
    """A loaded model. `metadata` holds every key of the file but its arrays, as text."""

    description: str
    parameters: int
    bytes: int
    context: int
    """Tokens that fit, prompt and answer together."""
    trained_context: int
    vocabulary: int
    eos: int
    metadata: dict[str, str]
    eos_ends: bool = True
    """Whether an answer ends where it comes to its eos."""


@dataclass(frozen=True)
class Answer:
    """How an answer ended and what it took. `stopped`: it was told to; `length`: a limit cut it off."""

    finish: Literal["stop", "length", "stopped"]
    prompt_tokens: int
    tokens: int
    """Generated, the end-of-turn token included."""
    first_seconds: float
    """From the request to the first token."""
    seconds: float
    reused: int = 0
    """Of the prompt's tokens, those that stood in the context already."""


class Growing:
    """The figures of an answer as it grows."""

    def __init__(self, began: float, prompt: int) -> None:
        self._began, self._prompt = began, prompt
        self._first: float | None = None
        self.count = self.reused = 0

    def add(self) -> None:
        self.count += 1
        self._first = self._first or time.monotonic()

    def result(self, finish: str) -> Row:
        now = time.monotonic()
        return {
            "finish": finish,
            "prompt_tokens": self._prompt,
            "reused": self.reused,
            "tokens": self.count,
            "first_seconds": round((self._first or now) - self._began, 4),
            "seconds": round(now - self._began, 4),
        }
