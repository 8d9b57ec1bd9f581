"""`extend`: a run of SFT, real workers and all, trained for longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.catalog import CATALOG
from pipeline.commands.extension import extended
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import check
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import Tree
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run, create_run
from pipeline.engine.view import view_of
from tests.training.rig import inputs

SMALL = {
    "backend": "standard", "batch_size": 2, "gradient_accumulation": 2, "save_every": 2, "max_seq_length": 512,
    "scheduler": "constant", "learning_rate": 1e-2,
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def begin(workspace: Workspace, tree: Tree) -> Run:
    return create_run(workspace, check(tree, CATALOG, workspace.kind_of), {})


def tree_of(workspace: Workspace, steps: int) -> Tree:
    given = inputs(workspace.root / "given")
    wiring = {"scores": str(given["scores"]), "model": str(given["model"])}
    return {"steps": {"sft": {"stage": "sft", "from": wiring, "name": f"of-{steps}", "max_steps": steps, **SMALL}}}


def artifact(run: Run) -> Path:
    return Path(view_of(run)[0].steps["sft"].artifact)


@pytest.mark.slow
def test_a_run_extended_equals_an_undisturbed_one(workspace: Workspace) -> None:
    first = begin(workspace, tree_of(workspace, 3))
    assert Runner(first, CATALOG).drive() == 0
    longer = begin(workspace, extended(workspace, first, "sft", 3))
    assert Runner(longer, CATALOG).drive() == 0
    whole = begin(workspace, tree_of(workspace, 6))
    assert Runner(whole, CATALOG).drive() == 0
    weights = [(artifact(run) / "adapter_model.safetensors").read_bytes() for run in (first, longer, whole)]
    assert weights[0] != weights[1] == weights[2]
    made = read_made(artifact(longer))
    assert made["inputs"]["extends"] == {
        artifact(first).name: {
            "path": artifact(first).name,
            "fingerprint": read_made(artifact(first))["fingerprint"],
            "digest": read_made(artifact(first))["digest"],
        }
    }
    assert made["summary"]["steps"] == 6
    again = begin(workspace, extended(workspace, longer, "sft", 1))
    assert again.tree()["steps"]["sft"]["from"]["extends"] == artifact(longer).name, "a chain has one link a run"
    assert again.tree()["steps"]["sft"]["max_steps"] == 7


def test_what_cannot_be_extended_is_said(workspace: Workspace) -> None:
    tree = tree_of(workspace, 3)
    tree["steps"] = {"prompts": {}, **tree["steps"]}
    run = begin(workspace, tree)
    with pytest.raises(ConfigError, match="There is no step `sfd`; did you mean `sft`"):
        extended(workspace, run, "sfd", 3)
    with pytest.raises(ConfigError, match="does not train by steps"):
        extended(workspace, run, "prompts", 3)
    with pytest.raises(ConfigError, match="`sft` is not done"):
        extended(workspace, run, "sft", 3)
