"""A GGUF file as the partner of a chat: its own chat template, and a session of llama.cpp that keeps earlier turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.chat.partner import Answering, Figures, Message, Piece
from pipeline.chat.settings import ChatSettings
from pipeline.chat.think import ThoughtSplitter, close_thought
from pipeline.engine.errors import DataError, PipelineError
from pipeline.gguf.answer import Info
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session, SessionDied, Stream
from pipeline.providers.think import OPEN


class File:
    """After its process has died, or memory was given back, the next `open` loads the file again."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._path, self._threads = path, threads
        self._session = Session()
        self._loaded: tuple[int, float] | None = None
        self._info: Info | None = None
        self.name = path.name

    def check(self, settings: ChatSettings) -> None:
        """A file honours every setting."""

    def open(self, settings: ChatSettings) -> Mapping[str, object]:
        wanted = (settings.context, settings.idle)
        if self._session.pid is None or self._loaded != wanted:
            self._loaded = None
            self._info = self._session.load(self._path, settings.context, self._threads, settings.idle)
            self._loaded = wanted
        info = self._info
        assert info is not None
        return {
            "name": self.name,
            "title": info.metadata.get("general.name", ""),
            "context": info.context,
            "trained_context": info.trained_context,
            "description": info.description,
            "parameters": info.parameters,
            "bytes": info.bytes,
            "template": bool(info.metadata.get("tokenizer.chat_template")),
        }

    def answer(self, messages: Sequence[Message], settings: ChatSettings, room: int, reuse: bool) -> Answering:
        assert self._info is not None, "open it first"
        began = time.monotonic()
        prompt = messages[-1]["content"] if settings.raw else self._render(messages, settings)
        sampling = Sampling(
            settings.max_tokens, settings.temperature, settings.top_p, settings.top_k, settings.min_p, settings.seed
        )
        opened = OPEN if not settings.raw and prompt.rstrip().endswith(OPEN) else ""
        stream = self._session.generate(prompt, sampling, reuse=reuse, room=room)
        return FileAnswer(stream, opened, self._info.context, time.monotonic() - began)

    def _render(self, messages: Sequence[Message], settings: ChatSettings) -> str:
        assert self._info is not None
        if not self._info.metadata.get("tokenizer.chat_template"):
            raise DataError(
                f"{self._path} holds no chat template.",
                "Without it nobody knows how the model was taught to take turns.",
                "Export it again from a model whose tokenizer has one, or write the tags yourself with `raw`.",
            )
        return self._session.render(messages, thinking=settings.thinking)

    def unload(self) -> None:
        self._loaded = None
        with contextlib.suppress(SessionDied):  # then there is nothing to give back
            self._session.unload()

    def close(self) -> None:
        self._loaded = None
        self._session.close()


class FileAnswer:
    def __init__(self, stream: Stream, opened: str, context: int, before: float) -> None:
        """`before`: seconds that the message took to become a prompt."""
        self._stream, self._opened, self._context, self._before = stream, opened, context, before
        self._said = opened

    @property
    def content(self) -> str:
        return close_thought(self._said)

    def __iter__(self) -> Iterator[Piece]:
        splitter = ThoughtSplitter(bool(self._opened))
        for text in self._stream:
            self._said += text
            yield from splitter.feed(text)
        yield from splitter.finish()

    def stop(self) -> None:
        self._stream.stop()

    def close(self) -> Figures | None:
        try:
            self._stream.stop()
            for _ in self._stream:  # what was generated before it heard
                pass
        except PipelineError:
            return None
        answer = self._stream.answer
        if answer is None:
            return None
        return Figures(
            answer.finish,
            answer.prompt_tokens,
            answer.reused,
            answer.tokens,
            round(self._before + answer.first_seconds, 4),
            round(self._before + answer.seconds, 4),
            self._context,
        )
