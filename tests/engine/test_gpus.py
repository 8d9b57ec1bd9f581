from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from pipeline.engine import gpus
from pipeline.engine.errors import StopRequested
from pipeline.engine.events import Event, Tail
from pipeline.engine.gpus import GpuTurn
from pipeline.engine.runner import STOPPED, Runner
from pipeline.engine.runs import Run
from pipeline.engine.view import fold, view_of
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG

HEAVY = dataclasses.replace(CATALOG, gpu=frozenset({"toy"}))


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "gpu_uuids", lambda: ["GPU-a1", "GPU-b2"])
    monkeypatch.setattr(gpus, "POLL", 0.02)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def events(run: Run) -> list[Event]:
    return Tail(run.events).read()


def together(*runs: Run, share: bool = False) -> None:
    """Drive them at once; a later one begins when the one before has begun its heavy step."""
    threads = []
    for run in runs:
        threads.append(threading.Thread(target=Runner(run, HEAVY, share).drive))
        threads[-1].start()
        until = time.monotonic() + 120
        while not any(event.step == "sum" for event in events(run)) and time.monotonic() < until:
            time.sleep(0.01)
    for thread in threads:
        thread.join()


def busy(run: Run) -> tuple[float, float]:
    """When its heavy step began and ended."""
    own = [event for event in events(run) if event.step == "sum"]
    times = {event.kind: event.t for event in own}
    return times["step.started"], times["step.finished"]


@pytest.mark.usefixtures("one_gpu")
def test_the_second_run_waits_for_the_gpu_and_says_so(begin: Begin) -> None:
    first, second = begin("sum.pause=0.8"), begin("sum.pause=0.1", "sum.times=2")
    together(first, second)
    assert busy(second)[0] >= busy(first)[1]
    waits = [event for event in events(second) if event.kind == "wait"]
    assert [event.data["reason"] for event in waits] == [f"GPU 0 is in use by {first.id}"]
    assert waits[0].step == "sum" and view_of(second)[1] == "done"
    assert not [event for event in events(first) if event.kind == "wait"]
    locks = first.root / "data" / "locks"
    assert not (locks / "gpu-0.holder").exists() and not list((locks / "gpu-0.queue").iterdir())


@pytest.mark.usefixtures("one_gpu")
def test_two_runs_share_a_gpu_where_a_person_says_so(begin: Begin) -> None:
    first, second = begin("sum.pause=0.8"), begin("sum.pause=0.1", "sum.times=2")
    together(first, second, share=True)
    assert busy(second)[0] < busy(first)[1]


def test_without_a_gpu_nobody_waits(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "gpu_uuids", list)
    first, second = begin("sum.pause=0.8"), begin("sum.pause=0.1", "sum.times=2")
    together(first, second)
    assert busy(second)[0] < busy(first)[1]


@pytest.mark.usefixtures("one_gpu")
def test_a_failed_run_gives_the_gpu_back(begin: Begin) -> None:
    assert Runner(begin("sum.trouble=raise"), HEAVY).drive() == 1
    after = begin("sum.times=3")
    assert Runner(after, HEAVY).drive() == 0
    assert not [event for event in events(after) if event.kind == "wait"]


@pytest.mark.usefixtures("one_gpu")
def test_a_step_tried_again_in_a_fresh_process_has_its_turn_again(begin: Begin) -> None:
    run = begin("sum.trouble=fresh")
    assert Runner(run, HEAVY).drive() == 0


@pytest.mark.usefixtures("one_gpu")
def test_a_run_that_waits_can_be_stopped(begin: Begin) -> None:
    holder = GpuTurn(begin())
    holder.take(print, lambda: None)
    run = begin()
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(Runner(run, HEAVY).drive()))
    thread.start()
    until = time.monotonic() + 120
    while not any(event.kind == "wait" for event in events(run)) and time.monotonic() < until:
        time.sleep(0.01)
    assert view_of(run)[1] == "waiting"
    run.ask_stop()
    thread.join(120)
    holder.give_back()
    assert codes == [STOPPED]


@pytest.mark.usefixtures("one_gpu")
def test_who_asked_first_is_next_and_the_dead_are_passed_over(begin: Begin, tmp_path: Path) -> None:
    holder, dead, living, last = begin(), begin(), begin(), begin()
    turn = GpuTurn(holder)
    turn.take(print, lambda: None)
    queue = tmp_path / "data" / "locks" / "gpu-0.queue"
    (queue / f"{1:020}-{dead.id}").touch()
    (queue / f"{2:020}-{living.id}").touch()
    heard: list[str] = []

    def give_up() -> None:
        raise StopRequested

    with living.lock():
        turn.give_back()
        with pytest.raises(StopRequested):
            GpuTurn(last).take(heard.append, give_up)
    assert heard == ["GPU 0 is in use; before this run, 1 more"]
    assert [path.name for path in queue.iterdir()] == [f"{2:020}-{living.id}"]
    mine = GpuTurn(last)
    mine.take(heard.append, give_up)  # the one before has died meanwhile
    mine.give_back()
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("visible", "gpu"),
    [(None, 0), ("1", 1), ("1,0", 1), ("GPU-b", 1), ("", None), ("-1", None), ("7", None), ("nonsense", None)],
)
@pytest.mark.usefixtures("one_gpu")
def test_the_gpu_is_the_first_visible_one(
    visible: str | None, gpu: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.present_gpu() == gpu


def test_a_step_that_begins_waits_no_longer() -> None:
    wait = Event(1, 1.0, 1, "sum", "wait", {"reason": "the GPU", "until": None})
    started = Event(2, 2.0, 1, "sum", "step.started", {"stage": "sum", "artifact": "x"})
    assert fold([wait]).waiting and not fold([wait, started]).waiting
