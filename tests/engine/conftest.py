from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import check
from pipeline.engine.presets import apply_overrides
from pipeline.engine.runs import Run, create_run
from tests.engine.toy import CATALOG

Begin = Callable[..., Run]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def begin(workspace: Workspace) -> Begin:
    """Creates a run of the toy steps `count -> sum`, changed by `step.key=value` words."""

    def create(*overrides: str, steps: dict[str, Any] | None = None, **options: Any) -> Run:
        tree = {"preset": "toy", "seed": 7, "steps": steps or {"count": {}, "sum": {}}}
        apply_overrides(tree, overrides)
        return create_run(workspace, check(tree, CATALOG, workspace.kind_of), options)

    return create
