"""Who answers in a chat: the protocol that a GGUF file and a server share, and what comes of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from pipeline.chat.settings import ChatSettings

Message = Mapping[str, str]
"""`role` (system, user, assistant) and `content`."""

Finish = Literal["stop", "length", "stopped", "blocked", "broken"]
"""By itself, cut off by a limit, stopped by a person, refused by the service, or for a reason that we do not know."""


class Piece(NamedTuple):
    kind: Literal["thought", "answer", "notice"]
    """A notice is the chat's own word: what the model no longer sees, or what a setting did not do."""
    text: str


@dataclass(frozen=True)
class Figures:
    """How an answer ended and what it took. None: the partner does not tell."""

    finish: Finish
    prompt_tokens: int | None
    reused: int | None
    """Of the prompt's tokens, those that did not have to be run again."""
    tokens: int | None
    """Generated, thought and end-of-turn token included."""
    first_seconds: float
    """From the message to the first token; where the model had to be loaded first, that comes before."""
    seconds: float
    context: int | None
    """Tokens that prompt and answer may take together."""

    @property
    def used(self) -> int | None:
        """Tokens of the context that prompt and answer have taken."""
        return None if self.prompt_tokens is None or self.tokens is None else self.prompt_tokens + self.tokens

    @property
    def left(self) -> int | None:
        return None if self.context is None or self.used is None else max(0, self.context - self.used)

    @property
    def tokens_per_second(self) -> float | None:
        """Of the tokens after the first."""
        seconds = self.seconds - self.first_seconds
        return None if self.tokens is None or self.tokens < 2 or seconds <= 0 else (self.tokens - 1) / seconds


class Answering(Protocol):
    """An answer on its way: iterate once over its pieces."""

    @property
    def content(self) -> str:
        """The answer so far, as later turns show it to the model."""

    def __iter__(self) -> Iterator[Piece]:
        """Raises ContextFull, before the first piece, where the prompt does not fit; else what the partner raises."""

    def stop(self) -> None:
        """Ask for an early end; the pieces then end. Any thread may call it."""

    def close(self) -> Figures | None:
        """End it, wherever it is, and wait until it has ended. None where nothing was generated."""


class Partner(Protocol):
    name: str
    """Of the file, or of the model and its server: two files of one model have two names."""

    def check(self, settings: ChatSettings) -> None:
        """Raise ConfigError for settings that were given and have no effect here."""

    def open(self, settings: ChatSettings) -> Mapping[str, object]:
        """Be ready to answer: load the file where it is not loaded; what there is to know about the model.

        `name`, `title` (as the model calls itself, or empty) and `context` (tokens, or None) are always told.
        """

    def answer(self, messages: Sequence[Message], settings: ChatSettings, room: int, reuse: bool) -> Answering:
        """`room`: tokens that have to be left for the answer; `reuse`: the messages continue what came before."""

    def unload(self) -> None:
        """Give memory back until `open`."""

    def close(self) -> None: ...
