from __future__ import annotations

import json

import pytest

from pipeline.providers.control_limits import CALM, CUT_GAP, LONGEST_WAIT, START, Limits
from pipeline.providers.control_pace import BELOW, DROP, TRUST, Pace

NOW = 1_000_000.0


def rounds(limits: Limits, count: int, now: float = NOW, demand: int = 1000, saturated: bool = True) -> None:
    for _ in range(count):
        limits.succeeded(now, limits.limit, saturated, demand, now)


def refused_once(limit: int = 100) -> Limits:
    limits = Limits(limit=limit)
    limits.throttled(NOW, NOW - 1, 1.0, 0.0)
    return limits


def test_every_clean_round_doubles_until_there_is_nothing_to_grow_for() -> None:
    limits = Limits()
    rounds(limits, 3)
    assert limits.limit == 8 * START
    rounds(limits, 3, demand=50)
    assert limits.limit == 50


def test_a_round_with_little_in_flight_does_not_count() -> None:
    limits = Limits()
    rounds(limits, 3, saturated=False)
    assert limits.limit == START
    limits = refused_once()
    rounds(limits, 3, saturated=False)
    assert limits.limit == 80


def test_after_the_first_refusal_a_round_adds_a_twentieth_and_at_least_one() -> None:
    limits = refused_once()
    assert limits.limit == 80
    rounds(limits, 1)
    assert limits.limit == 84
    limits.succeeded(NOW, 83, True, 1000, NOW)
    assert limits.limit == 84
    limits.succeeded(NOW, 1, True, 1000, NOW)
    assert limits.limit == 88
    limits = refused_once(5)
    rounds(limits, 1)
    assert limits.limit == 5


def test_a_refusal_begins_the_round_anew() -> None:
    limits = refused_once()
    limits.succeeded(NOW + 1, 79, True, 1000, NOW)
    limits.throttled(NOW + 2, NOW + 1, 1.0, 0.0)
    limits.succeeded(NOW + 3, 1, True, 1000, NOW)
    assert limits.limit == 80


def test_at_most_one_cut_in_fifteen_seconds_or_in_what_the_service_asks_for() -> None:
    limits = refused_once()
    later = NOW + CUT_GAP
    limits.throttled(later - 1, later - 2, 30.0, 0.0)
    assert limits.limit == 80
    limits.throttled(later, later - 0.5, 1.0, 0.0)
    assert limits.limit == 80
    limits.throttled(NOW + 31, NOW + 30, 1.0, 0.0)
    assert limits.limit == 64


def test_a_request_admitted_under_an_older_limit_says_nothing_about_this_one() -> None:
    limits = refused_once()
    limits.throttled(NOW + 100, NOW - 1, 1.0, 0.0)
    assert limits.limit == 80
    limits.throttled(NOW + 101, NOW + 50, 1.0, 0.0)
    assert limits.limit == 64


def test_the_limit_never_falls_below_one() -> None:
    limits = Limits()
    for number in range(20):
        limits.throttled(NOW + 100 * number, NOW + 100 * number - 1, 1.0, 0.0)
    assert limits.limit == 1


def test_failures_stop_growth_for_a_while_and_cut_nothing() -> None:
    limits = Limits(limit=10)
    limits.unavailable(NOW, None)
    rounds(limits, 5, now=NOW + CALM - 1)
    assert (limits.limit, limits.paused_until) == (10, 0.0)
    rounds(limits, 1, now=NOW + CALM)
    assert limits.limit == 20
    limits.unavailable(NOW, 60.0)
    assert limits.paused_until == NOW + 60
    rounds(limits, 5, now=NOW + 59)
    assert limits.limit == 20


