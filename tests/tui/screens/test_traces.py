"""The Traces screen, by its keys: what is listed, narrowed, shown, marked, taken back, exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from pipeline.tasks.marks import key_of, read_marks, state_of
from tests.tui.traced import on_traces, poisoned, seen, space, trace, until
from tui.app import Cockpit
from tui.screens.siblings import Siblings
from tui.screens.text import TextOver
from tui.screens.traces import TracesScreen
from tui.widgets.record_list import RecordList
from tui.widgets.trace_list import TraceList
from tui.widgets.trace_view import TraceView

ROWS = [trace(number) for number in range(30)]


def listed(app: Cockpit) -> TraceList:
    return next(screen for screen in app.screen_stack if isinstance(screen, TracesScreen)).query_one(TraceList)


async def typed(pilot: Pilot[Any], app: Cockpit, text: str, count: int) -> None:
    """Type a filter and wait until so many rows are left."""
    await pilot.press("slash")
    app.screen.query_one("#filter", Input).value = text
    await until(pilot, lambda: len(listed(app).places) == count)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_the_list_and_the_whole_trace(tmp_path: Path, size: tuple[int, int]) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        text = seen(app)
        assert "30 of 30" in text and "p0/0" in text and "Question 0?" in text and "thinking of 0" in text
        await pilot.press("G")
        await until(pilot, lambda: "thinking of 29" in seen(app))
        assert "answer 29" in seen(app) and "0.90" in seen(app)
        await pilot.press("f")
        await until(pilot, lambda: "thinking of 29" not in seen(app))
        assert "folded" in seen(app) and "answer 29" in seen(app)

    on_traces(tmp_path, script, size)


def test_the_filter_narrows_live_and_escape_restores(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await typed(pilot, app, "category=conflict helpfulness<0.5", 7)
        await until(pilot, lambda: "answer 3" in seen(app))  # the trace follows the list
        await typed(pilot, app, "'ING OF 2'", 11)
        await typed(pilot, app, "type=chosen wrong=1", 10)
        assert "not understood: wrong=1" in seen(app)
        await typed(pilot, app, "nothing-like-it", 0)
        assert "answer" not in app.screen.query_one("#trace-pane").query_one("#text").visual.plain  # type: ignore
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(app).places) == 30)
        assert app.screen.focused is app.screen.query_one(RecordList)

    on_traces(tmp_path, script)


def test_a_long_search_shows_what_it_has_found_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space(tmp_path, ROWS)
    monkeypatch.setattr("pipeline.tasks.index.ROWS", 1)
    monkeypatch.setattr("pipeline.tasks.index.NEWS", 0.0)
    heard: list[str] = []

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        title = TraceList._title
        monkeypatch.setattr(TraceList, "_title", lambda self, text: (heard.append(text), title(self, text))[1])
        await typed(pilot, app, "'ING OF 2'", 11)
        await until(pilot, lambda: heard[-1].startswith("11 of 30"))
        assert any(text.startswith("1 and counting of 30") for text in heard), heard

    on_traces(tmp_path, script, (80, 24))


def test_an_edit_keeps_what_cannot_be_shown(tmp_path: Path) -> None:
    text = "family \U0001f468\u200d\U0001f469 and \x1b[0m and ␀ and \x00"
    row = trace(0, text)
    space(tmp_path, [row])

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, TextOver))
        area = app.screen.query_one(TextArea)
        assert "\x1b" not in area.text
        area.text += " more"
        await pilot.press("ctrl+s")
        await pilot.pause()

    on_traces(tmp_path, script)
    kept = state_of(read_marks(tmp_path)[key_of(row)])["text"]
    assert kept == text.replace("\x00", "␀") + " more"  # a glyph that stood there already is not told from its letter


def test_the_traces_of_a_prompt_side_by_side(tmp_path: Path) -> None:
    space(
        tmp_path, [*ROWS, *(trace(90, f"other {number}", prompt_id="p0", id=f"p0/x{number}") for number in range(20))]
    )

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Siblings) and "other 0" in seen(app))
        assert "the 12 best of 23 traces" in seen(app) and len(app.screen.query(TraceView)) == 12
        await pilot.press("f")
        await until(pilot, lambda: "folded" in seen(app))
        await pilot.press("escape")
        assert not isinstance(app.screen, Siblings)

    on_traces(tmp_path, script)


def test_another_artifact(tmp_path: Path) -> None:
    space(tmp_path, ROWS)
    space(tmp_path, [trace(0, "of another")], "evaluate-000000000002")

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        assert "judge-" in str(listed(app).border_title)  # judged rows come first
        await pilot.press("a", *"evalu", "enter")
        await until(pilot, lambda: len(listed(app).places) == 1)
        await until(pilot, lambda: "of another" in seen(app))

    on_traces(tmp_path, script)


def test_no_rows_and_rows_that_cannot_be_read(tmp_path: Path) -> None:
    async def empty(pilot: Pilot[Any], app: Cockpit) -> None:
        assert "No traces yet" in seen(app)
        await pilot.press("s", "A", "u", "e", "o", "n", "x", "escape", "b", "c", "space", "f", "j", "G")
        assert "No traces yet" in seen(app)

    (tmp_path / "one").mkdir()
    on_traces(tmp_path / "one", empty)
    rows = space(tmp_path / "two", [])
    rows.write_text('{"id": "torn', encoding="utf-8")

    async def torn(pilot: Pilot[Any], app: Cockpit) -> None:
        assert "Mend or remove that line." in str(app.screen.query_one("#facts", Static).render())
        await pilot.press("A", "s", "c")

    on_traces(tmp_path / "two", torn)


def test_a_folder_that_cannot_be_read_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space(tmp_path, ROWS)

    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", "/data/rows.jsonl")

    monkeypatch.setattr("tui.widgets.trace_list.open_index", refused)

    async def script(_: Pilot[Any], app: Cockpit) -> None:
        text = str(app.screen.query_one("#facts", Static).render())
        assert text.splitlines()[:2] == ["/data/rows.jsonl cannot be read.", "Permission denied."] and "a." in text

    on_traces(tmp_path, script)


def test_a_file_changed_while_it_is_open_is_told(tmp_path: Path) -> None:
    rows = space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        rows.write_text("x" * 100, encoding="utf-8")
        await pilot.press("G")
        await until(pilot, lambda: any("was changed" in note.message for note in app._notifications))
        await pilot.press("slash", *"'of", "enter", "A", "s", "c", "e")

    on_traces(tmp_path, script)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "plain"), [((80, 24), True), ((200, 60), False)])
def test_poison(tmp_path: Path, size: tuple[int, int], plain: bool) -> None:
    rows = poisoned()
    space(tmp_path, rows)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        for number in range(len(rows)):
            if number in (0, 2, 6, 12, 14):
                await pilot.press("s", "escape", "A")
            else:
                await pilot.press("j")
            drawn = seen(app)
            assert not any(letter in drawn for letter in "\x00\x07\x1b\x9b\u202e\u2028\ud800\u200b"), number
        for text in ("[/x]", "'", '"', "*", "category=[", "mark=", "\\", "\x1b", "漢*", "'\u202e'", "%", "a" * 10_000):
            app.screen.query_one("#filter", Input).value = text
            await pilot.pause(0.05)
        await pilot.press("escape")
        assert listed(app).index and len(json.dumps(str(listed(app).border_title)))

    on_traces(tmp_path, script, size, plain)
