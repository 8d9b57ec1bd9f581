"""A chat on the terminal, line by line, with one model or with two that answer the same messages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline.chat.conversation import Conversation
from pipeline.chat.screen import Screen
from pipeline.chat.settings import ChatSettings
from pipeline.chat.transcript import Transcript
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.presets import nearest

HISTORY = 1000
"""Lines typed that are remembered."""
SHORT = {"think": "thinking"}
"""Other words for a setting."""
HELP = (
    ("/settings [NAME VALUE]", "show all settings, or change one; /NAME VALUE does the same: /seed 7, /think off"),
    ("/system [TEXT]", "the system prompt; empty: none"),
    ("/reset", "forget the conversation; the settings stay"),
    ("/save [FILE]", "write the transcript as JSONL, and from then on after each answer"),
    ("/unload", "give the model's memory back until the next message"),
    ("/help", "this list"),
    ("/quit", "end the chat, as the end of input does"),
    ("Ctrl-C", "stop an answer, or clear the line"),
)


class LineMode:
    def __init__(
        self, conversations: Sequence[Conversation], screen: Screen, transcript: Transcript, folder: Path
    ) -> None:
        """`folder` is where transcripts without a name of their own go."""
        self._conversations, self._screen = conversations, screen
        self._transcript, self._folder = transcript, folder
        self._commands: dict[str, Callable[[str], None]] = {
            "settings": self._settings,
            "reset": self._reset,
            "save": self._save,
            "unload": self._unload,
            "help": lambda _: self._screen.rows(HELP),
        }

    def run(self) -> int:
        """Until /quit or the end of input. Returns the exit code."""
        with _history(self._folder / "history"):
            for conversation in self._conversations:
                about = conversation.partner.open(conversation.settings)
                room = f" · context of {about['context']} tokens" if about["context"] else ""
                title = f" · {about['title']}" if about["title"] else ""
                self._screen.note(f"{about['name']}{title}{room} · /help")
            while (line := self._screen.ask()) is not None:
                word, _, rest = line.strip().partition(" ")
                if word in ("/quit", "/exit"):
                    break
                with self._told():
                    if word.startswith("/"):
                        self._obey(word[1:], rest.strip())
                    elif word:
                        self._screen.show(self._conversations, line.strip())
                        self._transcript.save(*self._conversations)
        return 0

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """An error is told and ends nothing."""
        try:
            yield
        except PipelineError as error:
            self._screen.note(str(error), "red")
        except OSError as error:
            self._screen.note(f"{error.filename}: {error.strerror}", "red")

    def _obey(self, word: str, rest: str) -> None:
        word = SHORT.get(word, word)
        if word in self._commands:
            self._commands[word](rest)
        elif word in ChatSettings.model_fields:
            self._change(word, rest)
        else:
            known = [*self._commands, *ChatSettings.model_fields, *SHORT, "quit"]
            raise ConfigError(f"No command /{word}{nearest(word, known)}", "", "/help shows them all.")

    def _settings(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if name:
            self._change(SHORT.get(name, name), value.strip())
            return
        settings = self._conversations[0].settings
        rows = []
        for key, field in ChatSettings.model_fields.items():
            about = " ".join(str(field.description).split()).partition(". ")[0].rstrip(".")
            rows.append((key, _shown(getattr(settings, key)), about))
        self._screen.rows(rows)

    def _change(self, name: str, value: str) -> None:
        for conversation in self._conversations:
            conversation.change({name: value})
        value = _shown(getattr(self._conversations[0].settings, name))
        self._screen.note(f"{name}: {value or 'none'}, from the next message on.")

    def _reset(self, _: str) -> None:
        self._transcript.end(*self._conversations)
        for conversation in self._conversations:
            conversation.reset()
        self._screen.note("The conversation is forgotten.")

    def _save(self, rest: str) -> None:
        path = Path(rest).expanduser() if rest else self._transcript.path
        self._transcript.open(path or self._folder / time.strftime("%Y%m%d-%H%M%S.jsonl"))
        count = self._transcript.save(*self._conversations)
        self._screen.note(f"{self._transcript.path}: {count} conversations." if count else "Nothing was said yet.")

    def _unload(self, _: str) -> None:
        for conversation in self._conversations:
            conversation.partner.unload()
        self._screen.note("The model's memory is given back; the next message loads it again.")


def _shown(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


@contextlib.contextmanager
def _history(path: Path) -> Iterator[None]:
    """The arrow keys bring back what was typed, in earlier chats too, where Python has readline. A console of Windows
    remembers lines by itself."""
    try:
        import readline
    except ImportError:
        yield
        return
    readline.clear_history()
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_history_length(HISTORY)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)
