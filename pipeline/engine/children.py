"""The child that runs heavy steps, one process or several ranks: started, spoken to, and its death told plainly.

Of several ranks the first speaks; all must end well, and when one does not, all are ended.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from pipeline.engine import errors
from pipeline.engine.connection import ADDRESS, Line
from pipeline.engine.errors import ConfigError, FreshProcess, PipelineError, ProcessDied, StageFailed, StopRequested
from pipeline.engine.events import Send
from pipeline.engine.launch import ROLE, Launch
from pipeline.engine.rows import Row

START_SECONDS = 120.0
MACHINES_SECONDS = 1800.0
"""The same where a person has to start something on other machines first."""
SETTLE_SECONDS = 120.0
"""How long the other ranks have, once one is at its end."""
BLAME_SECONDS = 1.0
"""How long after a rank's error the death of another is taken for its cause."""
LAST_LINES = 12


class Child:
    """Worker processes. One step at a time; several steps in a row may share them."""

    def __init__(self, worker: str, log: Path, launch: Launch, check: Callable[[], None] = lambda: None) -> None:
        """Waits for all that are to run on this machine; meanwhile `check` may raise."""
        self._log, self._launch = log, launch
        self._logs = None if launch.alone else tempfile.TemporaryDirectory(prefix="ranks-", ignore_cleanup_errors=True)
        self._log_start = log.stat().st_size if log.exists() else 0
        self._launcher: Line | None = None
        self._ranks: list[Line] = []
        self.reserved: dict[str, int] = {}
        """GPU memory that the ranks said last they hold, in bytes by the id of the GPU."""
        self._messages: Queue[tuple[Line, Row | None]] = Queue()
        word = secrets.token_hex(16)
        server = socket.create_server(("127.0.0.1", 0))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                launch.command(worker, Path(self._logs.name) if self._logs else None),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, ADDRESS: f"{server.getsockname()[1]}:{word}", "PYTHONUNBUFFERED": "1"},
            )
        try:
            with server:
                server.settimeout(0.2)
                self._gather(server, word, check)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def _gather(self, server: socket.socket, word: str, check: Callable[[], None]) -> None:
        """Wait until every rank has called."""
        seconds = START_SECONDS if self._launch.machines == 1 else MACHINES_SECONDS
        late = time.monotonic() + seconds
        while len(self._ranks) < self._launch.here:
            check()
            if time.monotonic() > late:
                raise StageFailed("The worker process did not start.", f"It gave no sign for {seconds:.0f} s.")
            try:
                line = Line(server.accept()[0], word)
            except TimeoutError:
                if self._process.poll() is not None:
                    raise self._death() from None
                continue
            except ValueError:
                continue
            if line.rank < 0:
                self._launcher = line
                continue
            self._ranks.append(line)
            if line.world != self._launch.devices:
                raise _wrong_world(self._launch, line.world)
        for line in self._ranks:
            line.read_into(self._messages)

    def run(self, task: Row, send: Send) -> Row:
        """Run one step; its events go to `send`. Returns summary and settings in effect, as the first rank has them.

        Raises what the stage raised on any rank, StopRequested, or ProcessDied that says how one ended.
        """
        ended: dict[int, Row] = {}
        late = math.inf
        with contextlib.suppress(OSError):  # a rank that is gone has closed its line, which is told below
            for line in self._ranks:
                line.send(task)
        while len(ended) < len(self._ranks):
            try:
                left = max(0.0, late - time.monotonic()) if ended else None
                line, message = self._messages.get(timeout=left)
            except Empty:
                break
            if message is None:
                raise self._death(line)
            if "error" in message:
                raise self._blame(line, message["error"])
            if "event" in message:
                send(message["event"], message["data"])
            elif "reserved" in message:
                self.reserved |= message["reserved"]
            else:
                ended[line.rank] = message
                late = min(late, time.monotonic() + SETTLE_SECONDS)
        if any("stopped" in message for message in ended.values()):
            raise StopRequested
        if missing := [line.rank for line in self._ranks if line.rank not in ended]:
            raise StageFailed(
                f"Rank {missing[0]} of {self._launch.devices} did not come to an end.",
                f"Others did {SETTLE_SECONDS:.0f} s before.",
                "Resume the run; if it happens again, log.txt says what that rank was at.",
            )
        return dict(ended[0])

    def _blame(self, line: Line, error: Row) -> PipelineError:
        """What a rank raised, unless another has died: then it could only fail."""
        if len(self._ranks) == 1:
            return _revive(error)
        until = time.monotonic() + BLAME_SECONDS
        with contextlib.suppress(Empty):
            while (left := until - time.monotonic()) > 0:
                other, message = self._messages.get(timeout=left)
                if message is None:
                    return self._death(other)
        told = _revive(error)
        if not isinstance(told, FreshProcess):  # whose words name the way on, whatever the rank
            told.what = f"Rank {line.rank} of {self._launch.devices}: {told.what}"
        return told

    def _death(self, line: Line | None = None) -> ProcessDied:
        """How the process died or, of several, the rank at the other end of `line`; the other ranks are ended."""
        for rank in self._ranks:
            rank.close()
        try:
            code: int | None = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.close()
            code = self._process.returncode
        who = "The worker process"
        if line and not self._launch.alone:
            who = f"Rank {line.rank} of {self._launch.devices}"
            code = self._exit_code_of(line)
        last = "\n".join(f"  {text}" for text in self.last_lines(line))
        return ProcessDied(
            f"{who} died: {describe_exit(code) if code is not None else 'its connection closed'}.",
            f"Its last lines:\n{last}" if last else "It left no last words.",
            "Resume the run to go on from what is saved; a process killed by the system for lack of memory needs "
            "smaller settings.",
        )

    def _exit_code_of(self, line: Line) -> int | None:
        """A rank's exit code as the launcher, whose child it was, reports it; None where it says nothing."""
        found = re.search(rf"exitcode: (-?\d+)\) local_rank: \d+ \(pid: {line.pid}\)", self._printed())
        return int(found[1]) if found else None

    def last_lines(self, line: Line | None = None) -> list[str]:
        """What this child printed last, or one of its ranks, for the error that tells of its death."""
        lines = self._printed().splitlines()
        if line and not self._launch.alone:
            mark = f"[{ROLE}{line.rank}]:"
            lines = [text.removeprefix(mark) for text in lines if text.startswith(mark)]
        return lines[-LAST_LINES:]

    def _printed(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 65536))
            return file.read().decode("utf-8", "replace")
        return ""

    def close(self) -> None:
        """End every process: a closed line is its sign to go."""
        for line in [*self._ranks, *([self._launcher] if self._launcher else [])]:
            line.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._logs:
            self._logs.cleanup()


def _wrong_world(launch: Launch, world: int) -> ConfigError:
    """The error where a step would be trained by another number of processes than it asks for."""
    if launch.alone:
        return ConfigError(
            f"This process was told to be one of {world}, and devices = 1.",
            "WORLD_SIZE stands in the environment, as if a launcher had started it.",
            f"Unset RANK and WORLD_SIZE, or set devices = {world}.",
        )
    return ConfigError(
        f"{world} process{'es' if world > 1 else ''} would train together, and devices = {launch.devices}.",
        f"That is what accelerate makes of {launch.file or 'this machine'}.",
        f"Set devices = {world}, or a distributed_type in the accelerate config that starts {launch.devices}.",
    )


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
