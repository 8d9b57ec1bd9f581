"""One run at a time trains on a GPU: a lock for it in the workspace, and a queue of the runs that wait for it.

Whoever asked first is next. On a machine without a GPU there is nothing to wait for.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.engine.artifacts import Workspace
from pipeline.engine.memory import gpu_uuids
from pipeline.engine.runs import Run

POLL = 0.5
"""Seconds between tries."""


def present_gpu() -> int | None:
    """Index of the GPU that a step uses: the first that CUDA_VISIBLE_DEVICES leaves. None where there is none."""
    uuids = gpu_uuids()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not uuids or visible is None:
        return 0 if uuids else None
    first = visible.split(",")[0].strip()
    if first.isdecimal():
        return int(first) if int(first) < len(uuids) else None
    return next((index for index, uuid in enumerate(uuids) if first and uuid.startswith(first)), None)


class GpuTurn:
    """A run's turn on its GPU. With `share` it takes none, for a person said that it may train beside others."""

    def __init__(self, run: Run, share: bool = False) -> None:
        self._run = run
        self._folder = Workspace(run.root).locks
        self._gpu = None if share else present_gpu()
        self._lock: FileLock | None = None

    def take(self, say: Callable[[str], None], check_stop: Callable[[], None]) -> None:
        """Return when the GPU is this run's alone. `say` hears on what it waits, whenever that changes.

        Raises what `check_stop` raises.
        """
        if self._gpu is None or self._lock is not None:
            return
        queue = self._folder / f"gpu-{self._gpu}.queue"
        queue.mkdir(parents=True, exist_ok=True)
        ticket = queue / f"{time.time_ns():020}-{self._run.id}"
        ticket.touch()
        said = ""
        try:
            while not self._taken(queue, ticket):
                reason = self._reason(queue, ticket)
                if reason != said:
                    say(reason)
                    said = reason
                time.sleep(POLL)
                check_stop()
        finally:
            ticket.unlink(missing_ok=True)

    def _taken(self, queue: Path, ticket: Path) -> bool:
        if self._before(queue, ticket):
            return False
        lock = FileLock(self._folder / f"gpu-{self._gpu}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._lock = lock
        self._holder.write_text(self._run.id, encoding="utf-8")
        return True

    def _before(self, queue: Path, ticket: Path) -> int:
        """How many living runs asked earlier; tickets of dead ones go."""
        earlier = 0
        for other in sorted(queue.iterdir()):
            if other.name >= ticket.name:
                break
            run = Run(self._run.path.parent / other.name.partition("-")[2])
            if run.path.is_dir() and run.is_alive():
                earlier += 1
            else:
                other.unlink(missing_ok=True)
        return earlier

    def _reason(self, queue: Path, ticket: Path) -> str:
        try:
            used = f"GPU {self._gpu} is in use by {self._holder.read_text(encoding='utf-8').strip() or 'another run'}"
        except OSError:  # just given back, or not yet said
            used = f"GPU {self._gpu} is in use"
        earlier = self._before(queue, ticket)
        return used + (f"; before this run, {earlier} more" if earlier else "")

    @property
    def _holder(self) -> Path:
        return self._folder / f"gpu-{self._gpu}.holder"

    def give_back(self) -> None:
        """Let the next run have it."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._holder.unlink(missing_ok=True)
            self._lock.release()
            self._lock = None
