"""A chat as JSON lines on stdin and stdout, for screens: what they say and hear stands in docs/formats.md."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pipeline.chat.conversation import Conversation
from pipeline.chat.once import figures_as_json
from pipeline.chat.partner import Partner
from pipeline.chat.settings import ChatSettings
from pipeline.chat.transcript import Transcript, read_back
from pipeline.engine.children import fold_error
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.rows import Row

FIELDS: dict[str, dict[str, type]] = {
    "load": {"model": str, "server": str, "preset": str, "key_env": str, "settings": dict},
    "send": {"text": str},
    "settings": {"set": dict},
    "save": {"path": str},
    "continue": {"path": str},
    "reset": {},
    "unload": {},
    "stop": {},
    "quit": {},
}
"""Command -> the fields that it knows, beside `do` and `id`, and what they are."""
NEEDED = {"send": "text", "save": "path", "continue": "path"}


class Desk:
    """One conversation at a time, one command after the other; `stop` alone is heard at once."""

    def __init__(self, find: Callable[[Row], Partner], settings: ChatSettings, heard: IO[str], said: IO[str]) -> None:
        self._find, self._settings = find, settings
        self._heard, self._said = heard, said
        self._commands: queue.Queue[tuple[Row | PipelineError, threading.Event] | None] = queue.Queue()
        self._stopped = threading.Event()
        """Set for what was heard before a stop; after it, there is a new one."""
        self._ended = False
        self._conversation: Conversation | None = None
        self._transcript = Transcript()
        self._id: Any = None

    def serve(self, first: Row | None = None, save: Path | None = None) -> None:
        """Until `quit` or the end of input; `first` is obeyed before all else. `save`: where the transcript goes."""
        if save is not None:
            self._transcript.open(save)
        if first is not None:
            self._commands.put((first, self._stopped))
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            while (heard := self._commands.get()) is not None and not self._ended:
                self._obey(*heard)
        finally:
            if self._conversation is not None:
                self._conversation.partner.close()

    def _listen(self) -> None:
        """Runs in a thread, for `stop` and the end of input must be heard in the middle of an answer."""
        for line in self._heard:
            command = _read(line)
            word = command["do"] if isinstance(command, dict) else ""
            if word in ("stop", "quit"):
                self._stop()
            if word == "quit":
                break
            if word != "stop" and line.strip():
                self._commands.put((command, self._stopped))
        else:
            self._stop()
        self._ended = True
        self._commands.put(None)

    def _stop(self) -> None:
        self._stopped.set()
        self._stopped = threading.Event()
        if self._conversation is not None:
            self._conversation.stop()

    def _obey(self, command: Row | PipelineError, stopped: threading.Event) -> None:
        self._id = command.get("id") if isinstance(command, dict) else None
        try:
            if isinstance(command, PipelineError):
                raise command
            if command["do"] == "send":
                self._send(command["text"], stopped)
            else:
                getattr(self, f"_do_{command['do']}")(command)
        except PipelineError as error:
            self._tell("error", **fold_error(error))
        except OSError as error:
            self._tell("error", **fold_error(PipelineError(f"{error.filename}: {error.strerror}")))

    def _tell(self, event: str, **fields: Any) -> None:
        about = {} if self._id is None else {"id": self._id}
        self._said.write(json.dumps({"event": event, **about, **fields}) + "\n")
        self._said.flush()

    @property
    def _talk(self) -> Conversation:
        if self._conversation is None:
            raise ConfigError("Nobody is there to talk to.", "No model is loaded.", "Load one first.")
        return self._conversation

    def _do_load(self, command: Row) -> None:
        """In place of the one before, which stays, without its memory, where the new one cannot be loaded."""
        conversation = Conversation(self._find(command), self._settings)
        if self._conversation is not None:
            with contextlib.suppress(ConfigError):  # a server's memory is not ours
                self._conversation.partner.unload()
        try:
            conversation.change(command.get("settings", {}))
            about = conversation.partner.open(conversation.settings)
        except PipelineError:
            conversation.partner.close()
            raise
        if self._conversation is not None:
            self._transcript.end(self._conversation)
            self._conversation.partner.close()
        self._conversation, self._settings = conversation, conversation.settings
        self._tell("loaded", **about, settings=conversation.settings.model_dump())

    def _send(self, message: str, stopped: threading.Event) -> None:
        talk = self._talk
        for kind, text in talk.send(message, stopped):
            self._tell(kind, text=text)
        figures = figures_as_json(talk.figures) if talk.figures else {"finish": "stopped"}
        self._tell("done", **figures, turns=len(talk.exchanges), forgotten=talk.first)
        self._transcript.save(talk)

    def _do_settings(self, command: Row) -> None:
        talk = self._talk
        talk.change(command.get("set", {}))
        self._settings = talk.settings
        self._tell("settings", settings=talk.settings.model_dump())

    def _do_reset(self, _: Row) -> None:
        self._transcript.end(self._talk)
        self._talk.reset()
        self._tell("reset")

    def _do_continue(self, command: Row) -> None:
        talk = self._talk
        system, exchanges = read_back(Path(command["path"]).expanduser())
        self._transcript.end(talk)
        talk.take_up(exchanges, system)
        self._settings = talk.settings
        turns = [
            {"asked": turn.asked, "thought": turn.thought, "answer": turn.answer, "ended": bool(turn.figures)}
            for turn in exchanges
        ]
        self._tell("continued", turns=turns, settings=talk.settings.model_dump())

    def _do_save(self, command: Row) -> None:
        self._transcript.open(Path(command["path"]).expanduser())
        rows = self._transcript.save(self._talk)
        self._tell("saved", path=str(self._transcript.path), conversations=rows)

    def _do_unload(self, _: Row) -> None:
        self._talk.partner.unload()
        self._tell("unloaded")


def _read(line: str) -> Row | PipelineError:
    """A command, or what is wrong with it."""
    try:
        command: Row = json.loads(line)
    except (ValueError, RecursionError):
        return ConfigError("A line is no JSON.", line.strip()[:80], "Send one JSON object a line.")
    word = command.get("do") if isinstance(command, dict) else None
    if not isinstance(word, str) or word not in FIELDS:
        return ConfigError("A line is no command.", line.strip()[:80], f"`do` is one of {', '.join(FIELDS)}.")
    fields = FIELDS[word]
    faults = [f"`{word}` has no field `{name}`." for name in command if name not in ("do", "id", *fields)]
    faults += [
        f"`{name}` of `{word}` is no {'text' if kind is str else 'object'}."
        for name, kind in fields.items()
        if not isinstance(command.get(name, kind()), kind)
    ]
    if NEEDED.get(word) and not command.get(NEEDED[word]):
        faults.append(f"`{word}` needs `{NEEDED[word]}`.")
    if faults:
        return ConfigError(" ".join(faults), "", f"It knows {', '.join(fields) or 'no fields'}.")
    return command
