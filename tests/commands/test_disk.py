from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import disk
from pipeline.engine.artifacts import MAKING, Workspace, commit, verify
from pipeline.engine.errors import Busy


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An adapter with a checkpoint, one without, and one that is not finished."""
    for name in ("sft-kept", "sft-bare", "sft-begun"):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "adapter.safetensors").write_bytes(b"12345")
        if name != "sft-bare":
            (folder / "checkpoints" / "checkpoint-4").mkdir(parents=True)
            (folder / "checkpoints" / "checkpoint-4" / "optimizer.pt").write_bytes(b"1" * 1000)
        if name == "sft-begun":
            (folder / MAKING).write_text("{}", "utf-8")
        else:
            commit(folder, {"kind": "adapter", "inputs": {}})
    return Workspace(tmp_path)


def test_clean_removes_the_checkpoints_of_finished_artifacts_alone(workspace: Workspace) -> None:
    entries = {entry["artifact"]: entry for entry in disk.usage(workspace)}
    assert {name: entry["checkpoints"] for name, entry in entries.items()} == {
        "sft-kept": 1000, "sft-bare": 0, "sft-begun": 1000,
    }  # fmt: skip
    assert entries["sft-kept"]["bytes"] > 1005
    asked = CliRunner().invoke(app, ["clean", "--checkpoints", "--root", str(workspace.root)], input="n\n")
    assert "Remove the checkpoints of 1 artifacts" in asked.output
    kept = workspace.root / "models" / "sft-kept"
    assert (kept / "checkpoints").exists(), "no is an answer"
    done = CliRunner().invoke(app, ["clean", "--checkpoints", "--yes", "--json", "--root", str(workspace.root)])
    assert {entry["artifact"] for entry in json.loads(done.output)} == set(entries)
    assert not (kept / "checkpoints").exists() and (workspace.root / "models" / "sft-begun" / "checkpoints").exists()
    verify(kept)


def test_what_is_being_made_keeps_its_checkpoints(workspace: Workspace) -> None:
    entries = disk.kept(disk.usage(workspace))
    with workspace.lock(workspace.root / "models" / "sft-kept"), pytest.raises(Busy, match="sft-kept is being made"):
        disk.remove_checkpoints(workspace, entries)