def test_waits_that_the_service_does_not_name_grow_until_something_passes() -> None:
    limits, now, waits = Limits(), NOW, []
    for _ in range(8):
        limits.throttled(now, now - 0.1, None, 0.0)
        waits.append(limits.paused_until - now)
        now = limits.paused_until + 1
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT]
    limits.succeeded(now, 1, False, 10, limits.refused_at - 1)
    limits.throttled(now, now, None, 0.0)
    assert limits.paused_until - now == LONGEST_WAIT
    limits.succeeded(now + 70, 1, False, 10, now + 65)
    limits.throttled(now + 80, now + 75, None, 0.0)
    assert limits.paused_until - (now + 80) == 1


def test_a_pause_is_never_shortened() -> None:
    limits = Limits()
    limits.throttled(NOW, NOW - 1, 30.0, 0.0)
    limits.throttled(NOW + 1, NOW - 1, 2.0, 0.0)
    assert limits.paused_until == NOW + 30


def test_a_day_s_quota_teaches_no_rate() -> None:
    limits = Limits()
    limits.pace.started(NOW - 60, 600)
    limits.throttled(NOW, NOW - 1, 8 * 3600.0, 0.0)
    assert limits.paused_until == NOW + 8 * 3600
    assert limits.pace.rate() == 0


def test_changes_are_told() -> None:
    limits = Limits(limit=10)
    limits.pace.started(NOW - 9, 101)
    changes = limits.throttled(NOW, NOW - 1, 1.0, 0.0)
    assert [(change.what, change.old, change.new) for change in changes] == [
        ("limit", 10, 8),
        ("rate", 0, pytest.approx(10 * (1 - BELOW))),
    ]
    assert all(change.time == NOW and "429" in change.reason for change in changes)


def test_the_state_is_json_and_survives_another_version() -> None:
    limits = refused_once()
    limits.pace.started(NOW, 7)
    state = json.loads(json.dumps(limits.dump()))
    assert Limits.load(state) == limits
    del state["slow"], state["pace"]["age"]
    loaded = Limits.load({**state, "new": 1, "pace": {**state["pace"], "new": 1}})
    assert (loaded.limit, loaded.pace.accepted) == (80, limits.pace.accepted)
    assert Limits.load(None) == Limits.load({}) == Limits()


def used(pace: Pace, seconds: float) -> None:
    """Take slots as a busy account does."""
    end = pace.age + seconds
    while pace.age < end:
        pace.reserve(NOW, 1)


def test_the_first_rate_is_what_was_accepted_by_the_time_the_service_takes_more() -> None:
    pace = Pace()
    pace.started(NOW, 4)
    pace.started(NOW + 3, 596)
    pace.refused(NOW + 3, 57.0, 0.0)
    assert pace.ceiling == pytest.approx(10)


def test_before_the_first_refusal_only_what_was_recent_counts() -> None:
    pace = Pace()
    for second in range(600):
        pace.started(NOW + second, 1)
    for second in range(60):
        pace.started(NOW + 600 + second, 10)
    pace.refused(NOW + 660, 0.0, 0.0)
    assert 7 < pace.ceiling <= 10


def test_without_anything_accepted_no_rate_is_learned() -> None:
    pace = Pace()
    pace.started(NOW, 0)
    pace.refused(NOW + 1, 1.0, 0.0)
    assert pace.rate() == 0


def test_between_two_refusals_the_accepted_starts_are_the_rate() -> None:
    pace = Pace(ceiling=12.0, trust=10.0, mark_time=NOW, mark_count=100, accepted=100)
    pace.started(NOW + 9, 100)
    pace.refused(NOW + 9, 1.0, 0.0)
    assert (pace.ceiling, pace.trust) == (pytest.approx(10), 10)
    assert pace.rate() == pytest.approx(10 * (1 - BELOW))
    pace.started(NOW + 19, 95)
    pace.refused(NOW + 19, 1.0, 0.0)
    assert pace.ceiling == pytest.approx(9.5)


def test_requests_refused_after_the_first_were_not_accepted_before_it() -> None:
    limits = Limits(pace=Pace(ceiling=100.0, trust=2.0, mark_time=NOW, accepted=0))
    limits.pace.started(NOW + 10, 100)
    for _ in range(5):
        limits.throttled(NOW + 10, NOW + 9, 1.0, 0.0)
    limits.pace.started(NOW + 20, 95)
    assert limits.pace.accepted - limits.pace.mark_count == 95
    assert limits.pace.accepted == 190


