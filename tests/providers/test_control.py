from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.engine.errors import StageFailed, StopRequested
from pipeline.providers.control import EXCHANGE, Controller, Ticket, _now
from pipeline.providers.control_limits import START, Limits


class Memory:
    """A store whose state has to be JSON, as a real one's has."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.state = json.dumps(limits.dump()) if limits else "null"
        self.shares = 0
        self.fault: Exception | None = None
        self._lock = threading.Lock()

    def share(
        self, account: str, in_flight: int, update: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> tuple[dict[str, Any], int]:
        assert account == "a" and in_flight >= 0
        if self.fault:
            raise self.fault
        with self._lock:
            self.shares += 1
            self.state = json.dumps(update(json.loads(self.state)))
            return json.loads(self.state), 0


def go_on() -> bool:
    return False


@contextmanager
def controller(store: Memory | None = None, workers: int = 64, **more: Any) -> Iterator[Controller]:
    made = Controller("a", store or Memory(), workers, **more)
    yield made
    made.close()


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.002)


def ask(control: Controller, seconds: float = 0.0, count: int = 1) -> list[float]:
    """`count` requests that take `seconds` each; when they were let go, by the controller's clock."""
    starts = []
    for _ in range(count):
        ticket = control.admit(go_on)
        starts.append(ticket.at)
        time.sleep(seconds)
        control.done(ticket, "ok")
    return starts


def test_no_more_are_in_flight_than_the_limit_and_an_answer_lets_the_next_one_go_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("EXCHANGE", "POLL"):  # only the answer itself can let the next one go
        monkeypatch.setattr(f"pipeline.providers.control.{name}", 3600.0)
    with controller() as control, ThreadPoolExecutor(8) as pool:
        held = [control.admit(go_on) for _ in range(START)]
        waiting = [pool.submit(control.admit, go_on) for _ in range(2)]
        time.sleep(0.1)
        assert control.in_flight == START
        assert not any(future.done() for future in waiting)
        control.done(held[0], "unused")
        until(lambda: any(future.done() for future in waiting))
        control.done(held[1], "unused")
        assert all(isinstance(future.result(60), Ticket) for future in waiting)
        assert control.in_flight == START


def test_workers_are_the_most_in_flight() -> None:
    with controller(workers=2) as control, ThreadPoolExecutor(8) as pool:
        held = [pool.submit(control.admit, go_on) for _ in range(4)]
        until(lambda: sum(future.done() for future in held) == 2)
        time.sleep(0.1)
        assert sum(future.done() for future in held) == control.in_flight == 2
        for future in held:
            control.done(future.result(60), "ok")


def test_threads_find_out_what_a_service_without_a_limit_takes() -> None:
    with controller() as control, ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda _: ask(control, 0.02, 25), range(64)))
        assert (control.limit, control.rate) == (64, None)
        assert [change.new for change in control.history] == sorted(change.new for change in control.history)
        assert (control.history[0].old, control.history[-1].new) == (START, 64)


def test_a_stop_is_seen_by_all_who_wait() -> None:
    stopped = threading.Event()

    def wait() -> float:
        with pytest.raises(StopRequested):
            control.admit(stopped.is_set)
        return time.monotonic()

    with controller() as control, ThreadPoolExecutor(32) as pool:
        held = [control.admit(go_on) for _ in range(START)]
        waiting = [pool.submit(wait) for _ in range(32)]
        time.sleep(0.1)
        began = time.monotonic()
        stopped.set()
        assert max(future.result(60) for future in waiting) - began < 10  # nothing else would ever end them
        for ticket in held:
            control.done(ticket, "unused")
        assert control.in_flight == 0


def test_a_refusal_holds_all_back_for_its_delay_and_is_told_once() -> None:
    told: list[tuple[str, float]] = []
    with controller(on_wait=lambda *wait: told.append(wait)) as control, ThreadPoolExecutor(16) as pool:
        tickets = [control.admit(go_on) for _ in range(3)]
        asked = _now()
        for ticket in tickets:
            control.done(ticket, "throttled", 0.6)
        refused = _now()
        starts = list(pool.map(lambda _: ask(control)[0], range(3)))
        assert min(starts) >= asked + 0.6
    ((reason, when),) = told
    assert "429" in reason
    assert asked + 0.6 <= when <= refused + 0.6


