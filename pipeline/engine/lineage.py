"""What an artifact was made from, step by step back to the beginning, as the `made.json` of each tells it."""

from __future__ import annotations

from pathlib import Path

from pipeline.engine.artifacts import MADE, Workspace, read_made
from pipeline.engine.rows import Row


def lineage(artifact: Path, root: Path) -> list[Row]:
    """The `made.json` of an artifact and of all it was made from, the earliest first, each once.

    What was not made here, or is gone, is passed over.
    """
    workspace, seen, found = Workspace(root), set[Path](), list[Row]()

    def follow(path: Path) -> None:
        path = path.resolve()
        if path in seen or not (path / MADE).is_file():
            return
        seen.add(path)
        made = read_made(path)
        for references in made["inputs"].values():
            for entry in references.values():
                name = str(entry["path"])
                beside = path.parent / name
                before = beside if (beside / MADE).is_file() else workspace.find(name)
                if before is not None:
                    follow(before)
        found.append(made)

    follow(artifact)
    return found
