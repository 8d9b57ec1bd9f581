from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.budget import Budget


def budget(folder: Path, cap: float | None, spent: float = 0.0, calls: int = 100) -> tuple[Budget, list[Row]]:
    alerts: list[Row] = []
    emit = Emitter(lambda kind, data: alerts.append(data) if kind == "alert" else None)
    return Budget(Context(None, {}, folder, 1, emit), cap, spent, calls), alerts


def test_the_cap_stops_before_the_call_that_could_pass_it(tmp_path: Path) -> None:
    money, _ = budget(tmp_path, cap=1.0, spent=0.5)
    with money.reserve(0.4):
        money.paid("m", 0.2)
    with pytest.raises(ProviderError, match="could pass the spend cap of \\$1"), money.reserve(0.4):
        raise AssertionError("never reached")
    with money.reserve(0.3):
        pass


def test_a_call_waits_while_only_calls_under_way_stand_between_it_and_the_cap(tmp_path: Path) -> None:
    money, _ = budget(tmp_path, cap=1.0)
    began, ended = threading.Event(), threading.Event()

    def second() -> None:
        with money.reserve(0.6):
            began.set()
        ended.set()

    with money.reserve(0.6):
        thread = threading.Thread(target=second)
        thread.start()
        assert not began.wait(0.2)
        money.paid("m", 0.1)
    assert ended.wait(60)
    thread.join()


def test_ten_calls_make_a_forecast_and_what_the_ledger_answers_costs_nothing(tmp_path: Path) -> None:
    money, alerts = budget(tmp_path, cap=None, spent=1.0, calls=100)
    for _ in range(20):
        money.for_nothing()
    for _ in range(10):
        money.paid("m", 0.02)
    assert money.spent == pytest.approx(1.2)
    assert money.forecast() == pytest.approx(1.2 + 70 * 0.02)
    assert [alert["forecast"] for alert in alerts] == [pytest.approx(2.6)]


def test_a_model_without_a_price_is_told_once(tmp_path: Path) -> None:
    money, alerts = budget(tmp_path, cap=None)
    for _ in range(3):
        money.paid("strange-model", None)
    found: list[Any] = [alert["text"] for alert in alerts if "strange-model" in alert["text"]]
    assert len(found) == 1
