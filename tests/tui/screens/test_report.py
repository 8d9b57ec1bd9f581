from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tasks.sample_report import report_of
from tests.tui.settle import until
from tui.app import Cockpit
from tui.launch import Done
from tui.report_compared import compared
from tui.report_entries import entries
from tui.report_exam import PLAIN
from tui.screens import report as screen
from tui.screens.report import ReportScreen
from tui.widgets.record_list import RecordList

POISON = "[INST] a [/INST] [/x] \x1b]0;t\x07 \u202e \x00 \ud800 \u2028 漢字\u200b"
ESTIMATE = {"mean": 0.25, "low": 0.2, "high": 0.3, "n": 4}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return report_of()


def text_of(name: str, report: dict[str, Any], folded: bool = True) -> str:
    """What stands behind a row of the list."""
    return (
        next(entry for entry in entries(report, True) if entry.label.plain.strip().startswith(name)).show(folded).plain
    )


def test_the_list_leads_to_every_section_and_below_the_battery_to_its_tests(report: dict[str, Any]) -> None:
    labels = [entry.label.plain for entry in entries(report, True)]
    tests = [label.split()[0] for label in labels[4:16]]
    assert labels[:4] == ["verdict", "dimensions", "contestants", "battery"]
    assert tests == [test["id"] for test in report["evaluation"]["battery"]["tests"]]
    assert labels[16:22] == ["tournament", "calibration", "training", "coverage", "costs", "lineage"]
    assert labels[22] == "sample answers" and labels[28] == "sample traces"
    assert entries({}, True) == []


def test_a_test_of_the_battery_has_a_sign_for_each_sample_and_every_answer_behind_it(report: dict[str, Any]) -> None:
    result = report["evaluation"]["battery"]["tests"][5]["results"][1]
    counts = result["outcomes"]
    letters = "".join(PLAIN[outcome] * count for outcome, count in counts.items())
    folded, opened = (text_of("RQ-01", report, fold) for fold in (True, False))
    assert f"sft_merged  {letters}" in folded
    assert folded.count("No. It does not follow") == opened.count("No. It does not follow") == 15
    assert folded.count("thought, 12 words; f opens it") == opened.count("Some cats are black") == 15
    assert "Some cats are black" not in folded
    assert letters in text_of("battery", report)


def test_the_tournament_has_ratings_shares_and_the_judges_figures(report: dict[str, Any]) -> None:
    text = text_of("tournament", report)
    assert "grpo_merged      1077 [1039, 1118]  1077 [999, 1158]" in text
    assert [line.split()[-3:] for line in text.splitlines() if line.startswith(" 1 base")] == [["–", "39", "28"]]
    assert "another winner once the order is turned: 10 % [6, 14]" in text


def test_calibration_says_what_is_measured_and_why_the_rest_is_not(report: dict[str, Any]) -> None:
    text = text_of("calibration", report)
    assert "not all is measurable: not one of 60 answers states how sure it is" in text
    (line,) = [line for line in text.splitlines() if "says 0.90  right 0.68" in line]
    assert line.index("|") - line.index("#") == 18 and line.count("#") == 14


def test_coverage_adds_up_and_says_where_it_does_not(report: dict[str, Any]) -> None:
    assert "judge: 9 asked = 8 answered + 1 cut off + 0 blocked" in text_of("coverage", report)
    lost = {"coverage": [{"what": "judge", "asked": 9, "parts": {"answered": 8}, "whole": False}]}
    assert text_of("coverage", lost) == "judge: 9 asked = 8 answered  x does not add up"


def test_costs_and_lineage_name_every_step(report: dict[str, Any]) -> None:
    costs = text_of("costs", report).splitlines()
    assert costs[1].split() == ["judge", "0:21", "3", "0.5000", "run-1"]
    assert costs[2].strip() == "1 call possibly billed for nothing: at most 0.2500 dollars"
    assert costs[-1].split() == ["together", "0:43", "0.5000"]
    assert "judge of judge: gemini gemini-3-pro-preview · rubric 0123456789ab" in text_of("lineage", report)


def test_what_an_older_report_lacks_is_said_to_be_missing(report: dict[str, Any]) -> None:
    kept = ("verdict", "table", "last_table", "training", "answers", "gguf", "chat", "steps")
    old = {key: report[key] for key in kept}
    evaluation = {key: part for key, part in report["evaluation"].items() if key not in ("battery", "calibration")}
    old |= {"format": 1, "evaluation": evaluation}
    for name in ("battery", "tournament", "calibration", "coverage", "costs"):
        assert text_of(name, old) == f"This report has no {name}. Reports of format 1 had none."
    assert "grpo_merged over base: +0.299" in text_of("contestants", old)


