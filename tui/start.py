"""What a new run begins with: a preset, or a run that it branches off; and its words on a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import presets
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import RunConfig, check
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.runs import Run
from pipeline.engine.stage import Catalog


@dataclass(frozen=True)
class Start:
    preset: str = ""
    run: Run | None = None
    """The run to branch off, instead of a preset."""

    @property
    def source(self) -> str:
        """What `plan` and `save` take: the name of a preset, or the settings of a run."""
        return str(self.run.path / "config.json") if self.run else self.preset

    def tree(self, folders: Iterable[Path], sets: Mapping[str, str]) -> presets.Tree:
        """Raises ConfigError."""
        return presets.compose(self.source, folders, [f"{key}={text}" for key, text in sets.items()])

    def words(self, command: str, sets: Mapping[str, str]) -> list[str]:
        """plan, run or save, with what was changed."""
        first = ["branch", self.run.id] if self.run and command == "run" else [command, self.source]
        whole = ["--whole"] if self.run and command == "save" else []  # it must outlive the run
        return [*first, *(word for key, text in sets.items() for word in ("--set", f"{key}={text}")), *whole]


def composed(
    start: Start, workspace: Workspace, folders: Iterable[Path], sets: Mapping[str, str], catalog: Catalog
) -> tuple[RunConfig | None, str]:
    """The whole form, checked: its config, or what is wrong with it, a fault a line."""
    try:
        return check(start.tree(folders, sets), catalog, workspace.kind_of), ""
    except ConfigError as error:
        return None, error.what


def added(sets: Mapping[str, str]) -> dict[str, str]:
    """Those of the changes that add steps and say their places: the form is made with them."""
    return {key: text for key, text in sets.items() if key.startswith("steps.")}


def without(sets: Mapping[str, str], step: str) -> dict[str, str]:
    """The changes without a step that they add, and all that is said of it."""
    return {key: text for key, text in sets.items() if not key.startswith((f"{step}.", f"steps.{step}."))}


def kinds(workspace: Workspace) -> dict[str, str]:
    """Name -> kind of every artifact that is done, the newest first; what cannot be read is left out."""
    found: dict[str, str] = {}
    for path in reversed(workspace.artifacts()):
        try:
            found[path.name] = str(read_made(path)["kind"])
        except (PipelineError, OSError):
            continue
    return found


def told(folders: Iterable[Path]) -> dict[str, str]:
    """Name -> the first words of its file, of every preset."""
    found: dict[str, str] = {}
    for name, path in sorted(presets.preset_files(folders).items()):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                first = file.readline(500).strip()
        except OSError:
            first = ""
        found[name] = first.lstrip("# ") if first.startswith("#") else ""
    return found
