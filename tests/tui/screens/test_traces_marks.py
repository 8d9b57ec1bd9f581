"""Marks, undo and export on the Traces screen, by their keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from pipeline.engine.rows import Row, read_rows
from pipeline.tasks.marks import key_of, notes_of, read_marks, state_of
from tests.tui.traced import on_traces, seen, space, trace, until
from tui.app import Cockpit
from tui.screens.dialogue import Ask
from tui.screens.text import TextOver
from tui.screens.traces import TracesScreen
from tui.widgets.record_list import RecordList

ROWS = [trace(number) for number in range(9)]


def state(root: Path, number: int) -> Row:
    return state_of(read_marks(root).get(key_of(ROWS[number]), ()))


def cursor(app: Cockpit) -> int:
    return app.screen.query_one(RecordList).cursor


async def ask(pilot: Pilot[Any], app: Cockpit, key: str, text: str) -> None:
    """Open a dialogue with a key, answer it, and wait until the screen is back."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Ask))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, TracesScreen))


def test_accept_and_reject_go_on_to_the_next_and_undo_takes_them_back_one_by_one(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("A", "R")
        await until(pilot, lambda: cursor(app) == 2)
        assert state(tmp_path, 0) == {"verdict": "accept"} and state(tmp_path, 1) == {"verdict": "reject"}
        assert "✓" in seen(app) and "✗" in seen(app)
        await pilot.press("k", "A")  # another verdict on the second
        await until(pilot, lambda: state(tmp_path, 1) == {"verdict": "accept"})
        await pilot.press("u")
        await until(pilot, lambda: state(tmp_path, 1) == {"verdict": "reject"})  # as it was before
        await pilot.press("u")
        await until(pilot, lambda: state(tmp_path, 1) == {})
        await pilot.press("u")
        await until(pilot, lambda: state(tmp_path, 0) == {} and "✓" not in seen(app))
        await pilot.press("u")
        await until(pilot, lambda: any("Nothing to take back" in note.message for note in app._notifications))

    on_traces(tmp_path, script)


def test_an_edit_an_override_and_a_note(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("j", "e")
        await until(pilot, lambda: isinstance(app.screen, TextOver))
        area = app.screen.query_one(TextArea)
        assert area.text == "answer 1" and area.has_focus
        area.text = "A better one."
        await pilot.press("ctrl+s")
        await until(pilot, lambda: state(tmp_path, 1) == {"verdict": "edit", "text": "A better one."})
        await until(pilot, lambda: "edited: A better one." in seen(app) and "✎" in seen(app))
        await ask(pilot, app, "o", "helpfulness=0.25")
        await until(pilot, lambda: state(tmp_path, 1).get("scores") == {"helpfulness": 0.25})
        await until(pilot, lambda: "by hand: helpfulness 0.25" in seen(app))
        await ask(pilot, app, "n", "[/x] look at this")
        await until(pilot, lambda: "note: [/x] look at this" in seen(app))
        assert notes_of(read_marks(tmp_path)[key_of(ROWS[1])]) == ["[/x] look at this"]
        await pilot.press("u", "u")
        await until(pilot, lambda: state(tmp_path, 1) == {"verdict": "edit", "text": "A better one."})
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, TextOver))
        assert app.screen.query_one(TextArea).text == "A better one."  # the edit goes on from the edit
        await pilot.press("escape", "u")
        await until(pilot, lambda: state(tmp_path, 1) == {} and "edited:" not in seen(app))

    on_traces(tmp_path, script)


def test_what_is_no_mark_is_told_and_keeps_nothing(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        for text in ("helpfulnes=0.5", "helpfulness=2", "helpfulness", "[/x]=1"):
            before = len(app._notifications)
            await ask(pilot, app, "o", text)
            await until(pilot, lambda before=before: len(app._notifications) > before)
        await ask(pilot, app, "n", "   ")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TracesScreen))
        assert read_marks(tmp_path) == {}

    on_traces(tmp_path, script)


def test_marks_narrow_the_list(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("j", "j", "R")
        await until(pilot, lambda: state(tmp_path, 2) == {"verdict": "reject"})
        await pilot.press("slash")
        app.screen.query_one("#filter", Input).value = "mark=reject"
        await until(pilot, lambda: "1 of 9" in seen(app))
        app.screen.query_one("#filter", Input).value = "mark=none"
        await until(pilot, lambda: "8 of 9" in seen(app))

    on_traces(tmp_path, script)


def test_what_is_picked_is_exported_as_it_stands_and_nothing_is_replaced(tmp_path: Path) -> None:
    rows = space(tmp_path, ROWS)
    lines = rows.read_bytes().splitlines(keepends=True)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("space", "j", "space")
        await until(pilot, lambda: "2 picked" in seen(app))
        await ask(pilot, app, "x", "mine.jsonl")
        await until(pilot, lambda: (tmp_path / "mine.jsonl").exists())
        assert (tmp_path / "mine.jsonl").read_bytes() == lines[0] + lines[2]
        await ask(pilot, app, "x", "mine.jsonl")
        await until(pilot, lambda: any("is there already" in note.message for note in app._notifications))
        assert (tmp_path / "mine.jsonl").read_bytes() == lines[0] + lines[2]
        await ask(pilot, app, "x", "no/such/folder.jsonl")
        await until(pilot, lambda: any("Not written" in note.message and "such" in note.message
                                       for note in app._notifications))  # fmt: skip
        assert not (tmp_path / "no").exists()

    on_traces(tmp_path, script)


def test_without_a_pick_all_that_is_listed_is_exported(tmp_path: Path) -> None:
    space(tmp_path, ROWS)

    async def script(pilot: Pilot[Any], app: Cockpit) -> None:
        await pilot.press("slash")
        app.screen.query_one("#filter", Input).value = "type=chosen"
        await until(pilot, lambda: "3 of 9" in seen(app))
        await pilot.press("enter", "x")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert "3 listed rows" in seen(app) and app.screen.query_one(Input).value == "selected.jsonl"
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "selected.jsonl").exists())
        assert [row["id"] for row in read_rows(tmp_path / "selected.jsonl")] == ["p0/2", "p1/2", "p2/2"]

    on_traces(tmp_path, script)