def test_one_refusal_takes_a_fifth_of_the_pace_at_most() -> None:
    pace = Pace(ceiling=10.0, trust=2.0, mark_time=NOW, accepted=1)
    before = pace.rate()
    pace.refused(NOW + 10, 1.0, 0.0)
    assert pace.ceiling == pytest.approx(DROP * before)


def test_an_empty_handed_refusal_drops_the_pace_and_keeps_the_measure() -> None:
    pace = Pace(ceiling=10.0, trust=20.0, mark_time=NOW, mark_count=7, accepted=7)
    pace.refused(NOW + 10, 1.0, 0.0)
    assert (pace.trust, pace.mark_time) == (20.0, NOW)
    assert pace.ceiling < 10


def test_a_ceiling_is_trusted_for_as_long_as_it_was_measured_and_longer_where_waits_are_long() -> None:
    def trust(seconds: float, delay: float, rate: float = 10.0) -> float:
        pace = Pace(ceiling=rate, trust=2.0, mark_time=NOW, accepted=int(rate * seconds))
        pace.refused(NOW + seconds - delay, delay, 0.0)
        return pace.trust

    assert trust(1.5, 1.0) == TRUST[0]
    assert trust(7.0, 1.0) == 7
    assert trust(500.0, 1.0) == TRUST[1]
    assert trust(500.0, 30.0) == 300
    assert trust(500.0, 1.0, rate=0.1) == pytest.approx(250, rel=0.1)


def test_the_pace_comes_back_to_the_ceiling_slowly_passes_it_and_then_hurries() -> None:
    pace = Pace(ceiling=10.0, trust=20.0)
    rates = []
    for _ in range(6):
        rates.append(pace.rate())
        used(pace, 20)
    assert rates[0] == pytest.approx(10 * (1 - BELOW))
    assert rates[1] == pytest.approx(10, abs=0.01)
    assert 10.1 < rates[2] < 10.6
    assert rates[5] > 25


@pytest.mark.parametrize(("seconds", "accepted", "ceiling"), [(40, 380, 10.03), (10, 95, 8.6), (40, 300, 8.24)])
def test_a_ceiling_that_was_reached_and_passed_does_not_fall(seconds: int, accepted: int, ceiling: float) -> None:
    pace = Pace(ceiling=10.0, trust=20.0, mark_time=NOW, accepted=accepted)
    used(pace, seconds)
    pace.refused(NOW + seconds, 1.0, 0.0)
    assert pace.ceiling == pytest.approx(ceiling, abs=0.05)


def test_a_known_rate_paces_from_the_start_and_is_not_passed() -> None:
    pace = Pace()
    assert pace.rate(5.0) == 5
    assert pace.reserve(NOW, 3, 5.0) == pytest.approx([NOW, NOW + 0.2, NOW + 0.4])
    assert Pace(ceiling=10.0, trust=1.0, age=100.0).rate(5.0) == 5


def test_slots_follow_one_another_and_unused_time_is_not_saved_up() -> None:
    pace = Pace(ceiling=10.0, trust=20.0, age=20.0)
    first = pace.reserve(NOW, 2)
    second = pace.reserve(NOW, 2)
    assert [*first, *second] == pytest.approx([NOW, NOW + 0.1, NOW + 0.2, NOW + 0.3])
    assert pace.reserve(NOW + 60, 1) == [NOW + 60]


def test_a_pace_that_holds_nothing_back_does_not_grow() -> None:
    pace = Pace(ceiling=10.0, trust=20.0)
    for second in range(1000):
        pace.reserve(NOW + second, 5)
    assert pace.rate() == 10 * (1 - BELOW)
    pace.reserve(NOW + 999, 5)
    assert pace.rate() > 10 * (1 - BELOW)
