"""Steps over several ranks, started by accelerate as a training is, but with nothing to train."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.engine import children
from pipeline.engine.events import Tail
from pipeline.engine.rows import read_json
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG


def drive(run: Run) -> int:
    return Runner(run, CATALOG).drive()


def error(run: Run) -> dict[str, Any]:
    finished = view_of(run)[0].finished
    assert finished is not None
    return dict(finished["error"])


def wait_for(there: Callable[[], bool], seconds: float = 60) -> None:
    late = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < late
        time.sleep(0.05)


def begun(run: Run) -> bool:
    """Whether both ranks are at work."""
    return len(list(run.root.glob("data/together-*/?.json"))) == 2


def test_the_first_of_two_ranks_speaks_and_steps_share_them(begin: Begin) -> None:
    run = begin(steps={"a": {"stage": "together"}, "b": {"stage": "together", "pause": 0.1, "trouble": "none"}})
    assert drive(run) == 0
    steps = view_of(run)[0].steps
    assert steps["a"].summary == {"rank": 0, "world": 2, "pid": steps["b"].summary["pid"]}
    told = [event.data["text"] for event in Tail(run.events).read() if event.kind == "log"]
    assert [text for text in told if "rank" in text] == ["told by rank 0"] * 2
    printed = run.log.read_text("utf-8")
    assert "[rank0]:said by rank 0" in printed and "[rank1]:said by rank 1" in printed


@pytest.mark.slow
def test_steps_of_another_number_of_devices_do_not_share_a_process(begin: Begin) -> None:
    run = begin(steps={"count": {}, "sum": {}, "together": {}, "again": {"stage": "sum", "times": 2}})
    assert drive(run) == 0
    steps = view_of(run)[0].steps
    assert len({steps[name].summary["pid"] for name in ("sum", "together", "again")}) == 3


def test_what_a_rank_raises_ends_the_step_with_its_words(begin: Begin) -> None:
    run = begin(steps={"together": {"trouble": "raise", "pause": 600.0}})
    assert drive(run) == 1
    assert error(run)["what"] == "Rank 1 of 2: ValueError: no such luck"


@pytest.mark.slow
def test_any_rank_may_ask_for_fresh_processes(begin: Begin) -> None:
    run = begin(steps={"together": {"trouble": "fresh", "pause": 1.0}})
    assert drive(run) == 0
    assert view_of(run)[0].alerts[0].data["text"] == "spoilt for a reason Trying again in a fresh process."


def test_a_killed_rank_ends_the_step_with_its_last_words(begin: Begin) -> None:
    run = begin(steps={"together": {"trouble": "kill", "pause": 600.0}})
    assert drive(run) == 1
    told = error(run)
    assert told["what"] == "Rank 1 of 2 died: killed by SIGKILL."
    assert told["why"] == "Its last lines:\n  said by rank 1"
    events = Tail(run.events).read()
    spoke = next(event.t for event in events if event.data.get("text") == "told by rank 0")
    assert events[-1].t - spoke < 20


@pytest.mark.slow
def test_a_rank_that_does_not_come_to_its_end_is_named(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "SETTLE_SECONDS", 0.5)
    run = begin(steps={"together": {"trouble": "linger"}})
    assert drive(run) == 1
    assert error(run)["what"] == "Rank 1 of 2 did not come to an end."
    last = int(read_json(next(run.root.glob("data/together-*/1.json")))["pid"])
    wait_for(lambda: not psutil.pid_exists(last), 5)


@pytest.mark.parametrize("started", [False, True])
def test_all_ranks_and_the_launcher_end_with_the_runner(begin: Begin, started: bool) -> None:
    run = begin(steps={"together": {"pause": 600.0}})
    with run.log.open("ab") as log:
        runner = subprocess.Popen([sys.executable, "-m", "tests.engine.toy", str(run.path)], stdout=log, stderr=log)
    process = psutil.Process(runner.pid)
    wait_for(lambda: begun(run) if started else bool(process.children()))
    time.sleep(0 if started else 1)
    family = process.children(recursive=True)
    assert len(family) == 3 if started else family
    runner.kill()
    runner.wait()
    _, alive = psutil.wait_procs(family, timeout=60)  # the 5 s of a quiet machine are for the slow tests
    assert not alive


@pytest.mark.slow
def test_a_stop_ends_all_ranks(begin: Begin) -> None:
    run = begin(steps={"together": {"pause": 600.0}})
    thread = threading.Thread(target=drive, args=(run,))
    thread.start()
    wait_for(lambda: begun(run))
    run.ask_stop()
    thread.join(timeout=60)
    assert view_of(run)[1] == "stopped"


def test_a_world_of_another_size_is_an_error(begin: Begin, tmp_path: Path) -> None:
    file = tmp_path / "cpu.yaml"
    file.write_text("distributed_type: 'NO'\nuse_cpu: true\nnum_processes: 2\n", "utf-8")
    run = begin(steps={"together": {"file": str(file)}})
    assert drive(run) == 2
    told = error(run)
    assert told["what"] == "1 process would train together, and devices = 2."
    assert str(file) in told["why"] and "Set devices = 1" in told["mend"]


def test_ranks_in_the_environment_of_a_single_process_are_an_error(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "0")
    run = begin()
    assert drive(run) == 2
    assert "one of 4, and devices = 1" in error(run)["what"]


@pytest.mark.slow
def test_a_default_config_of_accelerate_changes_nothing(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home" / "accelerate"
    folder.mkdir(parents=True)
    mine = ["distributed_type: FSDP", "num_machines: 2", "num_processes: 16", "machine_rank: 1", "gpu_ids: '3'"]
    (folder / "default_config.yaml").write_text("\n".join(mine), "utf-8")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    run = begin(steps={"together": {}})
    assert drive(run) == 0
    assert view_of(run)[0].steps["together"].summary["world"] == 2


@pytest.mark.slow
def test_other_machines_are_waited_for_and_take_part(begin: Begin, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "nodes.yaml"
    settings = [
        "distributed_type: MULTI_GPU", "num_machines: 2", "num_processes: 2", "machine_rank: 0", "gpu_ids: all",
        "main_process_ip: 127.0.0.1", f"main_process_port: {port}", "same_network: true",
    ]  # fmt: skip
    file.write_text("\n".join(settings), "utf-8")
    run = begin(steps={"together": {"file": str(file), "machines": 2}})
    thread = threading.Thread(target=drive, args=(run,))
    thread.start()
    wait_for(lambda: any(event.kind == "wait" for event in Tail(run.events).read()))
    [reason] = [event.data["reason"] for event in Tail(run.events).read() if event.kind == "wait"]
    words = reason.partition("accelerate launch ")[2].replace("NUMBER", "1").split()
    other = subprocess.run([sys.executable, "-m", "accelerate.commands.launch", *words], timeout=300)
    thread.join(timeout=120)
    assert other.returncode == 0
    assert view_of(run)[1] == "done" and begun(run)
    assert view_of(run)[0].steps["together"].summary["world"] == 2


@pytest.mark.slow
def test_a_stop_is_heard_while_other_machines_are_waited_for(begin: Begin, tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text("distributed_type: MULTI_GPU\nnum_machines: 2\nmain_process_ip: 127.0.0.1\n", "utf-8")
    run = begin(steps={"together": {"file": str(file), "machines": 2}})
    thread = threading.Thread(target=drive, args=(run,))
    thread.start()
    wait_for(lambda: any(event.kind == "wait" for event in Tail(run.events).read()))
    run.ask_stop()
    thread.join(timeout=60)
    assert view_of(run)[1] == "stopped"
