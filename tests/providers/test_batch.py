from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.ledger import Ledger
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers import batch as module
from pipeline.providers.account import Account
from pipeline.providers.gemini import Gemini
from pipeline.providers.prices import load_prices
from pipeline.providers.provider import ProviderSettings, Request
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.gemini_batch import Batches
from tests.servers.script import Rule, Script

PRICES = """
[models."gemini-3-pro-preview"]
input = 1.0
output = 10.0
batch = 0.5
"""


class Desk:
    def __init__(self, folder: Path, server: GeminiServer) -> None:
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        self.folder, self.server = folder, server
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.events: list[tuple[str, Row]] = []

    def account(self, **settings: Any) -> Account:
        asked = ProviderSettings(
            kind="gemini", model="gemini-3-pro-preview", base_url=self.server.url, key_env="K", batch=True, **settings
        )
        emit = Emitter(lambda kind, data: self.events.append((kind, data)))
        context = Context(None, {}, self.folder, 1, emit, stop_file=self.folder / "stop", run="r", step="s")
        provider = Gemini(asked, {"K": KEY})
        return Account(asked, provider, self.ledger, load_prices([self.folder]), context)


def requests(count: int) -> list[Request]:
    return [
        Request([{"role": "user", "content": f"question {number}"}], row={"id": str(number)}) for number in range(count)
    ]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[GeminiServer]:
    settings = getattr(request, "param", {})
    with GeminiServer(**settings) as running:
        yield running


def test_a_job_fills_the_ledger_at_half_the_price_and_nothing_is_asked_online(
    tmp_path: Path, server: GeminiServer
) -> None:
    desk = Desk(tmp_path, server)
    account = desk.account()
    account.prefetch(requests(20))
    texts = [account.ask(request, lambda reply: reply.text) for request in requests(20)]
    assert len(set(texts)) == 20
    assert len(server.bodies) == 20 and len(server.batches.jobs) == 1
    spend, calls = desk.ledger.spend(run="r"), server.record.summary()["calls"]
    full = spend.input * 1.0 + (spend.output + spend.thought) * 10.0
    assert spend.calls == 20 and spend.cost == pytest.approx(0.5 * full / 1e6)
    assert not [call for call in calls if call["path"].startswith("/v1") and call["path"].endswith(":generateContent")]
    account.prefetch(requests(20))
    assert len(server.batches.jobs) == 1
    assert any(kind == "wait" for kind, _ in desk.events)


def test_who_is_stopped_takes_the_job_up_again(tmp_path: Path, server: GeminiServer) -> None:
    server.batches.polls = 10**6
    desk = Desk(tmp_path, server)
    (tmp_path / "stop").touch()
    with pytest.raises(StopRequested):
        desk.account().prefetch(requests(5))
    assert len(desk.ledger.open_jobs(desk.account().name)) == 1
    (tmp_path / "stop").unlink()
    server.batches.polls = 0
    account = desk.account()
    account.prefetch(requests(7))
    assert sorted(job["requests"] for job in server.batches.jobs.values()) == [2, 5]
    assert desk.ledger.spend().calls == 7


def test_a_crash_between_handing_in_and_writing_down_does_not_pay_twice(
    tmp_path: Path, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, server)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "set_job", crash)
        with pytest.raises(KeyboardInterrupt):
            desk.account().prefetch(requests(5))
    assert desk.ledger.open_jobs(desk.account().name)[0]["job"] is None
    desk.account().prefetch(requests(5))
    assert len(server.batches.jobs) == 1 and desk.ledger.spend().calls == 5


def test_a_job_that_was_never_handed_in_is_given_up_and_made_anew(
    tmp_path: Path, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, server)

    def crash(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Gemini, "batch_start", crash)
        with pytest.raises(KeyboardInterrupt):
            desk.account().prefetch(requests(5))
    desk.account().prefetch(requests(5))
    assert len(server.batches.jobs) == 1 and desk.ledger.spend().calls == 5


@pytest.mark.parametrize(
    "server",
    [{"batches": Batches(end="EXPIRED", answers=3)}, {"script": Script([Rule("500", count=4)])}],
    indirect=True,
)
def test_what_a_job_does_not_bring_is_asked_for_online(tmp_path: Path, server: GeminiServer) -> None:
    desk = Desk(tmp_path, server)
    account = desk.account()
    account.prefetch(requests(10))
    brought = desk.ledger.spend().calls
    assert brought < 10
    for request in requests(10):
        account.ask(request, lambda reply: reply.text)
    assert desk.ledger.spend().calls == 10
    assert any("the rest is asked online" in str(data) for kind, data in desk.events if kind == "alert")


def test_large_jobs_are_parted(tmp_path: Path, server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 300)
    desk = Desk(tmp_path, server)
    desk.account().prefetch(requests(20))
    assert len(server.batches.jobs) > 1 and sum(job["requests"] for job in server.batches.jobs.values()) == 20
