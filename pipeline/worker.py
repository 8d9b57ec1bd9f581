"""Runs heavy steps in a process of its own: `python -m pipeline.worker`, started by the runner and ended with it.

Over several devices `accelerate launch` starts it once for each; then rank 0 alone speaks of what goes on. On further
machines a person starts it, with the file of the task.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from pipeline.engine.children import fold_error
from pipeline.engine.connection import ADDRESS, Connection
from pipeline.engine.errors import StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.execution import plain_error, run_stage
from pipeline.engine.memory import SAMPLE_GAP
from pipeline.engine.rows import Row, read_json
from pipeline.engine.stage import Catalog


def work(catalog: Catalog) -> None:
    """Do the steps that come over the connection, until it closes."""
    rank = int(os.environ.get("RANK", 0))
    connection = Connection(rank=rank, world=int(os.environ.get("WORLD_SIZE", 1)))
    del os.environ[ADDRESS]

    def send(kind: str, data: Row) -> None:
        if rank == 0:
            connection.send({"event": kind, "data": data})

    threading.Thread(target=tell_memory, args=[connection], daemon=True).start()
    while True:
        task = connection.tasks.get()
        stage = catalog.stages[task["stage"]]
        try:
            connection.send(run_stage(stage, task, Emitter(send)))
        except StopRequested:
            connection.send({"stopped": True})
        except BaseException as error:
            traceback.print_exc()
            connection.send({"error": fold_error(plain_error(error))})
        release_memory()


def tell_memory(connection: Connection) -> None:
    """Say now and then what this process holds on GPUs, for where the driver does not: see `engine.memory`."""
    with contextlib.suppress(OSError):  # the line is closed, and the process about to end
        while True:
            time.sleep(SAMPLE_GAP)
            if held := reserved():
                connection.send({"reserved": held})


def reserved() -> dict[str, int]:
    """Bytes that PyTorch's allocator has taken, by the id of the GPU; nothing before it has taken any."""
    torch: Any = sys.modules.get("torch")
    with contextlib.suppress(AttributeError):  # another thread may be in the midst of importing it
        if torch is not None and torch.cuda.is_initialized():
            count = torch.cuda.device_count()
            return {
                str(torch.cuda.get_device_properties(gpu).uuid): torch.cuda.memory_reserved(gpu) for gpu in range(count)
            }
    return {}


def take(catalog: Catalog, file: Path) -> None:
    """Do the one step of a task file: on another machine than the runner's, which hears of it by the first rank."""
    task = read_json(file)
    with contextlib.suppress(StopRequested):
        run_stage(catalog.stages[task["stage"]], task, Emitter(lambda *_: None))


def release_memory() -> None:
    """Give GPU memory back between the steps that share this process."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    from pipeline.catalog import CATALOG

    if len(sys.argv) > 1:
        take(CATALOG, Path(sys.argv[1]))
    else:
        work(CATALOG)
