"""A model to talk to, in a process of its own: `python -m pipeline chat --jsonl`, spoken to in JSON lines.

What it says is gathered until it is fetched, so that a quick model costs the screen no more than a slow one.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from tui.launch import command

SAID = 20
"""Lines kept of what the process prints beside its events, to be shown when it dies."""
ENDING = 5.0
"""Seconds that a process has to end by itself once it is told to."""


class Talk:
    """One process, started when it is first told something. `heard` is called in a thread: there are events to fetch.

    An event is what docs/formats.md says, or {"event": "died", "why"} after which the next `tell` starts another.
    """

    def __init__(self, root: Path, heard: Callable[[], None]) -> None:
        self._root, self._heard = root, heard
        self._child: subprocess.Popen[bytes] | None = None
        self._events: deque[Mapping[str, Any]] = deque()
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def tell(self, do: str, **fields: Any) -> None:
        """Send a command. A process that cannot be started, or is gone, is told of by an event."""
        line = json.dumps({"do": do, **fields}) + "\n"
        try:
            child = self._child or self._start()
            _input(child).write(line.encode("ascii"))
            _input(child).flush()
        except (OSError, ValueError) as error:
            if self._child is None:
                self._keep({"event": "died", "why": str(error)})
            # else its reader is about to say that it died

    def fetch(self) -> list[Mapping[str, Any]]:
        """Every event since the last time."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def close(self) -> None:
        """End it, in the middle of whatever it does; one that does not hear is killed."""
        child, self._child = self._child, None
        if child is not None:
            threading.Thread(target=_end, args=(child,), daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        child = subprocess.Popen(command(["chat", "--jsonl"], self._root), stdin=pipe, stdout=pipe, stderr=pipe)
        assert child.stdout is not None
        assert child.stderr is not None
        self._child = child
        said: deque[str] = deque(maxlen=SAID)
        listening = threading.Thread(target=_listen, args=(child.stderr, said), daemon=True)
        listening.start()
        threading.Thread(target=self._read, args=(child, child.stdout, said, listening), daemon=True).start()
        return child

    def _read(
        self, child: subprocess.Popen[bytes], out: IO[bytes], said: deque[str], listening: threading.Thread
    ) -> None:
        """In a thread, until the process ends."""
        with out:
            for line in out:
                if child is self._child:  # else it was closed: what it still says is for nobody
                    self._keep(_event(line))
        code = child.wait()
        listening.join(ENDING)
        if child is self._child:
            why = f"Exit code {code}." if code >= 0 else f"Signal {-code} ended it."
            self._keep({"event": "died", "why": "\n".join([why, *list(said)[-3:]])}, last=True)
        with contextlib.suppress(OSError):
            _input(child).close()

    def _keep(self, event: Mapping[str, Any], last: bool = False) -> None:
        """`last`: the process is gone, in one step with the event that says so."""
        with self._lock:
            if last:
                self._child = None
            first = not self._events
            self._events.append(event)
        if first:
            self._heard()


def _event(line: bytes) -> Mapping[str, Any]:
    """Of a line that is no event the text, as a notice."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = line.decode("utf-8", "replace").strip()
    return event if isinstance(event, dict) else {"event": "notice", "text": str(event)}


def _listen(stream: IO[bytes], said: deque[str]) -> None:
    with stream:
        for line in stream:
            said.append(line.decode("utf-8", "replace").rstrip())


def _input(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None
    return child.stdin


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        _input(child).close()
    try:
        child.wait(ENDING)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def table(value: Any) -> Mapping[str, Any]:
    """A part of an event that should be a table; an empty one where it is not."""
    return value if isinstance(value, dict) else {}
