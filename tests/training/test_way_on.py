"""The runner, real workers and a training that fails in them: what it takes to come to an adapter all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import check
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run, create_run
from pipeline.engine.view import view_of
from tests.training.rig import inputs

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One step of SFT, and an Unsloth that ends the process that imports it."""
    package = tmp_path / "packages" / "unsloth"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os\n\nos.abort()\n", "utf-8")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=":")
    monkeypatch.setenv("ROOM", "1")
    given = inputs(tmp_path / "given")
    step = {
        "stage": "sft", "from": {"scores": str(given["scores"]), "model": str(given["model"])},
        "batch_size": 4, "gradient_accumulation": 1, "max_steps": 4, "save_every": 2, "max_seq_length": 512,
    }  # fmt: skip
    workspace = Workspace(tmp_path)
    return create_run(workspace, check({"steps": {"sft": step}}, CATALOG, workspace.kind_of), {})


def test_a_training_survives_unsloths_crash_and_two_lacks_of_memory(run: Run) -> None:
    assert Runner(run, replace(CATALOG, worker="tests.training.small_gpu")).drive() == 0
    view, _ = view_of(run)
    tries = [alert.data["text"] for alert in view.alerts if "Trying again" in alert.data["text"]]
    assert [text.partition(".")[0] for text in tries] == [
        "Unsloth took its process along before its first step was done",
        "Memory ran out in step 1: batch_size 4 -> 2, gradient_accumulation 1 -> 2",
        "Memory ran out in step 1: batch_size 2 -> 1, gradient_accumulation 2 -> 4",
    ]
    made = read_made(Path(view.steps["sft"].artifact))
    assert made["summary"]["backend"] == "standard" and made["summary"]["steps"] == 4
    assert (made["effective"]["batch_size"]["asked"], made["effective"]["batch_size"]["in_effect"]) == (4, 1)
    assert "SIGABRT" in made["effective"]["backend"]["why"] or "exit code" in made["effective"]["backend"]["why"]
