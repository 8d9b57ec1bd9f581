from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.ledger import Ledger

TOKENS = {"input": 10, "cached": 4, "output": 20, "thought": 30}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def claim(ledger: Ledger, key: str = "k", run: str = "r", bound: float | None = 0.5) -> str:
    return ledger.claim(key, "account", run, "step", f"row of {key}", bound)


def test_a_call_goes_from_planned_to_parsed_and_keeps_its_raw_body(ledger: Ledger) -> None:
    assert ledger.find("k") is None
    ledger.plan("k", "account", "r", "step", "row")
    assert claim(ledger) == "mine"
    found = ledger.find("k")
    assert found is not None and found.state == "sent" and found.raw is None
    ledger.answer("k", b"\x00raw\xff", "model-1", TOKENS, 0.25)
    assert claim(ledger) == "answered"
    ledger.settle("k", "invalid", "eight names")
    found = ledger.find("k")
    assert found is not None and (found.state, found.raw, found.reason) == ("invalid", b"\x00raw\xff", "eight names")
    spend = ledger.spend(run="r", account="account")
    assert (spend.calls, spend.thought, spend.cost, spend.lost) == (1, 30, 0.25, 0)
    assert ledger.spend(run="other").calls == 0
    assert [(row["step"], row["model"], row["cost"]) for row in ledger.bill()] == [("step", "model-1", 0.25)]


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"x is what zlib begins with", b"{" + b"a" * 100_000, bytes(range(256)) * 40]
)
def test_every_body_comes_back_as_it_was(ledger: Ledger, raw: bytes) -> None:
    claim(ledger)
    ledger.answer("k", raw, "m", TOKENS, 0.1)
    found = ledger.find("k")
    assert found is not None and found.raw == raw


def test_what_the_service_did_not_take_is_free_and_what_it_may_have_answered_is_listed(ledger: Ledger) -> None:
    claim(ledger)
    ledger.unsend("k")
    assert ledger.possibly_billed() == []
    claim(ledger)
    ledger.lose("k", "dropped", 0.5)
    assert [(row["key"], row["reason"], row["bound"]) for row in ledger.possibly_billed()] == [("k", "dropped", 0.5)]
    assert claim(ledger) == "mine"
    assert ledger.spend(run="r").lost_bound == 0.5


def test_one_process_sends_a_call_once_at_a_time(ledger: Ledger) -> None:
    assert claim(ledger) == "mine"
    assert claim(ledger) == "busy"
    with Ledger(ledger.path) as other:
        assert claim(other) == "busy"


CHILD = """
import sys, time
from pathlib import Path
from pipeline.engine.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print(ledger.claim("k", "account", "r", "step", "row", 0.5), flush=True)
time.sleep(60)
"""


def test_a_call_of_a_killed_process_is_possibly_billed_and_free_again(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(ledger.path)], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None and child.stdout.readline().strip() == b"mine"
            assert claim(ledger) == "busy"
            assert ledger.possibly_billed() == []
        finally:
            child.kill()
    assert [row["label"] for row in ledger.possibly_billed(run="r")] == ["row"]
    assert claim(ledger) == "mine"
    assert [row["reason"] for row in ledger.possibly_billed(run="r")] == ["the process that sent it died"]
    ledger.answer("k", b"{}", "m", TOKENS, 0.1)
    assert len(ledger.possibly_billed()) == 1


def test_many_threads_claim_every_call_exactly_once(ledger: Ledger) -> None:
    won: list[str] = []

    def work() -> None:
        for number in range(50):
            if claim(ledger, str(number)) == "mine":
                ledger.answer(str(number), b"{}", "m", TOKENS, 0.01)
                won.append(str(number))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(map(str, range(50)))
    assert ledger.spend().cost == pytest.approx(0.5)


def test_the_state_of_an_account_is_shared_and_the_dead_hold_nothing(ledger: Ledger) -> None:
    assert ledger.share("a", 2, lambda state: {"seen": state}) == ({"seen": None}, 0)
    with sqlite3.connect(ledger.path) as db:
        db.execute("INSERT INTO holders VALUES ('a', 'nohost:1:1.00', 9)")
    assert ledger.share("a", 2, lambda state: {"limit": 1, "was": state}) == ({"limit": 1, "was": {"seen": None}}, 0)


def test_an_update_that_fails_takes_no_other_statement_along(ledger: Ledger) -> None:
    def fail(_: object) -> dict[str, object]:
        raise ZeroDivisionError

    ledger.plan("k", "account", "r", "step", "row")
    with pytest.raises(ZeroDivisionError):
        ledger.share("a", 0, fail)
    assert claim(ledger) == "mine"


def test_batch_jobs_are_written_down_before_they_are_handed_in(ledger: Ledger) -> None:
    ledger.start_job("j1", "account", "r", "step", ["a", "b"])
    assert ledger.open_jobs("account") == [{"name": "j1", "job": None, "state": "new", "keys": ["a", "b"]}]
    ledger.set_job("j1", "running", "batches/1")
    assert ledger.open_jobs("account")[0]["job"] == "batches/1"
    ledger.set_job("j1", "done", "batches/1")
    assert ledger.open_jobs("account") == []


def test_garbage_in_place_of_the_ledger_is_a_clear_error_and_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="no database"):
        Ledger(path)
    assert path.read_bytes().startswith(b"no database at all")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger._do("PRAGMA max_page_count = 20")
        claim(ledger)
        with pytest.raises(StageFailed, match="disk is full"):
            ledger.answer("k", random.Random(1).randbytes(1_000_000), "m", TOKENS, 0.1)
        found = ledger.find("k")
        assert found is not None and found.state == "sent"
