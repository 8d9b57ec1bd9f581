"""A training of the GPT track in a real run: its worker is killed in the midst, and the run resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine.rows import Row, file_hash
from pipeline.engine.runs import Run
from pipeline.engine.view import RunView, view_of
from tests.training.rig import metrics

pytest.importorskip("transformers", reason="needs the extra `train`")

STEPS = 160
PATIENCE = 600.0
"""Seconds that anything may take on a machine that is busy elsewhere."""
PRESET = f"""
[steps.echo]
examples = 60

[steps.prepare]
tokenization = "bpe"
vocabulary = 320
block_size = 96

[steps.train]
n_layer = 1
n_head = 2
n_embd = 32
block_size = 96
max_iters = {STEPS}
batch_size = 4
learning_rate = 3e-3
warmup_iters = 5
dropout = 0.1
eval_interval = 80
eval_iters = 2
save_every = 20
epoch_seed = 4501
"""
"""About 54 episodes to train on, 4 a step: a dozen epochs, each in an order of its own; dropout, so that the random
state counts."""
KILLED_FROM = 50


def cli(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words, "--root", str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def begin(root: Path) -> Run:
    root.mkdir()
    (root / "chain.toml").write_text(PRESET, encoding="utf-8")
    return Run(
        root / "data" / "runs" / json.loads(cli(root, "run", str(root / "chain.toml"), "--detach", "--json"))["run"]
    )


def wait_for_end(run: Run) -> RunView:
    deadline = time.monotonic() + PATIENCE
    while run.is_alive() or view_of(run)[0].finished is None:
        assert time.monotonic() < deadline, run.log.read_text("utf-8")[-2000:]
        time.sleep(0.1)
    return view_of(run)[0]


def step_of(run: Run) -> int:
    """The last step of the training that was told of; 0: it has not begun."""
    train = view_of(run)[0].steps.get("train")
    return int(train.metrics.get("step", 0)) if train else 0


def kill_worker(run: Run) -> int:
    """SIGKILL to the training's process once KILLED_FROM steps are done; returns the last step that was told of."""
    deadline = time.monotonic() + PATIENCE
    while step_of(run) < KILLED_FROM:
        assert time.monotonic() < deadline, run.log.read_text("utf-8")[-2000:]
        time.sleep(0.02)
    workers = psutil.Process(view_of(run)[0].pid or 0).children(recursive=True)
    assert workers
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers, timeout=10)
    return step_of(run)


def result(view: RunView) -> tuple[str, list[Row]]:
    folder = Path(view.steps["train"].artifact)
    return file_hash(folder / "model.safetensors"), metrics(folder)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_worker_changes_neither_weights_nor_the_order_of_epochs(tmp_path: Path) -> None:
    run = begin(tmp_path / "killed")
    assert kill_worker(run) < STEPS
    died = wait_for_end(run)
    assert died.steps["train"].state == "failed" and "SIGKILL" in str(died.steps["train"].error)
    cli(run.root, "resume", run.id)
    resumed = wait_for_end(run)
    assert resumed.attempt == 2 and resumed.steps["prepare"].state == "cached"
    calm = begin(tmp_path / "calm")
    undisturbed = wait_for_end(calm)
    assert [view.steps["train"].state for view in (resumed, undisturbed)] == ["done", "done"]
    assert resumed.steps["train"].artifact.split("-")[-1] == undisturbed.steps["train"].artifact.split("-")[-1]
    assert result(resumed) == result(undisturbed)
    assert [row["step"] for row in result(resumed)[1]] == list(range(1, STEPS + 1))
