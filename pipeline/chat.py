"""Conversation over a GGUF file: turns, thoughts told apart from answers, and a plain line-mode chat."""

from __future__ import annotations

import io
import sys
import unicodedata
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console
from rich.text import Text

from pipeline.engine.errors import DataError
from pipeline.engine.text import safe_text
from pipeline.gguf.model import Sampling
from pipeline.gguf.session import Answer, Session, Stream

OPEN, CLOSE = "<think>", "</think>"
HELP = "/reset forgets the conversation, /quit (or the end of input) ends the chat, Ctrl-C stops an answer."


class Piece(NamedTuple):
    kind: Literal["thought", "answer"]
    text: str


class ThoughtSplitter:
    """Tells thought from answer in a stream, wherever the pieces are cut; the tags themselves are dropped."""

    def __init__(self, thinking: bool = False) -> None:
        self._thinking = thinking
        self._held = ""

    def feed(self, text: str) -> Iterator[Piece]:
        self._held += text
        while True:
            tag = CLOSE if self._thinking else OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                # What may be the beginning of a tag waits for the rest of it.
                keep = next(size for size in range(len(tag) - 1, -1, -1) if before.endswith(tag[:size]))
                self._held = before[len(before) - keep :]
                yield from self._piece(before[: len(before) - keep])
                return
            yield from self._piece(before)
            self._thinking, self._held = not self._thinking, after

    def finish(self) -> Iterator[Piece]:
        """What was held back, once the stream is over."""
        held, self._held = self._held, ""
        yield from self._piece(held)

    def _piece(self, text: str) -> Iterator[Piece]:
        if text:
            yield Piece("thought" if self._thinking else "answer", text)


class Conversation:
    """Turns with one loaded model. What was said stays in `messages`; an answer that was stopped, as far as it came."""

    def __init__(self, session: Session, system: str, thinking: bool, sampling: Sampling) -> None:
        self._session = session
        self._system = system
        self._thinking = thinking
        self._sampling = sampling
        self._stream: Stream | None = None
        self.messages: list[dict[str, str]] = []
        self.reset()

    def reset(self) -> None:
        self.messages = [{"role": "system", "content": self._system}] if self._system else []

    @property
    def answer(self) -> Answer | None:
        """How the last answer ended; None where it was broken off."""
        return self._stream.answer if self._stream else None

    def send(self, text: str) -> Generator[Piece, None, None]:
        """The answer to a user's message, piece by piece; closed early, it stops the model.

        Where nothing was answered (a DataError: the prompt is too long) the message is taken back.
        """
        # Qwen's tokenizer would do this; llama.cpp has no normaliser.
        messages = [*self.messages, {"role": "user", "content": unicodedata.normalize("NFC", text)}]
        prompt = self._session.render(messages, thinking=self._thinking)
        self._stream = stream = self._session.generate(prompt, self._sampling)
        said = opened = OPEN if prompt.rstrip().endswith(OPEN) else ""
        splitter = ThoughtSplitter(bool(opened))
        try:
            for piece in stream:
                said += piece
                yield from splitter.feed(piece)
            yield from splitter.finish()
        finally:
            stream.stop()
            if stream.answer is not None or said != opened:
                # A thought that was cut off must not swallow the turns to come.
                end = f"\n{CLOSE}\n\n" if said.rfind(OPEN) > said.rfind(CLOSE) else ""
                self.messages = [*messages, {"role": "assistant", "content": said + end}]


def chat(
    model: Path,
    prompt: str | None,
    system: str = "",
    thinking: bool = True,
    temperature: float = 0.6,
    seed: int = 0,
    max_tokens: int = 1024,
) -> int:
    """Chat on the terminal, or with `prompt` print one answer, the thought to stderr. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a code page without some glyph must not end the chat
    screen = Screen(Console(highlight=False), Console(highlight=False, stderr=prompt is not None))
    sampling = Sampling(max_tokens, temperature, top_p=0.95, top_k=20, seed=seed)
    with Session() as session:
        info = session.load(model)
        conversation = Conversation(session, system, thinking, sampling)
        if prompt is not None:
            return screen.show(conversation, prompt)
        screen.note(f"{info.metadata.get('general.name', model.name)} · context of {info.context} tokens · /help")
        while (line := screen.ask()) is not None:
            match line.strip():
                case "":
                    pass
                case "/quit" | "/exit":
                    return 0
                case "/reset":
                    conversation.reset()
                    screen.note("The conversation is forgotten.")
                case "/help":
                    screen.note(HELP)
                case command if command.startswith("/"):
                    screen.note(f"No command {command.split()[0]}. {HELP}")
                case text:
                    screen.show(conversation, text)
    return 0


class Screen:
    """What a person reads. All of it passes `safe_text`, for the model and its file may say anything."""

    def __init__(self, answers: Console, thoughts: Console) -> None:
        self._answers, self._thoughts = answers, thoughts

    def ask(self) -> str | None:
        """The next line; None at the end of input. Ctrl-C clears the line."""
        while True:
            try:
                return input("> " if sys.stdin.isatty() else "")
            except EOFError:
                if sys.stdin.isatty():
                    self.note("")
                return None
            except KeyboardInterrupt:
                self.note("")

    def note(self, text: str) -> None:
        self._print(self._thoughts, text + "\n", "dim italic")

    def show(self, conversation: Conversation, text: str) -> int:
        """Print the answer as it comes. Returns 0, or 3 where Ctrl-C ended it."""
        code = 0
        shown: str | None = None
        pieces = conversation.send(text)
        try:
            for kind, piece in pieces:
                if shown == "thought" and kind == "answer":
                    self._print(self._thoughts, "\n", "")
                    piece = piece.lstrip("\n")
                thought = kind == "thought"
                self._print(self._thoughts if thought else self._answers, piece, "dim" if thought else "")
                shown = kind
        except KeyboardInterrupt:
            code = 3
            pieces.close()
        except DataError as error:
            self.note(str(error))
            return error.exit_code
        self._print(self._answers, "\n", "")
        answer = conversation.answer
        if code or (answer is not None and answer.finish == "length"):
            self.note("(stopped)" if code else "(cut off: the limit of tokens is reached)")
        return code

    def _print(self, console: Console, text: str, style: str) -> None:
        console.print(Text(safe_text(text), style), end="", soft_wrap=True)
