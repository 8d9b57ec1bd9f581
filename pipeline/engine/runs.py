"""Run directories: created whole before the first event, locked while alive, stopped by a file."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.engine.artifacts import Workspace, packages
from pipeline.engine.errors import Busy, ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import Row, read_json, write_json

if TYPE_CHECKING:
    from pipeline.engine.config import RunConfig

ASKING = 0.05
"""Seconds in which a lock that others only ask for is let go of."""


@dataclass(frozen=True)
class Run:
    """A run directory and what lies in it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    @property
    def root(self) -> Path:
        return self.path.parent.parent.parent

    def about(self) -> Row:
        return dict(read_json(self.path / "run.json"))

    def tree(self) -> Row:
        return dict(read_json(self.path / "config.json"))

    def notes(self) -> Row:
        """Tags and notes: kept apart, for a person may change them at any time."""
        path = self.path / "notes.json"
        return dict(read_json(path)) if path.exists() else {"tags": [], "note": ""}

    def lock(self) -> FileLock:
        return FileLock(self.path / "lock")

    def is_alive(self) -> bool:
        """Whether the runner's process lives: it holds the lock for as long as it does. Whoever asks holds it, too, for
        an instant: the lock is asked for again before a run is said to live."""
        lock = self.lock()
        try:
            lock.acquire(timeout=ASKING, poll_interval=ASKING / 8)
        except Timeout:
            return True
        except OSError:
            return _is_held(self.path / "lock")
        lock.release()
        return False

    def ask_stop(self) -> None:
        self.stop_file.touch()

    def set_notes(self, notes: Row) -> None:
        write_json(self.path / "notes.json", notes)

    def delete(self) -> None:
        """Remove the run directory; artifacts stay. Raises Busy while the run lives."""
        if self.is_alive():
            raise Busy(f"{self.id} is running.", "", f"Stop it first: python -m pipeline stop {self.id}")
        shutil.rmtree(self.path)


def _is_held(path: Path) -> bool:
    """Of a lock that cannot be written, on a disk that is read-only or full: asked without writing."""
    try:
        import fcntl

        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False  # Windows has no such question; a lock that is not there is held by nobody
    return False


def create_run(workspace: Workspace, config: RunConfig, options: Mapping[str, Any]) -> Run:
    """A new run directory with `run.json` and `config.json`; `options` are until, only and fresh."""
    preset = re.sub(r"[^\w.-]+", "-", config.preset) or "stage"
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{preset}-{secrets.token_hex(2)}"
    run = Run(workspace.runs / name)
    run.path.mkdir(parents=True)
    write_json(run.path / "config.json", config.to_tree())
    write_json(
        run.path / "run.json",
        {
            "id": name,
            "preset": config.preset,
            "created": round(time.time(), 3),
            "options": dict(options),
            "argv": sys.argv[1:],
            "cwd": str(Path.cwd()),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": packages(),
        },
    )
    return run


def list_runs(workspace: Workspace) -> list[Run]:
    """Oldest first."""
    return [Run(path.parent) for path in sorted(workspace.runs.glob("*/run.json"))]


def find_run(workspace: Workspace, wanted: str) -> Run:
    """A run by its id, a part of it that fits one run alone, a path, or `last`. Raises ConfigError."""
    runs = list_runs(workspace)
    if wanted == "last" and runs:
        return runs[-1]
    if (Path(wanted) / "run.json").is_file():
        return Run(Path(wanted).resolve())
    fitting = [run for run in runs if run.id == wanted] or [run for run in runs if wanted in run.id]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ConfigError(
            f"`{wanted}` fits {len(fitting)} runs: {', '.join(run.id for run in fitting[-5:])}.",
            "",
            "Write more of it.",
        )
    raise ConfigError(
        f"There is no run `{wanted}`{nearest(wanted, [run.id for run in runs])}",
        f"{len(runs)} runs are in {workspace.runs}.",
        "See them with: python -m pipeline list runs",
    )


def launch(run: Run, share_gpu: bool = False) -> subprocess.Popen[bytes]:
    """Start the runner of a run in a session of its own, so that closing the terminal never stops it.

    `share_gpu`: it does not wait for its turn on the GPU.
    """
    run.stop_file.unlink(missing_ok=True)
    # Relative paths in the settings mean the folder where the run was created, wherever it is resumed from.
    folder = Path(run.about()["cwd"])
    command = [sys.executable, "-m", "pipeline", "drive", str(run.path), *["--share-gpu"] * share_gpu]
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    with run.log.open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **apart)
