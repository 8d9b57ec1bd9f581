"""Runs heavy steps in a process of its own: `python -m pipeline.worker`, started by the runner and ended with it."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
import traceback
from queue import Queue
from typing import Any

import psutil

from pipeline.engine.children import ADDRESS, fold_error
from pipeline.engine.errors import StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.execution import plain_error, run_stage
from pipeline.engine.rows import Row, dump
from pipeline.engine.stage import Catalog


class Connection:
    """The line to the runner. When it closes, this process and all it started end at once."""

    def __init__(self) -> None:
        port, word = os.environ.pop(ADDRESS).split(":")
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._socket.sendall(f"{word}\n".encode())
        self._writing = threading.Lock()
        self.tasks: Queue[Row] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._socket.makefile("rb"):
                self.tasks.put(json.loads(line))
        except OSError:
            pass  # a broken line and a closed one mean the same
        for child in psutil.Process().children(recursive=True):
            child.kill()
        os._exit(0)

    def send(self, message: Row) -> None:
        with self._writing:
            self._socket.sendall((dump(message) + "\n").encode("utf-8", "surrogatepass"))


def work(catalog: Catalog) -> None:
    """Do the steps that come over the connection, until it closes."""
    connection = Connection()
    while True:
        task = connection.tasks.get()
        stage = catalog.stages[task["stage"]]
        emit = Emitter(lambda kind, data: connection.send({"event": kind, "data": data}))
        try:
            connection.send(run_stage(stage, task, emit))
        except StopRequested:
            connection.send({"stopped": True})
        except BaseException as error:
            traceback.print_exc()
            connection.send({"error": fold_error(plain_error(error))})
        release_memory()


def release_memory() -> None:
    """Give GPU memory back between the steps that share this process."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    from pipeline.catalog import CATALOG

    work(CATALOG)
