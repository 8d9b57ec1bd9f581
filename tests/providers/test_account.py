from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.engine.errors import ProviderError, StopRequested
from pipeline.engine.fanout import Quarantined
from pipeline.providers import sending as module
from pipeline.providers.provider import Refused, Reply, Request, Throttled, Unavailable
from pipeline.providers.sending import Sender
from tests.providers.scripted import Desk, body


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "_sleep", lambda self, _: self._context.check_stop())


def ask(text: str = "hello", sample: int = 0) -> Request:
    return Request([{"role": "user", "content": text}], sample=sample, row={"id": f"row of {text}"})


def text_of(reply: Reply) -> str:
    return reply.text


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def test_the_same_call_is_paid_for_once_and_another_sample_is_another_call(desk: Desk) -> None:
    assert desk.account().ask(ask(), text_of) == "fine"
    assert desk.account().ask(ask(), text_of) == "fine"
    assert len(desk.provider.sent) == 1
    desk.account().ask(ask(sample=1), text_of)
    for temperature in (0.0, 0.5):
        desk.account(temperature=temperature).ask(ask(), text_of)
    desk.account(top_p=0.5).ask(ask(), text_of)
    assert len(desk.provider.sent) == 5
    assert desk.ledger.spend(run="r").cost == pytest.approx(5 * (1000 * 1.0 + 100 * 10.0) / 1e6)


def test_settings_that_do_not_shape_the_answer_do_not_ask_again(desk: Desk) -> None:
    desk.account(key_env="ONE", timeout=5).ask(ask(), text_of)
    desk.account(key_env="TWO", workers=3, requests_per_minute=600).ask(ask(), text_of)
    assert len(desk.provider.sent) == 1


def test_an_answer_that_cannot_be_used_is_asked_for_once_more(desk: Desk) -> None:
    def parse(reply: Reply) -> str:
        if len(desk.provider.sent) < 2:
            raise Quarantined("invalid", "eight names")
        return reply.text

    assert desk.account().ask(ask(), parse) == "fine"
    assert [request.attempt for request in desk.provider.sent] == [0, 1]


def test_an_invalid_answer_is_quarantined_and_parsed_again_for_nothing(desk: Desk) -> None:
    def never(_: Reply) -> str:
        raise Quarantined("invalid", "eight names", "{}")

    with pytest.raises(Quarantined, match="eight names"):
        desk.account().ask(ask(), never)
    assert len(desk.provider.sent) == 2
    assert desk.account().ask(ask(), text_of) == "fine"
    assert len(desk.provider.sent) == 2


@pytest.mark.parametrize(("finish", "outcome"), [("length", "cut off"), ("blocked", "blocked")])
def test_a_cut_off_or_blocked_answer_is_not_asked_for_again(tmp_path: Path, finish: str, outcome: str) -> None:
    desk = Desk(tmp_path, lambda *_: body("half", finish))
    with pytest.raises(Quarantined) as raised:
        desk.account().ask(ask(), text_of)
    assert (raised.value.outcome, raised.value.text) == (outcome, "half")
    assert len(desk.provider.sent) == 1


def test_a_throttled_call_is_asked_again_and_billed_once(tmp_path: Path) -> None:
    def script(_: Request, number: int) -> bytes:
        if number < 2:
            raise Throttled("slow down", delay=0.05)
        return body()

    desk = Desk(tmp_path, script)
    assert desk.account().ask(ask(), text_of) == "fine"
    assert desk.ledger.spend(run="r").calls == 1
    assert desk.ledger.possibly_billed() == []
    assert any(kind == "wait" for kind, _ in desk.events)


def test_a_lost_answer_is_asked_for_again_and_listed(tmp_path: Path) -> None:
    def script(_: Request, number: int) -> bytes:
        if number == 0:
            raise Unavailable("the connection broke off", perhaps_billed=True)
        return body()

    desk = Desk(tmp_path, script)
    desk.account().ask(ask(), text_of)
    assert [row["label"] for row in desk.ledger.possibly_billed(run="r")] == ["row of hello"]
    desk.account()
    assert any("possibly billed" in text for text in desk.alerts())


def test_a_service_that_never_answers_ends_the_step(tmp_path: Path) -> None:
    def script(*_: object) -> bytes:
        raise Unavailable("503")

    desk = Desk(tmp_path, script)
    account = desk.account()
    with pytest.raises(ProviderError, match=f"in {module.TRIES} tries"):
        account.ask(ask(), text_of)
    assert len(desk.provider.sent) == module.TRIES
    with pytest.raises(ProviderError):
        account.ask(ask("another"), text_of)
    assert len(desk.provider.sent) == module.TRIES


