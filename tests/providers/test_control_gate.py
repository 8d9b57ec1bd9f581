"""The controller without its threads, minutes against services with limits, in simulated time."""

from __future__ import annotations

import random

import pytest

from pipeline.providers.control_gate import Gate, Report, Ticket, Wait
from pipeline.providers.control_limits import Limits
from tests.providers.simulated import BEGIN, Bucket, Chance, Simulation, Windows


def slow(draw: random.Random) -> float:
    return draw.uniform(0.5, 3.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_token_bucket_is_used_whole_and_refuses_little(seed: int) -> None:
    simulation = Simulation(Bucket(10, 20), seed=seed)
    simulation.process()
    simulation.run(300)
    assert simulation.accepted(60) >= 0.98 * 10
    assert simulation.refused() < 0.01
    assert simulation.refused(60) < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_refusals_may_be_as_late_as_answers(seed: int) -> None:
    simulation = Simulation(Bucket(10, 20), refusal=slow, seed=seed)
    simulation.process()
    simulation.run(300)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused(60) < 0.02


@pytest.mark.parametrize("latency", [0.05, 2.0])
@pytest.mark.parametrize(("rate", "burst"), [(10.0, 5.0), (10.0, 60.0), (100.0, 50.0)])
def test_neither_latency_nor_burst_matters_much(rate: float, burst: float, latency: float) -> None:
    simulation = Simulation(Bucket(rate, burst), latency=lambda draw: latency * draw.uniform(0.5, 1.5))
    simulation.process(workers=1024)
    simulation.run(480)
    assert simulation.accepted(240) >= 0.94 * rate
    assert simulation.refused(60) < 0.01


@pytest.mark.parametrize(("delay", "least"), [(0.3, 45.0), (1.0, 30.0)])
def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_ruin_it(delay: float, least: float) -> None:
    simulation = Simulation(Chance(500, delay), latency=lambda draw: draw.uniform(0.1, 0.3))
    simulation.process(workers=16)  # which make 80 a second
    simulation.run(900)
    assert simulation.accepted(60) >= least


def test_a_service_that_names_no_delay() -> None:
    simulation = Simulation(Bucket(10, 20, delay=None))
    simulation.process()
    simulation.run(300)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused() < 0.02


@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_a_quota_per_minute_is_spread_over_the_minute(latency: float) -> None:
    simulation = Simulation(Windows(600), latency=lambda draw: latency * draw.uniform(0.5, 1.5))
    simulation.process()
    simulation.run(900)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused(60) < 0.02
    quiet = [second for second in range(480, 900) if not simulation.accepted(second, second + 1)]
    assert len(quiet) < 0.05 * 420


@pytest.mark.parametrize("delay", [10.0, 30.0])
def test_a_quota_whose_delay_does_not_fit_its_window(delay: float) -> None:
    simulation = Simulation(Windows(600, delay=delay))
    simulation.process()
    simulation.run(1200)
    assert simulation.accepted(60) >= 0.8 * 10
    assert simulation.refused(60) < 0.02


def test_five_a_minute() -> None:
    simulation = Simulation(Windows(5))
    simulation.process(workers=16)
    simulation.run(1800)
    assert simulation.accepted(60) >= 0.85 * 5 / 60
    assert sum(not sent.taken for sent in simulation.sent if sent.at > 900) <= 5


@pytest.mark.parametrize(("factor", "seconds"), [(0.5, 30.0), (3.0, 150.0)])
def test_a_limit_that_changes_is_found(factor: float, seconds: float) -> None:
    bucket = Bucket(10, 20)
    simulation = Simulation(bucket)
    simulation.process(workers=256)
    simulation.run(180)
    bucket.rate *= factor
    simulation.run(600)
    assert simulation.accepted(180 + seconds) >= 0.93 * bucket.rate
    assert simulation.refused(180) < 0.02


def test_a_known_rate_is_never_refused() -> None:
    simulation = Simulation(Bucket(10, 20))
    gate = simulation.process(known=10.0)
    simulation.run(120)
    assert simulation.refused() == 0
    assert simulation.accepted(60) >= 0.98 * 10
    assert gate.rate == 10


def test_a_known_rate_that_is_too_high_is_corrected() -> None:
    simulation = Simulation(Bucket(10, 20))
    simulation.process(known=30.0)
    simulation.run(300)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused() < 0.02


def test_a_service_without_a_limit_is_not_paced_and_costs_no_traffic() -> None:
    simulation = Simulation(None, latency=lambda _: 0.05)
    gate = simulation.process()
    simulation.run(1)
    assert (gate.limits.limit, gate.rate, simulation.most) == (64, None, 64)
    before = simulation.store.shares
    simulation.run(21)
    assert simulation.accepted(1) == pytest.approx(64 / 0.05, rel=0.01)
    assert simulation.store.shares - before == 40


def test_nothing_starts_in_a_pause() -> None:
    simulation = Simulation(Bucket(10, 20, delay=7.0))
    gate = simulation.process()
    simulation.run(120)
    first = next(change.time for change in gate.history if "429" in change.reason) - BEGIN
    starts = [sent.at for sent in simulation.sent]
    assert not [at for at in starts if first + 0.1 < at < first + 7]
    assert [at for at in starts if first + 7 <= at < first + 8]


def test_failures_of_the_service_cut_nothing() -> None:
    simulation = Simulation(None, outcome=lambda now: "unavailable" if now > 10 else "ok")
    gate = simulation.process()
    simulation.run(10)
    limit = gate.limits.limit
    simulation.run(60)
    assert gate.limits.limit == limit
    assert gate.rate is None


def test_two_processes_keep_to_one_limit_and_share_it_evenly() -> None:
    simulation = Simulation(Bucket(10, 20))
    first, second = simulation.process(), simulation.process(begin=60, end=240)
    simulation.run(360)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused() < 0.02
    for gate in (first, second):
        assert simulation.accepted(80, 240, gate) == pytest.approx(5, rel=0.1)
    assert simulation.accepted(245, 360, first) >= 0.95 * 10


def test_two_processes_start_together_and_the_second_learns_from_the_first() -> None:
    simulation = Simulation(Bucket(10, 20))
    gates = [simulation.process(), simulation.process()]
    simulation.run(180)
    assert simulation.accepted(60) >= 0.95 * 10
    assert simulation.refused() < 0.02
    later = simulation.process(begin=180)
    simulation.run(181)
    assert later.rate == pytest.approx(gates[0].rate, rel=0.1)
    assert {change.reason for change in later.history} <= {"another run on this account"}


def test_in_flight_over_all_processes_keeps_to_the_limit() -> None:
    simulation = Simulation(None)
    simulation.process(workers=40)
    simulation.run(60)
    simulation.store.state = Limits(limit=20, slow=False).dump()
    simulation.process(workers=40, begin=61)
    simulation.run(70)
    held = list(simulation.store.in_flight.values())
    assert sum(held) <= simulation.store.state["limit"] < 30
    assert min(held) >= 8


def test_a_remembered_limit_and_rate_are_gone_on_with() -> None:
    simulation = Simulation(Bucket(10, 20))
    simulation.process(end=200)
    simulation.run(220)
    simulation.process(begin=3600)
    simulation.run(3720)
    assert simulation.refused(3600) < 0.01
    assert simulation.accepted(3600) >= 0.95 * 10


def exchange(gate: Gate, now: float, limits: Limits | None = None) -> Report:
    report = gate.report(now, 1)
    report(limits.dump() if limits else gate.limits.dump())
    gate.adopt(report, 0)
    return report


def test_a_round_counts_once_most_of_the_limit_was_in_flight() -> None:
    gate = Gate("a", 64, 0.0)
    exchange(gate, BEGIN, Limits(limit=10))
    for expected in [False] * 7 + [True]:
        assert isinstance(gate.start(BEGIN, 0), Ticket)
        assert exchange(gate, BEGIN).saturated is expected


def test_slots_are_asked_for_before_they_run_out_and_are_void_when_they_are_old() -> None:
    gate = Gate("a", 64, 10.0)
    exchange(gate, BEGIN, Limits(limit=20))
    assert gate.start(BEGIN, 8) == Wait(None)
    while len(gate._slots) < 5:
        gate.start(BEGIN, 8)
        report = gate.report(BEGIN, 8)
        report(gate.limits.dump())
        gate.adopt(report, 0)
    for number in range(3):
        assert not gate.due
        assert isinstance(gate.start(BEGIN + number / 10, 8), Ticket)
    assert gate.due
    assert gate.next_slot == pytest.approx(BEGIN + 0.3)
    assert gate.start(BEGIN + 60, 8) == Wait(None)


def test_an_admission_that_was_not_used_is_no_start() -> None:
    gate = Gate("a", 8, 0.0)
    assert gate.start(BEGIN, 0) == Wait(None)
    exchange(gate, BEGIN)
    ticket = gate.start(BEGIN, 0)
    assert isinstance(ticket, Ticket)
    gate.finish(ticket, "unused", None, BEGIN, 0)
    report = gate.report(BEGIN, 0)
    assert report(None)["pace"]["accepted"] == 0
    assert gate.in_flight == 0


def test_after_a_refusal_nothing_starts_before_the_account_knows() -> None:
    gate = Gate("a", 8, 0.0)
    exchange(gate, BEGIN)
    first, second = gate.start(BEGIN, 0), gate.start(BEGIN, 0)
    assert isinstance(first, Ticket)
    assert isinstance(second, Ticket)
    gate.finish(first, "throttled", 0.0, BEGIN + 1, 0)
    assert gate.start(BEGIN + 2, 0) == Wait(None)
    report = gate.report(BEGIN + 2, 1)
    gate.finish(second, "throttled", 0.0, BEGIN + 3, 0)
    report(None)
    gate.adopt(report, 0)
    assert gate.start(BEGIN + 4, 0) == Wait(None)


def test_a_store_may_try_a_report_twice() -> None:
    report = Report("a", 0.0, now=BEGIN, demand=4, started=5, refusals=[(BEGIN, BEGIN - 1, 1.0)])
    assert report(None) == report(None)
    assert len(report.changes) == 2


def test_others_who_fell_silent_take_no_part() -> None:
    report = Report("a", 0.0, now=BEGIN, demand=4)
    assert report(Limits(members={"b": BEGIN - 1, "c": BEGIN - 60}).dump())["members"] == {"b": BEGIN - 1, "a": BEGIN}
