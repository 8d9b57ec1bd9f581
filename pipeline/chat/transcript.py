"""What was said in a chat, as JSONL rows that `ingest` reads back."""

from __future__ import annotations

from pathlib import Path

from pipeline.chat.conversation import Conversation, Exchange
from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import Row, write_rows


def rows_of(conversation: Conversation) -> list[Row]:
    """One row of OpenAI's messages; of raw messages one each, for each stood alone.

    An answer that did not come to its own end has `weight` 0: it is not to be learnt. A message without an answer is
    left out, for no format knows such a turn.
    """
    answered = [exchange for exchange in conversation.exchanges if exchange.answer]
    raw, system = conversation.settings.raw, conversation.settings.system
    talks = [[exchange] for exchange in answered] if raw else [answered] if answered else []
    begin = [{"role": "system", "content": system}] if system and not raw else []
    return [
        {"messages": [*begin, *(turn for exchange in talk for turn in _turns(exchange))], "model": conversation.name}
        for talk in talks
    ]


def _turns(exchange: Exchange) -> list[Row]:
    answer: Row = {"role": "assistant", "content": exchange.answer}
    if exchange.thought:
        answer["reasoning_content"] = exchange.thought
    if exchange.figures is None or exchange.figures.finish != "stop":
        answer["weight"] = 0
    return [{"role": "user", "content": exchange.asked}, answer]


class Transcript:
    """The conversations of one chat. Once it has a file, each `save` writes all of them, whole or not at all."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._ended: list[Row] = []

    def open(self, path: Path) -> None:
        """Raises ConfigError where something stands there already that is not ours."""
        if path == self.path:
            return
        if path.exists():
            raise ConfigError(f"{path} exists already.", "A transcript overwrites nothing.", "Choose another name.")
        self.path = path

    def end(self, *conversations: Conversation) -> None:
        """Keep what is about to be forgotten."""
        self._ended += [row for conversation in conversations for row in rows_of(conversation)]

    def save(self, *conversations: Conversation) -> int:
        """Returns how many conversations the file holds; writes nothing while it has none, or no name."""
        rows = [*self._ended, *(row for conversation in conversations for row in rows_of(conversation))]
        if self.path is not None and rows:
            write_rows(self.path, rows)
        return len(rows)
