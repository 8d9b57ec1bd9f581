from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import write_json
from tui.app import Cockpit
from tui.launch import Done
from tui.report_compared import compared
from tui.report_text import KNOWN, answers, present, section
from tui.screens import report as screen
from tui.screens.report import ReportScreen
from tui.widgets.record_list import RecordList

POISON = "[INST] a [/INST] [/x] \x1b]0;t\x07 \u202e \x00 \ud800 \u2028 漢字\u200b"
ESTIMATE = {"mean": 0.25, "low": 0.2, "high": 0.3, "n": 4}


def made(text: str = "a word") -> dict[str, Any]:
    """A report as docs/formats.md has it, with a text in every place that holds one."""
    return {
        "format": 1,
        "verdict": {"asked": text, "outcome": "met", "met": True,
                    "criteria": [{"name": text, "question": text, "outcome": "met", "why": text, "figure": None}]},
        "table": [{"name": "reward", "baseline": {"mean": 0.1}, "tuned": {"mean": 0.35}, "difference": ESTIMATE},
                  {"name": text, "baseline": None, "tuned": None, "difference": None}],
        "last_table": [],
        "evaluation": {"split": text, "contestants": [{"name": text, "answers": 3, "outcomes": {text: 3}}],
                       "pairs": [{"contestant": text, "against": text, "reward": ESTIMATE}]},
        "answers": [{"prompt_id": text, "category": text, "messages": [{"role": "user", "content": text}],
                     "answers": [{"contestant": text, "answer": text, "thought": text, "reward": 0.5}]}],
        "steps": [{"name": text, "artifact": text, "seconds": 3, "inputs": {"a": {text: {"path": text}}},
                   "effective": {text: {"asked": text, "in_effect": text, "why": text}}}],
        "gguf": text,
        "chat": text,
        "tournament": {"winner": text, "games": [{"won": 3, "by": text}]},
    }  # fmt: skip


def test_a_part_without_words_of_its_own_is_shown_as_it_stands() -> None:
    report = made()
    assert present(report) == ["verdict", "dimensions", "contestants", "lineage", "tournament"]
    assert section("tournament", report, False).plain == "winner  a word\ngames · 1 · won  3\ngames · 1 · by  a word"


def test_scores_stand_under_each_other_with_three_decimals() -> None:
    lines = section("dimensions", made(), True).plain.splitlines()
    assert " 0.100 0.350 " in lines[1]
    assert lines[1].endswith("+ +0.250 [+0.200, +0.300]")
    assert lines[0].index("base") + len("base") == lines[1].index("0.100") + len("0.100")
    assert lines[0].index("tuned") + len("tuned") == lines[1].index("0.350") + len("0.350")


@pytest.mark.parametrize("wrong", ["text", 3, ["x"], {"a": "b"}, [{"mean": {}}], {"criteria": [1]}, [[1]]])
def test_a_report_that_is_not_as_expected_says_so_and_shows_what_stands_there(wrong: Any) -> None:
    for part in ("verdict", "table", "evaluation", "steps"):
        report = {part: wrong}
        for name in present(report):
            assert section(name, report, False).plain


def test_poison_stays_visible_in_every_section() -> None:
    report = made(POISON)
    shown = [section(name, report, False).plain for name in present(report)] + [answers(report["answers"][0]).plain]
    for text in shown:
        assert not {"\x1b", "\x07", "\x00", "\ud800", "\u202e", "\u2028", "\u200b"} & set(text)
        assert "[INST] a [/INST] [/x] ␛]0;t␇" in text
    assert "training" in KNOWN


def test_two_reports_stand_side_by_side() -> None:
    value = {
        "verdict": [{"name": "verdict", "left": "met", "right": "not met"}],
        "results": [{"name": "reward", "left": ESTIMATE, "right": {"mean": 0.5}, "left_gain": ESTIMATE,
                     "right_gain": None,
                     "difference": 0.25}],
        "settings": [{"step": "sft", "key": "rank", "left": 8, "right": POISON}],
    }  # fmt: skip
    text = compared(value, "first", "second", 90).plain
    first, second = text.index("first"), text.index("second")
    lines = text.splitlines()
    assert lines[2].index("met") == first
    assert lines[2].index("not met") == second
    assert lines[5][second:].split() == ["0.500", "+0.250"]
    assert "sft.rank" in text
    assert "\x1b" not in text


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_section_of_a_poisoned_report_is_walked_through(tmp_path: Path, size: tuple[int, int]) -> None:
    report = made(POISON)
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await pilot.press("5")
        await until(lambda: isinstance(app.screen, ReportScreen) and app.screen.ready)
        assert isinstance(app.screen, ReportScreen)
        app.screen._shown(tmp_path, report, "")
        for place in range(len(present(report)) + 1):
            app.screen.query_one(RecordList).cursor = place
            await pilot.pause()
            drawn = "".join(segment.text for strip in app.screen._compositor.render_strips() for segment in strip)
            assert not {"\x1b", "\x07", "\x00", "\u202e", "\u2028"} & set(drawn)
        app.screen.commanded("compare", Done("", 0, {"verdict": POISON, "settings": [POISON], "results": {}}, ""))
        await pilot.pause()
        assert "No setting differs." in str(app.screen.query_one("#shown").render())


async def test_without_a_desktop_the_path_of_the_page_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    opened: list[str] = []
    monkeypatch.setattr(screen.webbrowser, "open", lambda url: opened.append(url) or True)
    write_json(tmp_path / "report.json", json.loads(json.dumps(made())))
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(notifications=True, tooltips=True) as pilot:
        await pilot.press("5")
        await until(lambda: isinstance(app.screen, ReportScreen) and app.screen.ready)
        app.screen._shown(tmp_path, made(), "")  # type: ignore[attr-defined]
        await pilot.press("o")
        assert app.clipboard == str(tmp_path / "report.html")
        monkeypatch.delenv("SSH_CONNECTION")
        monkeypatch.setenv("DISPLAY", ":0")
        await pilot.press("o")
        await until(lambda: opened)
        assert opened == [(tmp_path / "report.html").as_uri()]
