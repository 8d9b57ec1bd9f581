"""Tables of what there is, and what differs between two runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import Workspace, compare_settings, read_made
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest, preset_files, read_tree
from pipeline.engine.rows import Row
from pipeline.engine.runs import Run, list_runs
from pipeline.engine.view import view_of

Listing = tuple[tuple[str, ...], list[tuple[Any, ...]]]


def listing(what: str, workspace: Workspace, preset_folders: list[Path]) -> Listing:
    """Columns and rows of one kind of thing. Raises ConfigError for a word it does not know."""
    match what:
        case "runs":
            return _runs(workspace)
        case "artifacts":
            return _artifacts(workspace, ())
        case "models":
            return _artifacts(workspace, ("model", "adapter", "gguf"))
        case "presets":
            return _presets(preset_folders)
        case "stages":
            return _stages()
    known = ("runs", "models", "artifacts", "presets", "stages")
    raise ConfigError(f"There is no list of `{what}`{nearest(what, known)}", f"Lists: {', '.join(known)}.", "")


def _moment(t: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(t))


def _runs(workspace: Workspace) -> Listing:
    rows = []
    for run in list_runs(workspace):
        view, life = view_of(run)
        done = sum(step.state in ("done", "cached") for step in view.steps.values())
        notes = run.notes()
        rows.append(
            (
                run.id,
                life,
                run.about()["preset"],
                done,
                view.finished["seconds"] if view.finished else None,
                ", ".join(notes["tags"]),
                notes["note"],
            )
        )
    return ("run", "state", "preset", "steps", "seconds", "tags", "note"), rows


def _artifacts(workspace: Workspace, kinds: tuple[str, ...]) -> Listing:
    rows = []
    for artifact in workspace.artifacts():
        made = read_made(artifact)
        if not kinds or made["kind"] in kinds:
            size = sum(entry["bytes"] for entry in made["files"].values())
            rows.append((artifact.name, made["kind"], made["step"], size, _moment(made["made_at"]), made["run"]))
    return ("artifact", "kind", "step", "bytes", "made", "run"), rows


def _presets(folders: list[Path]) -> Listing:
    rows = []
    for name, path in sorted(preset_files(folders).items()):
        tree = read_tree(path)
        rows.append((name, tree.get("extends", ""), ", ".join(tree.get("steps", {})), str(path)))
    return ("preset", "extends", "steps it writes", "file"), rows


def _stages() -> Listing:
    from pipeline.catalog import CATALOG

    rows = []
    for stage in CATALOG.stages.values():
        takes = ", ".join(f"{name}: {kind}" for name, kind in stage.takes.items())
        rows.append((stage.name, takes, stage.makes, len(stage.Config.model_fields)))
    return ("stage", "takes", "makes", "settings"), rows


def difference(first: Run, second: Run) -> Row:
    """Settings that differ, as lines, and every figure of the steps' summaries side by side."""
    results = []
    views = [view_of(run)[0] for run in (first, second)]
    for step in dict.fromkeys([*views[0].steps, *views[1].steps]):
        figures = [_figures(view.steps[step].summary) if step in view.steps else {} for view in views]
        for name in dict.fromkeys([*figures[0], *figures[1]]):
            values = [figure.get(name) for figure in figures]
            if values[0] != values[1]:
                results.append({"result": f"{step}.{name}", "first": values[0], "second": values[1]})
    return {"settings": compare_settings(first.tree(), second.tree()), "results": results}


def _figures(summary: Row, prefix: str = "") -> Row:
    figures: Row = {}
    for key, value in summary.items():
        if isinstance(value, dict):
            figures |= _figures(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            figures[f"{prefix}{key}"] = value
    return figures
