"""The one owner of llama.cpp: a child process (`serve`) that speaks JSON lines, so that a bad file hurts nobody."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from pipeline.engine import errors
from pipeline.engine.children import describe_exit
from pipeline.engine.errors import DataError, MissingDependency, PipelineError
from pipeline.engine.rows import Row
from pipeline.gguf.answer import Answer, Info
from pipeline.gguf.room import ContextFull
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.template import Message

LAST_WORDS = 2000
"""Characters of the child's stderr that an error about its death shows."""


class SessionDied(PipelineError):
    """The child process ended, or was ended because it gave no sign."""


class Stream(Iterator[str]):
    """Pieces of an answer as they come; `answer` stands once they are all read."""

    def __init__(self, session: Session, number: int) -> None:
        self._session, self._number = session, number
        self._over = False
        self.answer: Answer | None = None

    def __next__(self) -> str:
        if self._over:
            raise StopIteration
        try:
            reply = self._session._receive(self._number)
        except PipelineError:
            self._over = True
            raise
        if "piece" in reply:
            return str(reply["piece"])
        self._over, self.answer = True, Answer(**reply["result"])
        raise StopIteration

    def stop(self) -> None:
        """Ask for an early end; read on until the pieces end. Any thread may call it."""
        if not self._over:
            self._session._stop(self._number)


