"""Both ends of the line between the runner and a process that it started: JSON lines over a loopback socket.

A process opens its line with a one-time word and with what it is; when its line closes, it ends itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from queue import Queue

import psutil

from pipeline.engine.rows import Row, dump

ADDRESS = "PIPELINE_WORKER"
"""Environment variable that tells a process where to call and the word it must open with: `port:word`."""


class Connection:
    """The process's end. When it closes, this process and all it started end at once."""

    def __init__(self, **about: int) -> None:
        """`about`: what the process says of itself beside its id."""
        port, word = os.environ[ADDRESS].split(":")
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._writing = threading.Lock()
        self.send({"word": word, "pid": os.getpid(), **about})
        self.tasks: Queue[Row] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._socket.makefile("rb"):
                self.tasks.put(json.loads(line))
        except OSError:
            pass  # a broken line and a closed one mean the same
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        os._exit(0)

    def send(self, message: Row) -> None:
        with self._writing:
            self._socket.sendall((dump(message) + "\n").encode("utf-8", "surrogatepass"))


class Line:
    """The runner's end."""

    def __init__(self, connection: socket.socket, word: str) -> None:
        """Raises ValueError where the other side does not know the word."""
        connection.settimeout(10)  # only for the greeting: whoever else calls must not keep us
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._reader: threading.Thread | None = None
        try:
            greeting = json.loads(self._lines.readline())
            if greeting["word"] != word:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError):
            self.close()
            raise ValueError("not one of ours") from None
        connection.settimeout(None)
        self.pid = int(greeting["pid"])
        self.rank = int(greeting["rank"])
        """-1: the launcher."""
        self.world = int(greeting["world"])
        """How many ranks there are, as this one was told."""

    def send(self, message: Row) -> None:
        """Raises OSError where the process is gone."""
        self._connection.sendall((dump(message) + "\n").encode("utf-8", "surrogatepass"))

    def read_into(self, queue: Queue[tuple[Line, Row | None]]) -> None:
        """Put everything that comes into `queue`, and None when the line has closed."""

        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                for line in self._lines:
                    queue.put((self, json.loads(line)))
            queue.put((self, None))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """The sign for the process to go."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        if self._reader:
            self._reader.join()
        self._lines.close()
        self._connection.close()
