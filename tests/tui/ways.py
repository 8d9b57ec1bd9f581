"""What a person does to bring a screen into a state; each waits until it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.tui import made
from tests.tui.made import until
from tui.app import Cockpit
from tui.partners import Partner
from tui.screens.dialogue import Dialogue
from tui.widgets.line_chart import LineChart
from tui.widgets.prompt import Prompt
from tui.widgets.record_list import RecordList
from tui.widgets.talk_pane import TalkPane

Play = Callable[[Pilot[Any], Cockpit], Awaitable[None]]


async def nothing(_pilot: Pilot[Any], _app: Cockpit) -> None:
    """The screen as it opens."""


async def lower(pilot: Pilot[Any], app: Cockpit) -> None:
    await until(pilot, lambda: len(app.screen.query_one("#lower").query(RecordList).first()) > 0)


async def cursor(pilot: Pilot[Any], app: Cockpit) -> None:
    app.screen.query_one(LineChart).focus()
    await pilot.press("p", "s", *["left"] * 30)


async def narrowed(pilot: Pilot[Any], app: Cockpit) -> None:
    await pilot.press("slash")
    app.screen.query_one("#filter", Input).value = "grpo limit"
    await pilot.pause()


async def listed(pilot: Pilot[Any], app: Cockpit) -> None:
    await until(pilot, lambda: len(app.runs) >= 7 or app.selected is None)


async def differ(pilot: Pilot[Any], app: Cockpit) -> None:
    await listed(pilot, app)
    await pilot.press("space", "down", "down", "down", "d")
    await until(pilot, lambda: "results" in made.seen(app))


async def runs_narrowed(pilot: Pilot[Any], app: Cockpit) -> None:
    await listed(pilot, app)
    await pilot.press("slash")
    app.screen.query_one("#filter", Input).value = "entropy reward>0.5"
    await pilot.pause()


async def tagged(pilot: Pilot[Any], app: Cockpit) -> None:
    await listed(pilot, app)
    await pilot.press("t")
    await dialogue(pilot, app)


async def dialogue(pilot: Pilot[Any], app: Cockpit) -> None:
    await until(pilot, lambda: isinstance(app.screen, Dialogue))


async def planned(pilot: Pilot[Any], app: Cockpit) -> None:
    await until(pilot, lambda: "GiB free" in made.seen(app))


async def typed(pilot: Pilot[Any], app: Cockpit) -> None:
    await planned(pilot, app)
    await pilot.press("slash")
    app.screen.query_one("#filter", Input).value = "sft.learning_rate"
    await pilot.press("enter", "g", "enter")
    await until(pilot, lambda: app.screen.query_one("#edit", Input).has_focus)
    app.screen.query_one("#edit", Input).value = "quick"
    await until(pilot, lambda: "valid number" in made.seen(app))


async def chosen(pilot: Pilot[Any], app: Cockpit) -> None:
    await planned(pilot, app)
    await pilot.press("p")
    await dialogue(pilot, app)


async def opened(pilot: Pilot[Any], app: Cockpit) -> None:
    rows = app.screen.query_one("#list-pane")
    await until(pilot, lambda: rows.places and "of" in str(rows.border_title))


async def beside(pilot: Pilot[Any], app: Cockpit) -> None:
    await opened(pilot, app)
    await pilot.press("s")
    await dialogue(pilot, app)


async def marked(pilot: Pilot[Any], app: Cockpit) -> None:
    await opened(pilot, app)
    await pilot.press("A", "down", "R", "down", "space", "space")
    await pilot.press("slash")
    app.screen.query_one("#filter", Input).value = "heater helpfulness>0.3"
    await until(pilot, lambda: 0 < len(app.screen.query_one("#list-pane").places) < 72)
    await pilot.press("enter", "f")
    app.clear_notifications()


async def boarded(pilot: Pilot[Any], app: Cockpit) -> None:
    await opened(pilot, app)
    await pilot.press("b")
    await dialogue(pilot, app)


async def section(pilot: Pilot[Any], app: Cockpit, place: int = 0) -> None:
    rows = app.screen.query_one(RecordList)
    await until(pilot, lambda: len(rows) > 10)
    rows.cursor = place
    await pilot.pause()


def at(place: int) -> Play:
    async def play(pilot: Pilot[Any], app: Cockpit) -> None:
        await section(pilot, app, place)

    return play


async def two_reports(pilot: Pilot[Any], app: Cockpit) -> None:
    await section(pilot, app)
    await pilot.press("d", "enter")
    await until(pilot, lambda: "settings that differ" in made.seen(app))


async def said(pilot: Pilot[Any], app: Cockpit, *words: str) -> None:
    pane = app.screen.query_one("#first", TalkPane)
    if pane.partner is None:
        pane.meet(Partner("export-4572f57f4780/entropy-joy-Q8_0.gguf", {"model": "/m/entropy-joy-Q8_0.gguf"}))
    for text in words:
        count = len(pane.turns) + 1
        app.screen.query_one(Prompt).text = text
        await pilot.press("enter")
        await until(pilot, lambda count=count: len(pane.turns) == count and pane.turn is None)


FIRST = "Rent, a broken heater, my sister's visit and a deadline all fall into one week. Where do I begin?"
SECOND = "And if the heater cannot be mended before the visit?"


async def talked(pilot: Pilot[Any], app: Cockpit) -> None:
    await said(pilot, app, FIRST, SECOND)
    await pilot.press("f8")
    await until(pilot, lambda: app.screen.query("ScoreBars.-said"))


async def both(pilot: Pilot[Any], app: Cockpit) -> None:
    second = app.screen.query_one("#second", TalkPane)
    app.screen._meet(second, Partner("export-11f0/base-Q8_0.gguf", {"model": "/m/base-Q8_0.gguf"}))  # type: ignore[attr-defined]
    await said(pilot, app, FIRST)
    await until(pilot, lambda: second.turns and second.turns[-1].figures)


async def gone(pilot: Pilot[Any], app: Cockpit) -> None:
    await said(pilot, app, FIRST, "die")


async def chat_settings(pilot: Pilot[Any], app: Cockpit) -> None:
    await said(pilot, app, FIRST)
    await pilot.press("escape", "s")
    await until(pilot, lambda: app.screen.query(TextArea) and isinstance(app.screen, Dialogue))


async def palette(pilot: Pilot[Any], app: Cockpit) -> None:
    await pilot.press("ctrl+p", *"stop")
    await until(pilot, lambda: "safe point" in made.seen(app))