def test_one_row_that_the_service_fails_on_does_not_end_the_step(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    account = desk.account()

    def script(request: Request, _: int) -> bytes:
        if request.messages[-1]["content"] == "poison":
            account.ask(ask(f"well {len(desk.provider.sent)}"), text_of)
            raise Unavailable("500")
        return body()

    desk.provider.script = script
    with pytest.raises(Quarantined, match="failed on it"):
        account.ask(ask("poison"), text_of)
    assert account.ask(ask("after"), text_of) == "fine"


def test_a_refused_request_is_one_row_lost_and_many_at_the_start_are_our_fault(tmp_path: Path) -> None:
    def script(request: Request, _: int) -> bytes:
        if "long" in request.messages[-1]["content"]:
            raise Refused("too long")
        return body()

    desk = Desk(tmp_path, script)
    account = desk.account()
    account.ask(ask(), text_of)
    for number in range(module.REFUSALS + 1):
        with pytest.raises(Quarantined, match="too long"):
            account.ask(ask(f"long {number}"), text_of)
    fresh = Desk(tmp_path / "fresh", script) if (tmp_path / "fresh").mkdir() is None else desk
    account = fresh.account()
    for number in range(module.REFUSALS - 1):
        with pytest.raises(Quarantined):
            account.ask(ask(f"long {number}"), text_of)
    with pytest.raises(ProviderError, match="refused the first"):
        account.ask(ask("long at last"), text_of)


def test_a_bad_key_is_told_before_anything_is_sent_but_not_where_nothing_needs_sending(desk: Desk) -> None:
    desk.account().ask(ask(), text_of)
    desk.provider.fault = ProviderError("The key is wrong.")
    account = desk.account()
    assert account.ask(ask(), text_of) == "fine"
    for _ in range(2):
        with pytest.raises(ProviderError, match="key is wrong"):
            account.ask(ask("new"), text_of)
    assert (len(desk.provider.sent), desk.provider.checks) == (1, 2)


def test_a_days_quota_ends_the_step_with_all_kept(tmp_path: Path) -> None:
    def script(request: Request, _: int) -> bytes:
        if request.messages[-1]["content"] == "too many":
            raise Throttled("requests per day", delay=3600, per_day=True)
        return body()

    desk = Desk(tmp_path, script)
    account = desk.account()
    account.ask(ask(), text_of)
    with pytest.raises(ProviderError, match="day's quota"):
        account.ask(ask("too many"), text_of)
    assert account.ask(ask(), text_of) == "fine"
    assert desk.ledger.possibly_billed() == []


def test_who_waits_for_the_quota_can_still_be_stopped(tmp_path: Path) -> None:
    def script(*_: object) -> bytes:
        raise Throttled("requests per day", per_day=True)

    desk = Desk(tmp_path, script)
    account = desk.account(wait_for_quota=True)
    threading.Timer(0.5, (tmp_path / "stop").touch).start()
    with pytest.raises(StopRequested):
        account.ask(ask(), text_of)
    assert [data["until"] for kind, data in desk.events if kind == "wait"][-1] > module.time.time() + 500


def test_the_cap_stops_and_without_a_price_it_cannot_be_kept(desk: Desk, tmp_path: Path) -> None:
    account = desk.account(spend_cap=0.006, max_tokens=200)
    for number in range(2):
        account.ask(ask(str(number)), text_of)
    with pytest.raises(ProviderError, match="spend cap"):
        account.ask(ask("3"), text_of)
    assert desk.ledger.spend(run="r").cost <= 0.006
    (tmp_path / "prices.toml").write_text("", encoding="utf-8")
    with pytest.raises(ProviderError, match="no price"):
        desk.account(spend_cap=1.0)


def test_threads_that_ask_the_same_send_it_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "_sleep", lambda *_: module.time.sleep(0.01))
    account = desk.account()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: account.ask(ask(), text_of), range(16)))
    assert answers == ["fine"] * 16
    assert len(desk.provider.sent) == 1


def test_a_body_that_the_reader_trips_over_is_kept_and_invalid(desk: Desk) -> None:
    desk.provider.script = lambda *_: b"<html>"
    with pytest.raises(Quarantined, match="cannot be read"):
        desk.account().ask(ask(), text_of)
    assert desk.ledger.spend(run="r").calls == 2
