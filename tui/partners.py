"""Whom a person may talk to: every GGUF that a run exported, and every server that a preset names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engine import presets
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.errors import PipelineError


@dataclass(frozen=True)
class Partner:
    label: str
    load: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the command `load`."""


def partners(workspace: Workspace, folders: Iterable[Path]) -> list[Partner]:
    """Files, the newest first, then servers. What cannot be read is nobody to talk to."""
    return [*files(workspace), *servers(folders)]


def files(workspace: Workspace) -> list[Partner]:
    found: list[tuple[float, Path]] = []
    for artifact in workspace.artifacts():
        try:
            if read_made(artifact)["kind"] == "gguf":
                found += [(path.stat().st_mtime, path) for path in artifact.glob("*.gguf")]
        except (PipelineError, OSError, KeyError, TypeError):
            continue  # half made, or being deleted
    return [
        Partner(f"{path.parent.name}/{path.name}", {"model": str(path)})
        for _, path in sorted(found, key=lambda entry: (-entry[0], entry[1].name))
    ]


def servers(folders: Iterable[Path]) -> list[Partner]:
    found: dict[str, Partner] = {}
    kept = list(folders)
    for preset in sorted(presets.preset_files(kept)):
        try:
            table = presets.compose(preset, kept).get("providers", {})
        except (PipelineError, OSError):
            continue
        for name, provider in table.items() if isinstance(table, dict) else ():
            if isinstance(provider, dict) and provider.get("kind") == "openai":
                label = f"{provider.get('model', '?')} at {provider.get('base_url', name)} ({preset}, {name})"
                found[label] = Partner(label, {"server": name, "preset": preset})
    return list(found.values())


def named(text: str) -> Partner | None:
    """Of what a person typed: a file or an artifact, or a server's address and its model."""
    words = text.split()
    if not words:
        return None
    if "://" in words[0]:
        return Partner(f"{' '.join(words[1:])} at {words[0]}", {"server": words[0], "model": " ".join(words[1:])})
    path = Path(text.strip()).expanduser()
    return Partner(path.name, {"model": str(path)})
