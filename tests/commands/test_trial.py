"""`plan --trial`: it measures, and leaves no trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.commands.trial import askers
from pipeline.providers.provider import ProviderSettings
from pipeline.stages import grpo, judge, sft
from tests.training.rig import inputs

PRESET = """
[steps.sft]
stage = "sft"
backend = "standard"
batch_size = 2
gradient_accumulation = 1
validation_share = 0
from = { scores = "given/scores", model = "given/model" }
[steps.merge]
stage = "merge"
from = { adapter = "sft", model = "given/model" }
[steps.grpo]
stage = "grpo"
backend = "standard"
batch_size = 4
gradient_accumulation = 1
max_completion_length = 16
num_iterations = 2
epochs = 4
from = { prompts = "given/prompts", model = "given/model" }
[steps.later]
stage = "grpo"
from = { prompts = "given/prompts", model = "merge" }
"""


HEEDFUL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
"""
"""The command where tests run in the background of a shell, whose children are deaf to Ctrl-C."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    inputs(root / "given")
    (root / "mine.toml").write_text(PRESET, "utf-8")
    return root


def command(root: Path, *words: str, preset: str = "mine") -> list[str]:
    return [sys.executable, "-m", "pipeline", "plan", str(root / f"{preset}.toml"), "--root", str(root), *words]


def environment(scratch: Path) -> dict[str, str]:
    """What has temporary folders made in `scratch`, on every system."""
    scratch.mkdir(exist_ok=True)
    return {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}


def everything(root: Path) -> set[Path]:
    return set(root.rglob("*"))


@pytest.mark.slow
def test_it_foretells_the_time_of_what_can_be_trained_and_leaves_no_trace(root: Path, tmp_path: Path) -> None:
    before = everything(root)
    done = subprocess.run(
        command(root, "--trial", "6", "--json"), env=environment(tmp_path / "scratch"),
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {entry["step"]: entry["findings"] for entry in json.loads(done.stdout)["steps"]}
    data = {step: {k: v for entry in each for k, v in entry["data"].items()} for step, each in found.items()}
    sft, grpo = data["sft"]["time"], data["grpo"]["time"]
    assert (sft["tried"], sft["left_out"], sft["steps"]) == (6, 3, 21), "14 rows, 2 a step, 3 epochs"
    assert sft["seconds"] == pytest.approx(sft["startup"] + 21 * sft["seconds_a_step"], rel=0.01)
    assert (grpo["tried"], grpo["left_out"], grpo["steps"]) == (6, 4, 40), "two steps share their completions"
    assert 0 < grpo["generate"] < grpo["seconds_a_step"] and grpo["seconds_at_most"] >= grpo["seconds"]
    assert data["sft"]["measured"]["process"] > data["sft"]["total"] == data["sft"]["measured"]["estimated"]
    assert "No trial: merge is not made yet" in found["later"][-1]["text"]
    assert everything(root) == before
    assert not list((tmp_path / "scratch").glob("trial-*"))


def test_what_cannot_be_tried_yet_is_said(root: Path) -> None:
    (root / "early.toml").write_text("[steps.prompts]\n[steps.base]\n[steps.grpo]\n", "utf-8")
    done = subprocess.run(
        command(root, "--trial", "2", preset="early"), capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "grpo: No trial: prompts and base are not made yet. Run as far as that first: --until base" in done.stdout


def test_a_provider_that_may_cost_money_is_seen() -> None:
    remote = ProviderSettings(kind="openai", model="m", base_url="http://127.0.0.1:1")
    assert askers(judge.Config(judge=remote)) == ["judge"]
    assert askers(judge.Config()) == askers(sft.Config()) == askers(grpo.Config()) == []


def test_a_reward_that_a_judge_gives_is_tried_with_the_embedded_one() -> None:
    remote = ProviderSettings(kind="openai", model="m", base_url="http://127.0.0.1:1")
    config = grpo.Config(scorers={"judge": 1.0, "distilled": 0.5}, judge=remote, heldout_scorer="offline")
    trial = grpo.trial(config, 5)
    assert askers(config) == ["judge"] and askers(trial.config) == []
    assert grpo.Config.model_validate(trial.config.model_dump(mode="json")).asked == {"offline"}
    assert "what the judge takes" in trial.beside


def test_it_needs_steps(root: Path) -> None:
    done = subprocess.run(command(root, "--trial", "0"), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "trial" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_takes_the_child_and_the_folder_along(root: Path, tmp_path: Path) -> None:
    scratch, (python, _, _, *words) = tmp_path / "scratch", command(root, "--trial", "5000")
    running = subprocess.Popen(
        [python, "-c", HEEDFUL, *words], env=environment(scratch), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(lambda: any(log.stat().st_size for log in scratch.glob("trial-*/out/metrics.jsonl")))
    (child,) = psutil.Process(running.pid).children()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode not in (0, None)
    assert not list(scratch.glob("trial-*"))
    wait_for(lambda: not child.is_running())


def wait_for(true: Any, seconds: float = 120) -> None:
    late = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < late
        time.sleep(0.1)


@pytest.mark.slow
def test_memory_that_runs_out_is_what_a_trial_is_for(root: Path, tmp_path: Path) -> None:
    """A torch that has no room for the adapter's first step, in the child alone."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import sys\n"
        "if any(word.startswith('pipeline.worker') for word in sys.orig_argv):\n"
        "    import torch\n"
        "    def step(self, *_, **__): raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')\n"
        "    torch.optim.AdamW.step = step\n",
        "utf-8",
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command(root, "--trial", "2", "--json"), env={**environment(tmp_path / "scratch"), "PYTHONPATH": path},
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {entry["step"]: entry["findings"][-1] for entry in json.loads(done.stdout)["steps"]}
    assert "The trial ran out of memory" in found["sft"]["text"] and found["sft"]["level"] == "warning"
    assert "batch_size 2 -> 1" in found["sft"]["text"] and "by itself" in found["sft"]["mend"]
    assert not list((tmp_path / "scratch").glob("trial-*"))
