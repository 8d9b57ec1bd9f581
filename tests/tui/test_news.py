from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import Workspace
from pipeline.engine.runs import Run
from tests.tui.space import POISON, make_run
from tui.news import LONG, News, Notice, post
from tui.preferences import read_preferences
from tui.runs_feed import RunRow, RunsFeed

ROW = RunRow(Run(Path("data/runs/a-nano-1")), "running", "nano", 0.0, 1, 3, None, "sft", {"sft.loss": 1.5}, (), "", "",
             None)  # fmt: skip


def test_an_end_is_told_once_and_what_was_there_at_first_is_none() -> None:
    news = News()
    old = replace(ROW, run=Run(Path("data/runs/old")), life="failed")
    assert news.of([old, ROW]) == []
    assert news.of([old, ROW]) == []
    ended = replace(ROW, life="failed")
    notices = news.of([old, ended])
    assert [notice.text for notice in notices] == ["a-nano-1 has failed, at sft"] and notices[0].bad
    assert news.of([old, ended]) == []
    assert news.of([old, ROW]) == []  # resumed
    assert [notice.text for notice in news.of([old, replace(ROW, life="done")])] == ["a-nano-1 is done"]


def test_a_run_that_begins_and_ends_between_two_looks_is_told() -> None:
    news = News()
    news.of([])
    assert [notice.row for notice in news.of([replace(ROW, life="unmet")])] == [replace(ROW, life="unmet")]


def test_only_a_long_wait_is_told() -> None:
    news = News()
    news.of([ROW], now=100.0)
    short = replace(ROW, life="waiting", waiting="paced", until=100.0 + LONG / 2)
    assert news.of([short], now=100.0) == []
    long = replace(ROW, life="waiting", waiting="the day's quota", until=100.0 + LONG)
    assert ["the day's quota" in notice.text for notice in news.of([long], now=100.0)] == [True]
    assert news.of([replace(long, until=99.0 + 2 * LONG)], now=101.0) == []
    assert news.of([replace(long, until=None)], now=101.0) == []


def test_a_webhook_is_sent_json(server: tuple[str, list[Any]]) -> None:
    address, heard = server
    assert post(Notice(replace(ROW, life="done", waiting=POISON), "it is done"), f"{address}/hook") == ""
    kind, body = heard[0]
    assert kind == "application/json"
    assert body["text"] == "it is done" and body["run"] == "a-nano-1" and body["state"] == "done"
    assert body["figures"] == {"sft.loss": 1.5} and body["reason"] == POISON


def test_a_webhook_that_fails_says_why(server: tuple[str, list[Any]]) -> None:
    address, _ = server
    assert "500" in post(Notice(ROW, ""), f"{address}/no")
    assert post(Notice(ROW, ""), "http://127.0.0.1:9") != ""


def test_preferences(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    assert read_preferences(file)[0].bell and read_preferences(file)[1] == ""
    file.write_text('bell = false\nwebhook = "https://example.org/x"\n', encoding="utf-8")
    found, fault = read_preferences(file)
    assert (found.bell, found.webhook, fault) == (False, "https://example.org/x", "")
    for wrong, word in [('webhook = "file:///etc/passwd"', "http"), ("bel = true", "bel"), ("bell = ", "settings")]:
        file.write_text(wrong, encoding="utf-8")
        found, fault = read_preferences(file)
        assert found.webhook == "" and word in fault


def test_a_run_whose_process_outlives_its_last_event_is_told_once_it_is_gone(tmp_path: Path) -> None:
    run = make_run(tmp_path, "1-nano-aa", "stopped")
    heard: list[str] = []
    feed = RunsFeed(Workspace(tmp_path), lambda rows: heard.extend(row.life for row in rows))
    with run.lock():
        feed.start()
        wait_for(lambda: heard == ["running"])
    feed.look()
    wait_for(lambda: heard == ["running", "stopped"])
    feed.close()


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
