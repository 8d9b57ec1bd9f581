"""A conversation: turns with one partner, and what becomes of the oldest when the context is full."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.chat.partner import Answering, Figures, Message, Partner, Piece
from pipeline.chat.settings import ChatSettings, change
from pipeline.engine.errors import ConfigError
from pipeline.gguf.room import ContextFull

ROOM = 4
"""The share of the context, one in so many, that is kept free for an answer."""
SHOWN = 40
"""Letters of a forgotten message that a notice shows."""


@dataclass(frozen=True)
class Exchange:
    """A message and its answer, as far as it came."""

    asked: str
    content: str
    """The answer as later turns show it to the model."""
    thought: str
    answer: str
    figures: Figures | None
    """None where the partner died in the middle of it."""


class Conversation:
    """What was said stays in `exchanges`; the model sees those from `first` on. One thread may send, any may stop."""

    def __init__(self, partner: Partner, settings: ChatSettings) -> None:
        partner.check(settings)
        self.partner = partner
        self.settings = settings
        self.exchanges: list[Exchange] = []
        self.first = 0
        self.figures: Figures | None = None
        """Of the last message's answer; None where there was none, or it was broken off before its first token."""
        self._answering: Answering | None = None
        self._earlier = 0
        """Of the exchanges, those that another process had."""

    @property
    def name(self) -> str:
        """Of the file, or of the model and its server."""
        return self.partner.name

    def reset(self) -> None:
        """Forget every turn; the settings stay."""
        self.take_up([])

    def take_up(self, exchanges: Sequence[Exchange], system: str | None = None) -> None:
        """Go on from what was said in an earlier chat, in place of what was said in this one.

        `system`: its system prompt, if it had one. Raises ConfigError where messages stand alone, and does nothing.
        """
        if exchanges and self.settings.raw:
            raise ConfigError(
                "There is nothing to go on from.", "With `raw` each message stands alone.", "Set raw=false."
            )
        if system is not None:
            self.change({"system": system})
        self.exchanges, self.first, self.figures, self._earlier = list(exchanges), 0, None, len(exchanges)

    def change(self, given: Mapping[str, Any]) -> None:
        """Change settings from the next message on. Raises ConfigError, and then changes none."""
        settings = change(self.settings, dict(given))
        self.partner.check(settings)
        self.settings = settings

    def stop(self) -> None:
        """End the answer that is on its way, wherever it is. Any thread may call it."""
        answering = self._answering
        if answering is not None:
            answering.stop()

    def send(self, text: str, stopped: threading.Event | None = None) -> Generator[Piece, None, None]:
        """The answer to a message, piece by piece; closed early, it stops the model.

        `stopped`, where a thread sets it before it calls `stop`, ends an answer that has not begun yet as well.
        Where the context is full the oldest turns are left out, and a notice says which. Where nothing was answered
        (an error, or a stop) the message is taken back.
        """
        self.figures = None
        stopped = stopped or threading.Event()
        if not self.settings.raw:
            # Qwen's tokenizer would do this; llama.cpp has no normaliser.
            text = unicodedata.normalize("NFC", text)
        context = self.partner.open(self.settings)["context"]
        room = min(self.settings.max_tokens, context // ROOM) if isinstance(context, int) else 0
        asked = max(1, room)
        while True:
            seen = len(self.exchanges) > self.first and not self.settings.raw
            answering = self.partner.answer(
                self._messages(text), self.settings, asked, reuse=len(self.exchanges) > self._earlier
            )
            try:
                yield from self._read(text, answering, stopped)
                return
            except ContextFull:
                if not seen and asked == 1:
                    raise
            if seen:
                yield self._forget()
                asked = max(1, 2 * room)  # some to spare, or each message to come would cost another turn
            else:
                asked = 1

    def _messages(self, text: str) -> list[Message]:
        system = self.settings.system
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        for exchange in self.exchanges[self.first :]:
            messages.append({"role": "user", "content": exchange.asked})
            messages.append({"role": "assistant", "content": exchange.content})
        return [*messages, {"role": "user", "content": text}]

    def _read(self, text: str, answering: Answering, stopped: threading.Event) -> Generator[Piece, None, None]:
        said = {"thought": "", "answer": "", "notice": ""}
        self._answering = answering
        if stopped.is_set():
            answering.stop()
        try:
            for piece in answering:
                said[piece.kind] += piece.text
                yield piece
        finally:
            self._answering = None
            self.figures = figures = answering.close()
            ended = figures is not None and figures.finish != "stopped"
            if ended or said["thought"] or said["answer"]:
                content = answering.content
                self.exchanges.append(Exchange(text, content, said["thought"].strip(), said["answer"].strip(), figures))

    def _forget(self) -> Piece:
        asked = " ".join(self.exchanges[self.first].asked.split())
        self.first += 1
        shown = asked if len(asked) <= SHOWN else asked[: SHOWN - 1] + "…"
        return Piece(
            "notice",
            f"The context is full: turn {self.first} (“{shown}”) and its answer are no longer seen by the model.",
        )
