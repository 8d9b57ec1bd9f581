"""What the screen remembers between two openings: last screen, theme, sizes of panes; and a person's key map.

Both lie in the user's own folder. What cannot be read there is told once and does no harm.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import read_json, write_json
from tui.actions import ACTIONS

HOME = "COCKPIT_HOME"
"""Environment variable that names another folder than ~/.training-cockpit."""


def home() -> Path:
    return Path(os.environ.get(HOME) or Path.home() / ".training-cockpit")


class Habits:
    """A small JSON file; a name is a word such as `theme` or `split/run`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "screen.json"
        self._kept: dict[str, Any] = {}
        try:
            found = read_json(self._path) if self._path.exists() else {}
            self._kept = dict(found) if isinstance(found, Mapping) else {}
        except (PipelineError, OSError):
            pass  # what it held was a convenience

    def get(self, name: str, default: Any) -> Any:
        """The value kept under a name, if it is of the type of the default."""
        value = self._kept.get(name, default)
        return value if isinstance(value, type(default)) else default

    def keep(self, name: str, value: Any) -> None:
        if self._kept.get(name) == value:
            return
        self._kept[name] = value
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self._kept)
        except OSError:
            pass  # a full or read-only disk must not end the screen


def read_keys(path: Path) -> tuple[dict[str, str], list[str]]:
    """A key map, lines such as `"runs.filter" = "slash,f"`: id of an action -> keys; and what is wrong in it."""
    if not path.exists():
        return {}, []
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        return {}, [f"{path} cannot be read: {error}"]
    known = {action.id for action in ACTIONS}
    keys = {name: keys for name, keys in found.items() if name in known and isinstance(keys, str) and keys}
    return keys, [f"{path}: {name!r} is no action with keys" for name in found if name not in keys]
