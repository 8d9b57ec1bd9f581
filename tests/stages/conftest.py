"""What several tests of stages start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.events import Emitter
from pipeline.engine.stage import Context
from pipeline.stages import prompts


@pytest.fixture(scope="package")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen prompts with a truth, three of each category."""
    out = tmp_path_factory.mktemp("prompts")
    config = prompts.Config(safety=3, complexity=3, dialogue=3, conflict=3, calibration=3)
    prompts.STAGE.run(Context(config=config, inputs={}, out=out, seed=7, emit=Emitter(lambda *_: None)))
    return out