class Session:
    """llama.cpp in a child process, which starts when first needed; after its death the next `load` starts another.

    Methods raise DataError where the file or the request is at fault and SessionDied where the child ended or gave no
    sign for `timeout` seconds. One thread at a time may use a session.
    """

    def __init__(self, timeout: float = 600.0) -> None:
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        return self._process.pid if self._process else None

    def load(self, path: Path, context: int = 0, threads: int = 0, idle: float = 0.0) -> Info:
        """Load a file in place of the one before. `context` 0: as trained, at most 4096; `threads` 0: by its size.

        After `idle` seconds without a request its memory is given back, and the next request loads it again; 0: never.
        """
        _check_readable(path)
        return Info(**self._ask("load", path=str(path.resolve()), context=context, threads=threads, idle=idle))

    def unload(self) -> None:
        """Let go of the file and its memory; on Windows a loaded file can be neither renamed nor removed."""
        if self._process is not None:
            self._ask("unload")

    def info(self) -> Info:
        return Info(**self._ask("info"))

    def tokenize(self, text: str) -> list[int]:
        """Token ids; special tokens spelt out in the text count as such, and none is added."""
        return list(self._ask("tokenize", text=text)["tokens"])

    def render(self, messages: Sequence[Message], *, thinking: bool = True, turn: bool = True) -> str:
        """The file's own chat template over `messages`; with `turn` it ends where the assistant's turn begins."""
        return str(self._ask("render", messages=list(messages), thinking=thinking, turn=turn)["prompt"])

    def logits(self, tokens: Sequence[int]) -> Iterator[bytes]:
        """Logits after each token: a row of `vocabulary` float32 in the machine's byte order, one at a time."""
        number = self._send("logits", tokens=list(tokens))
        while "piece" in (reply := self._receive(number)):
            yield base64.b64decode(reply["piece"])

    def generate(self, prompt: str, sampling: Sampling, reuse: bool = False, room: int = 1) -> Stream:
        """Continue a prompt. A new request ends a stream that was not read to its end.

        `reuse`: what an earlier prompt has in common with this one is not run again; since batches of another shape are
        rounded otherwise, logits may differ a little. The stream raises ContextFull where less than `room` tokens would
        be left for the answer.
        """
        number = self._send("generate", prompt=prompt, sampling=asdict(sampling), reuse=reuse, room=room)
        return Stream(self, number)

    def quantize(
        self, source: Path, target: Path, file_type: int, threads: int = 0, importance: Path | None = None
    ) -> None:
        """llama.cpp's own quantisation, with the importance matrix of a file if there is one; as long as it takes."""
        _check_readable(source)
        paths = {"source": str(source.resolve()), "target": str(target.resolve())}
        paths["importance"] = str(importance.resolve()) if importance else ""
        self._ask("quantize", None, **paths, file_type=file_type, threads=threads)

    def close(self) -> None:
        """End the child: a closed stdin is its sign to go."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        self._stderr.close()

    def _start(self) -> subprocess.Popen[bytes]:
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingDependency.of_extra("llama-cpp-python", "gguf")
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.gguf.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            **_apart(),
        )
        replies: queue.Queue[Row | None] = queue.Queue()
        self._replies, self._unfinished = replies, 0
        self._reader = threading.Thread(target=_read, args=(process.stdout, replies), daemon=True)
        self._reader.start()
        self._process = process
        return process

    def _send(self, command: str, **fields: Any) -> int:
        """Returns the number that the replies will bear."""
        process = self._process or self._start()
        if self._unfinished:
            self._stop(self._unfinished)
        self._count += 1
        self._unfinished = self._count
        try:
            _write(process, {"command": command, "number": self._count, **fields})
        except OSError:
            raise self._death() from None
        return self._count

    def _stop(self, number: int) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError, ValueError):  # it is dead, or closed: the next read tells
                _write(process, {"command": "stop", "number": number})

    def _receive(self, number: int, timeout: float | None = -1) -> Row:
        """The next reply to that request. Replies to earlier ones, left unread, are passed over."""
        limit = self.timeout if timeout == -1 else timeout
        deadline = None if limit is None else time.monotonic() + limit
        while self._process is not None:
            try:
                # A short wait at a time: on Windows a longer one would hold Ctrl-C back.
                reply = self._replies.get(timeout=0.1)
            except queue.Empty:
                if deadline is not None and time.monotonic() > deadline:
                    self._process.kill()
                    raise self._death(f"It gave no sign for {limit:g} s and was ended.") from None
                continue
            if reply is None:
                raise self._death()
            if reply["number"] != number:
                continue
            if "piece" not in reply:
                self._unfinished = 0
            if "error" in reply:
                raise _revive(reply["error"])
            return reply
        raise SessionDied("The process that ran the model is gone.", "The session was closed.", "Load the model again.")

    def _ask(self, command: str, timeout: float | None = -1, **fields: Any) -> Row:
        result: Row = self._receive(self._send(command, **fields), timeout)["result"]
        return result

    def _death(self, why: str = "") -> SessionDied:
        process = self._process
        assert process is not None
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._stderr.seek(0)
        words = self._stderr.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
        self.close()
        return SessionDied(
            f"The process that runs llama.cpp died: {describe_exit(code)}.",
            why or (f"Its last words: {words}" if words else "It left no last words."),
            "The file may be damaged, or memory ran out: load it again, or another.",
        )


def _write(process: subprocess.Popen[bytes], request: Row) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
    process.stdin.flush()


def _apart() -> dict[str, Any]:
    """Options that keep Ctrl-C on the terminal from reaching the child."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a directory.", "A GGUF model is one file.", "Name a file that ends in .gguf.")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read.", str(error.strerror), "Check the path.") from None
    if start != b"GGUF":
        raise DataError(
            f"{path} is not a GGUF file.",
            f"It begins with {start!r}, not with b'GGUF'.",
            "Name a model exported to GGUF; `export` makes one of a Hugging Face directory.",
        )


def _read(stream: IO[bytes], replies: queue.Queue[Row | None]) -> None:
    with stream:
        for line in stream:
            if line.endswith(b"\n"):  # else torn by the child's death
                replies.put(json.loads(line))
    replies.put(None)


def _revive(data: Any) -> PipelineError:
    name = str(data["type"])
    kind: Callable[..., PipelineError] = ContextFull if name == "ContextFull" else getattr(errors, name, PipelineError)
    return kind(data["what"], data["why"], data["mend"])
