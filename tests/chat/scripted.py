"""A partner that answers with what it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.chat.partner import Figures, Finish, Message, Piece
from pipeline.chat.settings import ChatSettings
from pipeline.chat.think import ThoughtSplitter, close_thought
from pipeline.gguf.room import ContextFull


class Scripted:
    """Answers in order: texts, and exceptions that are raised in their place. A letter is a token, and `context` is
    how many of them fit."""

    def __init__(self, *answers: Sequence[str | type[BaseException]], context: int | None = None) -> None:
        self.name = "scripted"
        self.answers = [list(answer) for answer in answers]
        self.context = context
        self.asked: list[list[Message]] = []
        self.rooms: list[int] = []
        self.reused: list[bool] = []
        self.stops = self.opened = self.unloaded = self.closed = 0

    def check(self, settings: ChatSettings) -> None:
        pass

    def open(self, settings: ChatSettings) -> Mapping[str, object]:  # noqa: ARG002
        self.opened += 1
        return {"name": self.name, "title": "", "context": self.context}

    def answer(
        self,
        messages: Sequence[Message],
        settings: ChatSettings,  # noqa: ARG002
        room: int,
        reuse: bool,
    ) -> ScriptedAnswer:
        taken = sum(len(message["content"]) for message in messages)
        if self.context is not None and taken + room > self.context:
            return ScriptedAnswer(self, [ContextFull])
        self.asked.append(list(messages))
        self.rooms.append(room)
        self.reused.append(reuse)
        return ScriptedAnswer(self, self.answers.pop(0), taken)

    def unload(self) -> None:
        self.unloaded += 1

    def close(self) -> None:
        self.closed += 1


class ScriptedAnswer:
    def __init__(self, partner: Scripted, pieces: Sequence[Any], taken: int = 0) -> None:
        self._partner, self._pieces, self._taken = partner, list(pieces), taken
        self._said = ""
        self._finish: Finish | None = "stop"

    @property
    def content(self) -> str:
        return close_thought(self._said)

    def __iter__(self) -> Iterator[Piece]:
        splitter = ThoughtSplitter()
        while self._pieces:
            piece = self._pieces.pop(0)
            if not isinstance(piece, str):
                self._finish = "stopped" if piece is KeyboardInterrupt else None
                raise piece("broken")
            self._said += piece
            yield from splitter.feed(piece)
        yield from splitter.finish()

    def stop(self) -> None:
        self._partner.stops += 1
        if self._pieces:
            self._pieces, self._finish = [], "stopped"

    def close(self) -> Figures | None:
        if self._pieces:
            self.stop()
        if self._finish is None:
            return None
        count = len(self._said)
        return Figures(self._finish, self._taken, 0, count, 0.5, 0.5 + count / 10, self._partner.context)
