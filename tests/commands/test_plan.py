"""`plan --gpu`, as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.rig import inputs

PRESET = """
[steps.sft]
stage = "sft"
backend = "standard"
from = { scores = "given/scores", model = "given/model" }
[steps.merge]
stage = "merge"
from = { adapter = "sft", model = "given/model" }
[steps.grpo]
stage = "grpo"
from = { prompts = "given/prompts", model = "merge" }
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    inputs(root / "given")
    (root / "mine.toml").write_text(PRESET, "utf-8")
    return root


def plan(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "plan", str(root / "mine.toml"), "--root", str(root), *words],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip


def memory(done: subprocess.CompletedProcess[str], step: str) -> dict[str, Any]:
    steps = {entry["step"]: entry for entry in json.loads(done.stdout)["steps"]}
    (found,) = [finding for finding in steps[step]["findings"] if finding["text"].lower().startswith("memory")]
    return dict(found)


def test_a_named_gpu_is_what_the_plan_reckons_with(root: Path) -> None:
    done = plan(root, "--gpu", "16GB", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = memory(done, "sft")
    assert found["level"] == "note"
    assert found["data"]["device"] == {"name": "a GPU of 16 GiB", "bytes": 16 * 2**30}
    later = memory(done, "grpo")["data"]
    assert later["total"] > 2**30, "the model to come has the shape of the one that it is merged from"


def test_one_that_is_too_small_is_a_warning_and_no_fault(root: Path) -> None:
    done = plan(root, "--gpu", "0.5GB", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = memory(done, "sft")
    assert (found["level"], found["data"]["fits"]) == ("warning", False)


def test_what_is_no_gpu_ends_it(root: Path) -> None:
    done = plan(root, "--gpu", "RTX 480")
    assert done.returncode == 2
    assert "'RTX 480' is no size, and gpus.toml has no GPU of that name; did you mean `RTX 4080`?" in done.stderr
    assert "Write a size, as 16GB, or one of A100," in done.stderr