def test_a_part_without_words_of_its_own_is_shown_as_it_stands() -> None:
    report = {"weather": {"today": "rain", "games": [{"won": 3}]}}
    assert text_of("weather", report) == "today  rain\ngames · 1 · won  3"


def test_scores_stand_under_each_other_with_three_decimals(report: dict[str, Any]) -> None:
    lines = text_of("dimensions", report).splitlines()
    assert " 0.341 0.640 " in lines[1]
    assert lines[1].endswith("▲ +0.299 [+0.294, +0.304]")
    assert lines[0].index("base") + len("base") == lines[1].index("0.341") + len("0.341")
    assert lines[0].index("tuned") + len("tuned") == lines[1].index("0.640") + len("0.640")


@pytest.mark.parametrize(
    "wrong", ["text", 3, ["x"], {"a": "b"}, [{"mean": {}}], {"criteria": [1]}, [[1]], {"tests": [{}]}]
)
def test_a_report_that_is_not_as_expected_says_so_and_shows_what_stands_there(wrong: Any) -> None:
    parts = ("verdict", "table", "evaluation", "tournament", "training", "coverage", "costs", "steps")
    for report in [{part: wrong} for part in parts] + [{"evaluation": {"battery": wrong, "calibration": wrong}}]:
        for entry in entries(report, False):
            assert entry.show(True).plain
    for entry in entries({"answers": wrong, "traces": wrong}, False):
        entry.show(True)


def test_poison_stays_visible_in_every_place() -> None:
    shown = {entry.title: entry.show(False).plain for entry in entries(report_of(text=POISON), False)}
    for text in shown.values():
        assert not {"\x1b", "\x07", "\x00", "\ud800", "\u202e", "\u2028", "\u200b"} & set(text)
    for name in ("battery", "battery · RQ-01", "tournament", "lineage", "sample traces", "verdict"):
        texts = [text for title, text in shown.items() if title.startswith(name)]
        assert any("[INST] a [/INST] [/x] ␛]0;t␇" in text for text in texts), name


def test_two_reports_stand_side_by_side() -> None:
    rated = {"rating": 1077.3, "low": 1039.0, "high": 1118.2}
    value = {
        "battery": [{"name": "RQ-01", "left": {"mean": 0.6, "low": 0.3, "high": 0.8}, "right": {"mean": "no"}}],
        "ratings": [{"name": "tuned", "left": rated, "right": None}],
        "calibration": [{"name": "ece", "left": 0.18412, "right": None}],
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
    found = {line[:22].strip(): line[22:].split("–")[0].strip() for line in lines}
    assert (found["RQ-01"], found["tuned"], found["ece"]) == ("60 % [30, 80]", "1077 [1039, 1118]", "0.1841")
    assert "\x1b" not in text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_section_of_a_poisoned_report_is_walked_through(tmp_path: Path, size: tuple[int, int]) -> None:
    report = report_of(text=POISON)
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.ready)
        assert isinstance(app.screen, ReportScreen)
        app.screen._shown(tmp_path, report, "")
        for place in (0, 1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 23, 29):
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
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(notifications=True, tooltips=True) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.ready)
        app.screen._shown(tmp_path, {"verdict": {"outcome": "met"}}, "")  # type: ignore[attr-defined]
        await pilot.press("o")
        assert app.clipboard == str(tmp_path / "report.html")
        monkeypatch.delenv("SSH_CONNECTION")
        monkeypatch.setenv("DISPLAY", ":0")
        await pilot.press("o")
        await until(pilot, lambda: opened)
        assert opened == [(tmp_path / "report.html").as_uri()]


async def test_f_opens_the_thoughts_and_enter_goes_to_the_text(tmp_path: Path, report: dict[str, Any]) -> None:
    app = Cockpit(tmp_path, home=tmp_path / "home")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, ReportScreen) and app.screen.ready)
        app.screen._shown(tmp_path, report, "")  # type: ignore[attr-defined]
        app.screen.query_one(RecordList).cursor = 9
        await until(pilot, lambda: "f opens it" in str(app.screen.query_one("#shown").render()))
        await pilot.press("f")
        await until(pilot, lambda: "Some cats are black" in str(app.screen.query_one("#shown").render()))
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is app.screen.query_one("#section"))
