"""An OpenAI-compatible server as the partner of a chat, streamed through the client that the provider `openai` uses."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.chat.partner import Answering, Figures, Finish, Message, Piece
from pipeline.chat.settings import ChatSettings
from pipeline.chat.think import ThoughtSplitter
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.gguf.room import ContextFull
from pipeline.providers.openai import OpenAI
from pipeline.providers.openai_reply import THOUGHTS, read_usage
from pipeline.providers.provider import ProviderSettings, Refused, Request, Unavailable

TOO_LONG = re.compile(r"context[ _-]?(length|size|window)|maximum context|prompt is too long|too many tokens", re.I)
"""How servers say that the prompt does not fit: OpenAI, vLLM, llama-server, LM Studio, each in its own words."""
ENDS: Mapping[object, Finish] = {"stop": "stop", "length": "length", "content_filter": "blocked"}
OTHERS = ("top_p", "top_k", "min_p", "seed")
"""Settings that are sent only where a person gave them: the server has defaults of its own."""


class Server:
    def __init__(self, provider: ProviderSettings, environ: Mapping[str, str] = os.environ) -> None:
        self._provider = OpenAI(provider, environ)
        self._checked = False
        self.name = f"{provider.model} at {self._provider.server}"

    def check(self, settings: ChatSettings) -> None:
        given = {name for name in settings.model_fields_set if getattr(settings, name)}
        vain = given & {"raw", "idle"}
        if self._provider.ours:
            vain |= settings.model_fields_set & {"top_k", "min_p", "thinking"}
        if vain:
            raise ConfigError(
                f"{', '.join(f'`{name}`' for name in sorted(vain))} would have no effect on {self._provider.server}.",
                "A server renders its own template and keeps its own memory."
                if vain <= {"raw", "idle"}
                else "This service knows no such setting.",
                "Leave it out, or talk to a GGUF file.",
            )

    def open(self, settings: ChatSettings) -> Mapping[str, object]:
        if not self._checked:
            self._provider.check()
            self._checked = True
        return {"name": self.name, "title": "", "context": settings.context or None}

    def answer(self, messages: Sequence[Message], settings: ChatSettings, room: int, reuse: bool) -> Answering:  # noqa: ARG002
        system = settings.system
        body = self._provider.body(Request(messages[bool(system) :], system, max_tokens=settings.max_tokens))
        given = settings.model_fields_set
        body |= {name: getattr(settings, name) for name in OTHERS if name in given}
        if "temperature" in given:
            body["temperature"] = settings.temperature
        if "thinking" in given:
            body["chat_template_kwargs"] = {"enable_thinking": settings.thinking}
        return ServerAnswer(self._provider, body, settings)

    def unload(self) -> None:
        """Its memory is not ours to give."""
        raise ConfigError(f"{self.name} cannot be unloaded from here.", "The server keeps its own memory.", "")

    def close(self) -> None:
        self._provider.close()


class ServerAnswer:
    """A thread reads the stream, so that a stop is heard while the server is silent."""

    def __init__(self, provider: OpenAI, body: dict[str, Any], settings: ChatSettings) -> None:
        self._provider, self._settings = provider, settings
        self._began = time.monotonic()
        self._first: float | None = None
        self._chunks: queue.Queue[Any] = queue.Queue()
        self._stopped = threading.Event()
        self._finish: Any = None
        self._usage: Any = None
        self._died = False
        self.content = ""
        threading.Thread(target=self._read, args=(body,), daemon=True).start()

    def __iter__(self) -> Iterator[Piece]:
        warned = self._settings.thinking
        for piece in self._all():
            self._first = self._first or time.monotonic()
            if piece.kind == "answer":
                self.content += piece.text
            elif not warned:
                warned = True
                yield Piece("notice", "The server lets the model think, although `thinking` is off.")
            yield piece

    def stop(self) -> None:
        self._stopped.set()
        self._chunks.put(None)

    def close(self) -> Figures | None:
        """The thread breaks the connection off at the next chunk."""
        self.stop()
        now = time.monotonic()
        if self._died or (self._first is None and self._finish is None):
            return None
        usage = read_usage(self._usage) if self._usage else None
        return Figures(
            "stopped" if self._finish is None else ENDS.get(self._finish, "broken"),
            usage.input if usage else None,
            usage.cached if usage else None,
            usage.output + usage.thought if usage else None,
            (self._first or now) - self._began,
            now - self._began,
            self._settings.context or None,
        )

    def _all(self) -> Iterator[Piece]:
        splitter = ThoughtSplitter()
        while (chunk := self._next()) is not None:
            yield from self._pieces(chunk, splitter)
        yield from splitter.finish()

    def _next(self) -> Any:
        """The next chunk; None at the end or where it was stopped. Raises what the reading raised."""
        while True:
            try:
                # A short wait at a time: on Windows a longer one would hold Ctrl-C back.
                chunk = self._chunks.get(timeout=0.1)
            except queue.Empty:
                continue
            if self._stopped.is_set():
                return None
            if chunk is None and self._finish is None:
                chunk = Unavailable(f"{self._provider.server} broke off before its answer was whole.")
            if isinstance(chunk, PipelineError):
                self._died = True
                raise chunk
            return chunk

    def _pieces(self, chunk: Any, splitter: ThoughtSplitter) -> Iterator[Piece]:
        self._usage = _table(chunk).get("usage") or self._usage
        choices = _table(chunk).get("choices")
        choice = _table(choices[0]) if isinstance(choices, list) and choices else {}
        delta = _table(choice.get("delta"))
        thought = next((delta[field] for field in THOUGHTS if isinstance(delta.get(field), str)), "")
        if thought:
            yield Piece("thought", thought)
        for field in ("content", "refusal"):
            if isinstance(delta.get(field), str):
                yield from splitter.feed(delta[field])
        if delta.get("refusal"):
            self._finish = "content_filter"
        reason = choice.get("finish_reason")
        self._finish = self._finish or (str(reason) if reason else None)

    def _read(self, body: dict[str, Any]) -> None:
        """Runs in the thread: chunks, and in the end None or what went wrong."""
        end: PipelineError | None = None
        try:
            with contextlib.closing(self._provider.stream(body)) as chunks:
                for chunk in chunks:
                    if self._stopped.is_set():
                        return
                    self._chunks.put(chunk)
        except Refused as error:
            full = TOO_LONG.search(f"{error.what} {error.why}")
            mend = "Shorten the message, or forget the conversation."
            end = ContextFull(error.what, error.why, mend) if full else error
        except PipelineError as error:
            end = error
        except ValueError:
            end = Unavailable(f"{self._provider.server} sent what is no JSON.")
        finally:
            self._chunks.put(end)  # whatever came: who waits for pieces must not wait for ever


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