def test_a_long_wait_for_a_slot_is_told() -> None:
    told: list[tuple[str, float]] = []
    with controller(rate=0.1, on_wait=lambda *wait: told.append(wait)) as control, ThreadPoolExecutor(4) as pool:
        (began,) = ask(control)
        stopped = threading.Event()
        waiting = [pool.submit(control.admit, stopped.is_set) for _ in range(4)]
        until(lambda: told)
        time.sleep(0.6)
        stopped.set()
        assert all(isinstance(future.exception(60), StopRequested) for future in waiting)
    assert [reason for reason, _ in told] == ["paced at 6 requests a minute"]
    assert told[0][1] == pytest.approx(began + 10, abs=0.01)


def test_starts_keep_to_a_known_rate() -> None:
    with controller(rate=100.0) as control, ThreadPoolExecutor(16) as pool:
        starts = sorted(start for found in pool.map(lambda _: ask(control, 0.001, 10), range(16)) for start in found)
        assert control.rate == 100
    assert 1.3 < starts[-1] - starts[0] < 10, "a busy machine may take longer, never less"
    assert all(later - first > 0.05 for first, later in zip(starts, starts[15:], strict=False))


def test_two_controllers_on_one_account_keep_to_its_rate_together() -> None:
    store = Memory(Limits(limit=64))
    with controller(store, rate=50.0) as one, controller(store, rate=50.0) as two, ThreadPoolExecutor(16) as pool:
        began = time.monotonic()
        list(pool.map(lambda number: ask([one, two][number % 2], 0.001, 5), range(16)))
        assert 80 / 50 - 0.4 < time.monotonic() - began < 10


def test_a_refusal_of_one_holds_the_other_back() -> None:
    store = Memory()
    with controller(store) as one, controller(store) as two:
        held = two.admit(go_on)
        one.done(one.admit(go_on), "throttled", 60.0)
        until(lambda: two._gate.limits.paused_until)
        two.done(held, "ok")
        with pytest.raises(StopRequested):
            two.admit(lambda: True)


def test_what_an_account_takes_is_remembered() -> None:
    store = Memory()
    with controller(store) as control, ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda _: ask(control, 0.01, 20), range(32)))
        control.done(control.admit(go_on), "throttled", 0.0)
        until(lambda: control.rate)
        known = (control.limit, control.rate)
    assert known[0] == 25
    with controller(store) as control:
        ask(control)
        assert (control.limit, control.rate) == known
    assert json.loads(store.state)["members"] == {}


def test_without_work_the_store_is_left_alone_and_with_it_a_request_costs_no_visit() -> None:
    store = Memory(Limits(limit=8))
    with controller(store) as control:
        assert store.shares == 0
        began = time.monotonic()
        ask(control, 0.0001, 2000)
        assert store.shares <= 4 + (time.monotonic() - began) / EXCHANGE
        until(control._gate.is_idle)
        before = store.shares
        time.sleep(EXCHANGE + 0.2)
        assert store.shares == before
        ask(control)
        until(lambda: store.shares > before)


def test_a_store_that_fails_is_told_to_those_who_wait() -> None:
    store = Memory()
    store.fault = StageFailed("The disk is full.")
    with controller(store) as control, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(control.admit, go_on) for _ in range(4)]
        for future in waiting:
            with pytest.raises(StageFailed, match="disk is full"):
                future.result(60)
        with pytest.raises(StageFailed):
            control.admit(go_on)


def test_after_closing_nothing_is_shared_any_more() -> None:
    store = Memory()
    with controller(store) as control:
        ticket = control.admit(go_on)
    shares = store.shares
    control.done(ticket, "throttled", 1.0)
    time.sleep(0.6)
    assert store.shares == shares
