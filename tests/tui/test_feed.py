from __future__ import annotations

import shutil
import threading
import time

from tests.tui.made import BEGAN, made, tell, trained
from tui.feed import ITEMS, MEMORY, Feed, Snapshot


def gathered(run, enough, seconds=120.0):
    """Snapshots until one of them is enough."""
    found: list[Snapshot] = []
    feed = Feed(run, found.append)
    feed.start()
    end = time.monotonic() + seconds
    while not (found and enough(found[-1])):
        assert time.monotonic() < end
        time.sleep(0.01)
    feed.close()
    return found


def test_every_event_is_handed_out_once_however_many_chunks_it_takes(tmp_path):
    run = made(tmp_path, [])
    tell(run, [("grpo", "log", {"text": str(number)}) for number in range(7000)], BEGAN + 1)
    found = gathered(run, lambda one: not one.behind)
    texts = [event.data["text"] for one in found for event in one.fresh if event.kind == "log"]
    assert texts == [str(number) for number in range(7000)]


def test_what_is_kept_is_bounded(tmp_path):
    run = made(tmp_path, trained(1500, state=None))
    newest = gathered(run, lambda one: not one.behind)[-1]
    assert len(newest.items) == ITEMS and len(newest.memory) == MEMORY
    assert newest.items[-1].data["step"] == 1500


def test_a_damaged_line_hides_nothing_else(tmp_path):
    run = made(tmp_path, [])
    with run.events.open("a") as file:
        file.write('{"seq": 1, "t": 1, "attempt": 1, "step": "x", "kind": "step.started", "data": {}}\nno json\n[]\n')
    tell(run, [("grpo", "log", {"text": "after"})], BEGAN + 5)
    newest = gathered(run, lambda one: any(event.data.get("text") == "after" for event in one.fresh))[-1]
    assert [step.name for step in newest.steps] == []


def test_a_deleted_run_is_let_go_of_and_its_folder_is_not_made_again(tmp_path):
    run = made(tmp_path, trained(3))
    feed = Feed(run, lambda _: None)
    feed.start()
    time.sleep(0.3)
    shutil.rmtree(run.path)
    feed._thread.join(60)
    assert not feed._thread.is_alive() and not run.path.exists()
    assert feed._thread not in threading.enumerate()


def test_a_run_that_dies_in_silence_is_told(tmp_path):
    run = made(tmp_path, trained(3, state=None))
    lock = run.lock()
    lock.acquire()
    found: list[Snapshot] = []
    feed = Feed(run, found.append)
    feed.start()
    end = time.monotonic() + 120
    while not found and time.monotonic() < end:
        time.sleep(0.01)
    assert found[-1].life in ("running", "stalled")
    lock.release()
    while found[-1].life != "died" and time.monotonic() < end:
        time.sleep(0.01)
    feed.close()
    assert found[-1].life == "died"
