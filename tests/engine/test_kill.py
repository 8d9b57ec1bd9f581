"""SIGKILL at random moments, the runner, the worker or both: nothing is lost, doubled or left running."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine.events import Tail
from pipeline.engine.rows import read_rows
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from tests.engine.conftest import Begin

STEPS = {
    "count": {"count": 60, "pause": 0.01},
    "sum": {"pause": 0.5},
    "again": {"stage": "sum", "times": 2, "pause": 0.5},
}


def start(run: Run) -> subprocess.Popen[bytes]:
    run.stop_file.unlink(missing_ok=True)
    with run.log.open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "tests.engine.toy", str(run.path)], stdout=log, stderr=log)


def kill(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).kill()


@pytest.mark.parametrize("victim", ["runner", "worker", "both"])
def test_killed_and_resumed_equals_undisturbed(begin: Begin, victim: str) -> None:
    chance = random.Random(f"kill {victim}")
    run = begin(steps=STEPS)
    orphans: list[psutil.Process] = []
    for _ in range(4):
        process = start(run)
        time.sleep(chance.uniform(0.3, 2.0))
        with contextlib.suppress(psutil.NoSuchProcess):
            orphans += psutil.Process(process.pid).children(recursive=True)
        if victim != "runner":
            for child in orphans:
                kill(child.pid)
        if victim != "worker":
            process.kill()
        process.wait(timeout=120)
    _, alive = psutil.wait_procs(orphans, timeout=60)  # the 5 s of a quiet machine are for the slow tests
    assert not alive, "a worker outlived its runner"
    assert start(run).wait(timeout=300) == 0
    rows = list(read_rows(Path(view_of(run)[0].steps["count"].artifact) / "rows.jsonl"))
    assert rows == [{"id": str(number), "square": number**2 + 7} for number in range(60)]
    events = Tail(run.events).read()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert view_of(run)[1] == "done"


def test_a_run_whose_process_is_gone_is_seen_as_died(begin: Begin) -> None:
    run = begin(steps=STEPS)
    process = start(run)
    while "running" not in [step.state for step in view_of(run)[0].steps.values()]:
        time.sleep(0.05)
    assert view_of(run)[1] == "running" and view_of(run)[0].pid == process.pid
    os.kill(process.pid, 9) if os.name != "nt" else process.kill()
    process.wait()
    assert view_of(run)[1] == "died"
