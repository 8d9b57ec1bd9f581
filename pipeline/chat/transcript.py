"""What was said in a chat, as JSONL rows that `ingest` reads back."""

from __future__ import annotations

from pathlib import Path

from pipeline.chat.conversation import Conversation, Exchange
from pipeline.chat.partner import Figures
from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, read_rows, write_rows

ENDED = Figures("stop", None, None, None, 0.0, 0.0, None)
"""Of an answer that came to its own end some other day."""


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


def read_back(path: Path) -> tuple[str | None, list[Exchange]]:
    """The system prompt, if there was one, and the turns of a transcript's last conversation.

    Raises ConfigError where there is no such file, DataError where it holds no conversation.
    """
    if not path.is_file():
        raise ConfigError(f"There is no chat {path}.", "", "See data/chats.")
    rows = list(read_rows(path))
    turns = rows[-1].get("messages") if rows else None
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f"{path} holds no conversation.", "Its last row has no messages.", "Name another chat.")
    said = [(str(turn.get("role")), str(turn.get("content") or ""), turn) for turn in turns]
    system = said[0][1] if said[0][0] == "system" else None
    said = said[system is not None :]
    pairs = list(zip(said[::2], said[1::2], strict=False))
    if len(said) % 2 or any((asked[0], answer[0]) != ("user", "assistant") for asked, answer in pairs):
        raise DataError(f"{path} cannot be gone on with.", "Its turns are not by turns a person's and a model's.", "")
    return system, [
        Exchange(
            asked, answer, str(turn.get("reasoning_content") or ""), answer, None if turn.get("weight") == 0 else ENDED
        )
        for (_, asked, _), (_, answer, turn) in pairs
    ]


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
