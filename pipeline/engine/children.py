"""The child process that runs heavy steps: started, spoken to over a local connection, and its death told plainly.

Both sides write JSON lines over one socket on the loopback address; a child whose connection closes ends itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.engine import errors
from pipeline.engine.errors import PipelineError, ProcessDied, StageFailed, StopRequested
from pipeline.engine.events import Send
from pipeline.engine.rows import Row, dump

ADDRESS = "PIPELINE_WORKER"
"""Environment variable that tells a child where to call and the word it must open with: `port:word`."""
START_SECONDS = 120.0
LAST_LINES = 12


class Child:
    """A worker process. One step at a time; several steps in a row may share it."""

    def __init__(self, worker: str, log: Path) -> None:
        self._log = log
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.2)
        word = secrets.token_hex(16)
        environment = {**os.environ, ADDRESS: f"{self._server.getsockname()[1]}:{word}", "PYTHONUNBUFFERED": "1"}
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", worker],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )
        self._connect(word)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _connect(self, word: str) -> None:
        for _ in range(int(START_SECONDS / 0.2)):
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                if self._process.poll() is not None:
                    raise self._death() from None
                continue
            connection.settimeout(None)
            self._connection = connection
            self._lines = connection.makefile("rb")
            if self._lines.readline().strip() == word.encode():
                self._server.close()
                return
            connection.close()
        self._process.kill()
        raise StageFailed("The worker process did not start.", f"It gave no sign for {START_SECONDS:.0f} s.", "")

    def run(self, task: Row, send: Send) -> Row:
        """Run one step; its events go to `send`. Returns summary and settings in effect.

        Raises what the stage raised, StopRequested, or ProcessDied that says how the process ended.
        """
        try:
            self._connection.sendall((dump(task) + "\n").encode())
            for line in self._lines:
                message = json.loads(line)
                if "event" in message:
                    send(message["event"], message["data"])
                elif "stopped" in message:
                    raise StopRequested
                elif "error" in message:
                    raise _revive(message["error"])
                else:
                    return dict(message)
        except OSError:
            pass  # the connection broke: the process is dead or dying, and the next line tells how
        raise self._death()

    def _death(self) -> ProcessDied:
        self._server.close()
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        last = "\n".join(f"  {line}" for line in self.last_lines())
        return ProcessDied(
            f"The worker process died: {describe_exit(code)}.",
            f"Its last lines:\n{last}" if last else "It left no last words.",
            "Resume the run to go on from what is saved; a process killed by the system for lack of memory needs "
            "smaller settings.",
        )

    def last_lines(self) -> list[str]:
        """What this child printed last, for the error that tells of its death."""
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 8192))
            return file.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:]
        return []

    def close(self) -> None:
        """End the process: a closed connection is its sign to go."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._connection.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def describe_exit(code: int) -> str:
    """An exit code in words: the signal's name on POSIX, the status in hex on Windows."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"
    return f"exit code {code:#x}" if code > 255 else f"exit code {code}"


def fold_error(error: PipelineError) -> Row:
    return {"type": type(error).__name__, "what": error.what, "why": error.why, "mend": error.mend}


def _revive(data: Any) -> PipelineError:
    kind: Callable[..., PipelineError] = getattr(errors, str(data["type"]), StageFailed)
    return kind(data["what"], data["why"], data["mend"])
