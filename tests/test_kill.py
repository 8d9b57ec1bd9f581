"""Preset `nano`, killed at twenty random moments and resumed: the same bytes as a run that nobody disturbed."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine.events import Tail
from pipeline.engine.rows import content_hash, file_hash, read_rows
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of

pytest.importorskip("trl", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `gguf`")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = 20


def cli(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words, "--root", str(root)], capture_output=True, text=True, check=False
    )


def begin(root: Path) -> Run:
    root.mkdir()
    done = cli(root, "run", "nano", "--detach", "--json")
    assert done.returncode == 0, done.stderr
    return Run(root / "data" / "runs" / json.loads(done.stdout)["run"])


def processes(run: Run) -> list[psutil.Process]:
    """The runner, then its workers; empty when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        runner = psutil.Process(view_of(run)[0].pid or 0)
        if run.is_alive():
            return [runner, *runner.children(recursive=True)]
    return []


def resume(run: Run) -> None:
    """Start the next attempt, and wait for its first event."""
    assert not run.is_alive()
    attempts = view_of(run)[0].attempt
    done = cli(run.root, "resume", run.id, "--detach")
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 60
    while view_of(run)[0].attempt == attempts:
        assert time.monotonic() < deadline, run.log.read_text("utf-8")[-2000:]
        time.sleep(0.1)


def kill_at_random(run: Run, chance: random.Random) -> list[psutil.Process]:
    """Wait a while, kill the runner, the worker or both; returns what lived."""
    time.sleep(chance.uniform(1.0, 22.0))
    living = processes(run)
    victims = {"runner": living[:1], "worker": living[1:], "both": living}[chance.choice(["runner", "worker", "both"])]
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return living


def content(run: Run) -> dict[str, dict[str, str]]:
    """Step -> file -> hash, of everything that must not depend on what happened on the way.

    A GGUF file names the run that made its model: that name, and nothing else, is set aside.
    """
    found: dict[str, dict[str, str]] = {}
    for step in view_of(run)[0].steps.values():
        files = Path(step.artifact).glob("*")
        found[step.name] = {
            file.name: content_hash(file.read_bytes().replace(run.id.encode(), b"").hex())
            if file.suffix == ".gguf"
            else file_hash(file)
            for file in files
            if file.suffix in (".safetensors", ".gguf") or file.name == "rows.jsonl"
        }
    return found


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    chance = random.Random(20)
    run = begin(tmp_path / "killed")
    kills = 0
    while kills < KILLS:
        living = kill_at_random(run, chance)
        if living:
            kills += 1
            _, orphans = psutil.wait_procs(living[1:], timeout=5)
            assert not [orphan for orphan in orphans if not living[0].is_running()], "a worker outlived its runner"
            psutil.wait_procs(living[:1], timeout=30)
        if view_of(run)[1] == "done":
            # The rest of the kills fall on a second run that makes all of it anew.
            run = begin(tmp_path / f"killed-{kills}")
            continue
        resume(run)
    while run.is_alive():
        time.sleep(0.5)
    assert view_of(run)[1] == "done", run.log.read_text("utf-8")[-2000:]

    calm = begin(tmp_path / "calm")
    while calm.is_alive() or view_of(calm)[0].finished is None:
        time.sleep(0.5)
    assert content(run) == content(calm)
    assert {"rows.jsonl", "adapter_model.safetensors"} <= {name for files in content(run).values() for name in files}
    events = Tail(run.events).read()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for step in ("prompts", "traces", "judge", "answers_base", "evaluate"):
        ids = [row["id"] for row in read_rows(Path(view_of(run)[0].steps[step].artifact) / "rows.jsonl")]
        assert len(ids) == len(set(ids)) > 0


def test_two_runs_that_need_the_same_artifacts(tmp_path: Path) -> None:
    """One makes, the other waits, with the real stages."""
    codes: list[int] = []
    words = ["run", "nano", "--until", "base"]
    threads = [threading.Thread(target=lambda: codes.append(cli(tmp_path, *words).returncode)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert codes == [0, 0]
    runs = [Run(path) for path in (tmp_path / "data" / "runs").iterdir()]
    assert sorted(view_of(run)[0].steps["base"].state for run in runs) == ["cached", "done"]
