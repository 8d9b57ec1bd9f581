"""What can be known of all steps before the first one runs: what `plan` shows and `run` asks before it starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import RunConfig
from pipeline.engine.errors import ConfigError
from pipeline.engine.memory import read_size
from pipeline.engine.planner import Planned, chosen
from pipeline.engine.presets import nearest
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate import disk, gpus


def look_ahead(
    workspace: Workspace, config: RunConfig, options: Mapping[str, Any], gpu: int | None = None
) -> tuple[list[Planned], Finding]:
    """The steps that `options` leave, with what each finds, and the disk that they need together."""
    planned = chosen(planner.plan(config, workspace), dict(options))
    planner.inspect(planned, config, workspace, gpu)
    found = [
        (entry.step.name, entry.step.stage.makes, {key: value for f in entry.findings for key, value in f.data.items()})
        for entry in planned
        if entry.state != "cached"
    ]
    return planned, disk.in_all(found, shutil.disk_usage(workspace.root).free)


def read_gpu(text: str, root: Path) -> tuple[int, str]:
    """Bytes of a GPU, and its name where the table of rents has it: of "16GB", or of "RTX 4090". Raises ConfigError."""
    known = gpus.read_gpus(root)
    for name, gpu in known.items():
        if name.casefold() == text.strip().casefold():
            return gpu.memory * 2**30, name
    try:
        return read_size(text), ""
    except ConfigError:
        what = f"--gpu: {text[:40]!r} is no size, and {gpus.FILE} has no GPU of that name{nearest(text, known) or '.'}"
        raise ConfigError(what, "", f"Write a size, as 16GB, or one of {', '.join(known)}.") from None


def rented(config: RunConfig, name: str) -> Iterator[str]:
    """Overrides by which every step that reckons hours and money does so for the GPU of that name."""
    return (f"{step.name}.gpu={name}" for step in config.steps if "gpu" in type(step.settings).model_fields)
