"""What can be known of all steps before the first one runs: what `plan` shows and `run` asks before it starts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import RunConfig
from pipeline.engine.planner import Planned, chosen
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate import disk


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
