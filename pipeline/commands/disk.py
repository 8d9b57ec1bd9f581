"""Disk by artifact: what each costs, which runs use it, and what may go."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.engine.artifacts import MADE, MAKING, Workspace
from pipeline.engine.errors import Busy
from pipeline.engine.events import Tail
from pipeline.engine.rows import Row
from pipeline.engine.runs import list_runs


def usage(workspace: Workspace) -> list[Row]:
    """Every artifact, largest first: artifact, path, state (done, unfinished, busy, replaced), bytes, runs."""
    users = _users(workspace)
    entries = []
    for home in ("data", "models"):
        for path in (workspace.root / home).glob("*"):
            if not path.is_dir() or not any((path / name).is_file() for name in (MADE, MAKING)):
                continue
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            entries.append(
                {
                    "artifact": path.name,
                    "path": str(path),
                    "state": _state(workspace, path),
                    "bytes": size,
                    "runs": users.get(path.name, []),
                }
            )
    return sorted(entries, key=lambda entry: -int(entry["bytes"]))


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
        path = Path(entry["path"])
        if workspace.is_busy(path):
            raise Busy(f"{path.name} is being made.", "", "Stop that run first.")
        shutil.rmtree(path)
