"""Disk by artifact: what each costs, which runs use it, and what may go."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.engine.artifacts import CHECKPOINTS, MADE, MAKING, Workspace
from pipeline.engine.errors import Busy
from pipeline.engine.events import Tail
from pipeline.engine.rows import Row
from pipeline.engine.runs import list_runs


def usage(workspace: Workspace) -> list[Row]:
    """Every artifact, largest first: artifact, path, state (done, unfinished, busy, replaced), bytes, those of its
    checkpoints among them, runs."""
    users = _users(workspace)
    entries = []
    for home in ("data", "models"):
        for path in (workspace.root / home).glob("*"):
            if not path.is_dir() or not any((path / name).is_file() for name in (MADE, MAKING)):
                continue
            entries.append(
                {
                    "artifact": path.name,
                    "path": str(path),
                    "state": _state(workspace, path),
                    "bytes": _size(path),
                    "checkpoints": _size(path / CHECKPOINTS),
                    "runs": users.get(path.name, []),
                }
            )
    return sorted(entries, key=lambda entry: -int(entry["bytes"]))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _state(workspace: Workspace, path: Path) -> str:
    if path.name.startswith("."):
        return "replaced"
    if workspace.is_busy(path):
        return "busy"
    return "done" if (path / MADE).is_file() else "unfinished"


def _users(workspace: Workspace) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for run in list_runs(workspace):
        for event in Tail(run.events).read():
            if event.kind in ("step.started", "step.cached"):
                runs = users.setdefault(Path(event.data["artifact"]).name, [])
                if run.id not in runs:
                    runs.append(run.id)
    return users


def doomed(entries: list[Row], orphans: bool, unfinished: bool) -> list[Row]:
    """Of `entries`, those that were asked to go. A busy artifact never is."""
    return [
        entry
        for entry in entries
        if (orphans and not entry["runs"] and entry["state"] in ("done", "replaced"))
        or (unfinished and entry["state"] in ("unfinished", "replaced"))
    ]


def remove(workspace: Workspace, entries: list[Row]) -> None:
    """Raises Busy where a run has begun to make one of them meanwhile."""
    for entry in entries:
        shutil.rmtree(_at_rest(workspace, entry))


def kept(entries: list[Row]) -> list[Row]:
    """Of `entries`, finished artifacts that still hold checkpoints."""
    return [entry for entry in entries if entry["state"] == "done" and entry["checkpoints"]]


def remove_checkpoints(workspace: Workspace, entries: list[Row]) -> None:
    """Of finished artifacts, which stay what they are, but cannot be extended. Raises Busy as `remove` does."""
    for entry in entries:
        shutil.rmtree(_at_rest(workspace, entry) / CHECKPOINTS)


def _at_rest(workspace: Workspace, entry: Row) -> Path:
    path = Path(entry["path"])
    if workspace.is_busy(path):
        raise Busy(f"{path.name} is being made.", "", "Stop that run first.")
    return path
