"""2,000 bad texts through every screen: none ends it, no byte of theirs reaches the terminal, no letter is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from pipeline.engine.runs import Run
from pipeline.tasks.rubric import DIMENSIONS
from tests.tasks.sample_report import report_of
from tests.tui import traced
from tests.tui.answering import Talking
from tests.tui.made import caught_up, event, made, until
from tests.tui.poison import Wire, glyphs, smuggled, strings
from tests.tui.test_news import ROW
from tui.app import Cockpit
from tui.form import INPUT, Field
from tui.launch import Done
from tui.partners import Partner
from tui.plan_text import plan_text
from tui.report_entries import entries
from tui.run_text import about, difference
from tui.screens.choose import Choose, ChooseSeveral
from tui.screens.dialogue import Ask, Question
from tui.screens.pager import Pager
from tui.screens.text import TextOver
from tui.text import hung, shown
from tui.widgets import talk_pane
from tui.widgets.completions import Completions
from tui.widgets.details import Details
from tui.widgets.event_log import EventLog
from tui.widgets.field_editor import FieldEditor
from tui.widgets.line_chart import LineChart
from tui.widgets.record_list import RecordList
from tui.widgets.talk_pane import TalkPane
from tui.widgets.trace_list import TraceList
from tui.widgets.trace_view import TraceView
from tui.widgets.turn import Turn

pytestmark = pytest.mark.slow
BAD = strings()
SHORT = BAD[:-4]
SIZE = (200, 60)


@asynccontextmanager
async def wired(root: Path, run: Run | None = None, mode: str = "") -> AsyncIterator[tuple[Cockpit, Pilot[Any]]]:
    """The app on a terminal that keeps what it is sent, and has not been sent anything bad in the end."""
    app = Cockpit(root, run, home=root / "home")
    app.driver_class = Wire
    app.animation_level = "none"
    async with app.run_test(headless=False, size=SIZE, notifications=True, tooltips=True) as pilot:
        if run:
            await caught_up(pilot, app)
        if mode:
            app.action_go(mode)
            await until(pilot, lambda: getattr(app.screen, "OWNER", "") == mode and app.screen.ready)
        yield app, pilot
        await pilot.pause(0.1)
        driver = app._driver
        assert isinstance(driver, Wire)
        written = "".join(driver.written)
        assert len(written) > 10_000, "it was drawn"
        assert smuggled(written) == set()


def batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def whole(text: str, texts: Sequence[str], *, one_line: bool = False) -> None:
    """Nothing of any of them is missing."""
    missing = [ascii(one)[:80] for one in texts if glyphs(one, one_line=one_line) not in text]
    assert not missing, ascii(text)[:2000]


async def page_through(pilot: Pilot[Any], rows: RecordList) -> None:
    """Draw every row."""
    for place in range(0, len(rows), 50):
        rows.cursor = place
        await pilot.pause()


def test_the_check_finds_what_a_text_smuggles_in() -> None:
    assert len(BAD) == 2000
    assert sum(bool(smuggled(text)) for text in BAD) > 1000
    assert smuggled("\x1b[1;31mred\x1b[0m\x1b[2;3H\n") == set()
    assert smuggled("\x1b[1;31m\x1b]0;t\x07") == {"\x1b", "\x07"}


async def test_the_run_screen(tmp_path: Path) -> None:
    told = [("sft", "step.started", {"stage": BAD[0], "artifact": BAD[1]})]
    kinds = ("alert", "log")
    told += [("sft", kinds[number % 2], {"text": text, "level": text[:20]}) for number, text in enumerate(BAD)]
    told += [("sft", "metric", {"step": number, text: 0.5}) for number, text in enumerate(SHORT[:60])]
    told += [("sft", "progress", {"done": 3, "total": 9, "unit": BAD[3]}),
             ("sft", "memory", {"host_used": 1, "host_total": 2, "process": 1, "gpus": [
                 {"index": 0, "name": text, "used": 1, "total": 2} for text in SHORT[:20]]}),
             ("", "run.finished", {"state": "failed", "code": 1, "seconds": 3.0,
                                   "error": {"what": BAD[5], "why": BAD[6], "mend": BAD[7]}})]  # fmt: skip
    async with wired(tmp_path, made(tmp_path, told, steps=["sft", *SHORT[:9]])) as (app, pilot):
        log = app.screen.query_one(EventLog)
        lines = [cells[3].plain for cells in (log._source.cells(place) for place in range(len(log)))]
        whole("\n".join(lines), [text[:400] for text in BAD], one_line=True)
        await page_through(pilot, log)
        whole(str(app.screen.query_one("#hint", Static).render()), BAD[5:8])
        names = [curve.name for curve in app.screen._curves]  # type: ignore[attr-defined]
        for _ in names:
            await pilot.press("n")
            (drawn,) = app.screen.query_one(LineChart)._lines
            if len(glyphs(drawn.name, one_line=True)) < 100:
                whole(app.screen.query_one(LineChart).render().plain, [drawn.name], one_line=True)
        await app.screen.query_one(Details).search()
        for text in SHORT[::100]:
            app.screen.query_one("#filter", Input).value = text
            await pilot.pause()
        app.screen.query_one("#filter", Input).value = ""
        await completions(pilot, app.screen.query_one(Details))
        for text in SHORT[::200]:
            app.clear_notifications()
            app._tell(type("Told", (), {"done": Done("", 1, None, text or "x"), "what": "start"})())  # type: ignore[arg-type]
            await until(pilot, lambda: app._notifications)
            assert [note.message for note in app._notifications] == [shown(text or "x").plain]


async def completions(pilot: Pilot[Any], pane: Details) -> None:
    await pane.turn("completions")
    found = pane.query_one(Completions)
    for some in batches(BAD, 14):
        five, nine = [*some[:5], *[""] * 5][:5], [*some[5:], *[""] * 9]
        data: dict[str, Any] = dict(zip(("prompt", "thought", "text", "answer", "outcome"), five, strict=True))
        data |= {"what": five[0][:30], "prompt_id": five[1][:30], "reward": 0.5}
        data |= {"scores": dict.fromkeys(DIMENSIONS, 0.5), "reasons": dict(zip(DIMENSIONS, nine, strict=False))}
        found.show([event("sft", "item", **data)])
        await pilot.pause()
        whole(found.as_text(), [text[:20_000] for text in five])
        whole(str(found.query_one("#whole", Static).render()), [text[:20_000] for text in some])


async def test_the_runs_screen(tmp_path: Path) -> None:
    async with wired(tmp_path, mode="runs") as (app, pilot):
        rows = [replace(ROW, run=Run(ROW.run.path.with_name(f"{number}")), preset=some[0], tags=tuple(some[1:4]),
                        note="\n".join(some[4:]), waiting=some[0], at=some[1])
                for number, some in enumerate(batches(SHORT, 20))]  # fmt: skip
        app._all.close()
        app.runs = tuple(rows)
        app.screen.runs_listed(tuple(rows))  # type: ignore[attr-defined]
        found = app.screen.query_one(RecordList)
        assert len(found) == len(rows)
        for place in range(0, len(found), 4):
            found.cursor = place
            await pilot.pause()
        for row, some in zip(rows, batches(SHORT, 20), strict=True):
            whole(about(row).plain, some[:4], one_line=True)
            whole(about(row).plain, some[4:])
        await pilot.press("slash")
        for text in SHORT[::100]:
            app.screen.query_one("#filter", Input).value = text
            await pilot.pause()
        for some in batches(SHORT, 200):
            results = [{"result": text, "first": text, "second": 1} for text in some]
            told = difference(Done("", 0, {"settings": list(some), "results": results}, ""), ("a", "b"))
            whole(told.plain, some, one_line=True)
            app.screen.query_one("#about", Static).update(told)
            await pilot.pause()


async def test_the_form_and_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.new.ask", lambda *_: Done("plan", 0, {"steps": []}, ""))
    async with wired(tmp_path, mode="new") as (app, pilot):
        await until(pilot, lambda: len(app.screen.query_one(RecordList)) > 5)
        editor, found = app.screen.query_one("FieldEditor"), app.screen.query_one("#found", Static)
        for some in batches(SHORT, 250):
            steps = [{"step": text, "state": "new", "why": text,
                      "findings": [{"level": level, "text": text, "mend": text} for level in ("fault", "note")]}
                     for text in some]  # fmt: skip
            told = plan_text(Done("", 0, {"steps": steps, "disk_free": 1}, ""), some[0], False, False)
            whole(told.plain, some)
            wrapped = hung(told, 40)
            assert "".join(wrapped.plain.split()) == "".join(told.plain.split()), "white space alone is other"
            found.update(wrapped)
            editor.show(editor._field, "\n".join(some))  # type: ignore[attr-defined]
            whole(str(editor.query_one(Static).render()), ["\n".join(some)])  # type: ignore[attr-defined]
            editor.open(some[0])  # type: ignore[attr-defined]
            await pilot.pause()
            assert editor.query_one(Input).value == some[0]  # type: ignore[attr-defined]
            editor.close()  # type: ignore[attr-defined]


async def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of the texts a setting: its step, name, type, description, values, and what may stand there."""
    monkeypatch.setattr("tui.screens.new.ask", lambda *_: Done("plan", 0, {"steps": []}, ""))
    fields = [
        Field(*some[:6], info=INPUT, resource=tuple(some[6:7]), offers=tuple(some[7:9]), many=True, empty=some[9])
        for some in batches(SHORT[:1990], 10)
    ]
    async with wired(tmp_path, mode="new") as (app, pilot):
        screen: Any = app.screen
        await until(pilot, lambda: screen._fields)
        screen._loaded(screen.Loaded(screen._start, fields, ""))
        rows, about = screen.query_one(RecordList), screen.query_one("FieldEditor Static", Static)
        await page_through(pilot, rows)
        for place, field in enumerate(fields):
            cells = [cell.plain for cell in rows._source.cells(place)]
            whole("\n".join(cells), [field.step, field.name, field.written or field.empty], one_line=True)
            screen.query_one(FieldEditor).show(field)
            if place % 20 == 0:
                await pilot.pause()
            said, empty = str(about.render()), field.empty
            whole(said, [field.key, field.kind, field.default or empty, *field.resource, *field.offers], one_line=True)
            whole(said, [field.about])
            assert field.default == field.written or glyphs(field.written or empty, one_line=True) in said


async def test_the_traces_screen(tmp_path: Path) -> None:
    def row(number: int, some: Sequence[str]) -> dict[str, Any]:
        a, b, c, d, e, f, g, h = [*some, *[""] * 8][:8]
        return traced.trace(number, a, thought=b, category=c[:40], type=d[:40], model=e[:80], prompt_id="p",
                            id=f"{f[:60]}{number}",
                            messages=[{"role": g[:40], "content": h}],
                            reasons=dict.fromkeys(DIMENSIONS, b[:99]))  # fmt: skip

    rows = [row(number, some) for number, some in enumerate(batches(BAD, 8))]
    traced.space(tmp_path, rows)
    async with wired(tmp_path, mode="traces") as (app, pilot):
        listed, view = app.screen.query_one(TraceList), app.screen.query_one(TraceView)
        await until(pilot, lambda: len(listed.places) == len(rows))
        cells = listed.query_one(RecordList)
        for place, one in enumerate(rows):
            whole(cells._source.cells(place)[1].plain, [one["id"][:80]], one_line=True)
        for place, one in list(enumerate(rows))[4::7]:  # the last rows hold the longest texts
            cells.cursor = place
            await until(pilot, lambda one=one: view._row and view._row["id"] == one["id"])
            told = "\n".join(str(static.render()) for static in view.query(Static))
            whole(told, [one["answer"][:40_000], one["thought"][:40_000], one["messages"][0]["content"][:40_000]])
            whole(told, [one["category"], one["type"], one["model"]], one_line=True)
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("escape")
        for some in batches(SHORT, 700):
            gates = [{"name": text[:9], "level": "red", "what": text, "why": text, "examples": [text]} for text in some]
            app.screen.commanded("board", Done("", 0, {"gates": gates}, ""))  # type: ignore[attr-defined]
            await until(pilot, lambda: isinstance(app.screen, TextOver) and app.screen.query(TextArea))
            whole(app.screen.query_one(TextArea).text.replace("\r", "\n"), some[:400])
            await pilot.press("escape")
        await pilot.press("slash")
        for text in SHORT[::100]:
            app.screen.query_one("#filter", Input).value = text
            await pilot.pause()


async def test_the_report_screen(tmp_path: Path) -> None:
    for some in batches(SHORT, 200):
        text = "\n".join(some)
        shown_whole = [entry.show(False).plain for entry in entries(report_of(text=text), False)]
        whole("\n".join(shown_whole), [text])
    async with wired(tmp_path, mode="report") as (app, pilot):
        text = "\n".join(SHORT[:24])
        app.screen._shown(tmp_path, report_of(text=text), "")  # type: ignore[attr-defined]
        found = app.screen.query_one(RecordList)
        for place in range(len(found)):
            found.cursor = place
            await pilot.pause()
        rows = [{"name": text, "step": text, "key": text, "left": text, "right": text}]
        app.screen.commanded("compare", Done("", 0, {"verdict": rows, "settings": rows}, ""))  # type: ignore[attr-defined]
        await pilot.pause()


async def test_the_chat_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Saying(Talking):
        """Says whatever it is asked, in every way that a model's process has."""

        def tell(self, do: str, **fields: Any) -> None:
            if do != "send":
                return super().tell(do, **fields)
            for kind in ("thought", "answer", "notice"):
                self._say(kind, fields, text=fields["text"])
            self._say("error", fields, what=fields["text"], why="", mend="")
            return self._heard()

    monkeypatch.setattr(talk_pane, "Talk", Saying)
    async with wired(tmp_path, mode="chat") as (app, pilot):
        pane = app.screen.query_one("#first", TalkPane)
        for some in batches(BAD, 250):
            text = "\n".join(some)[:39_000]
            pane.meet(Partner(some[0], {"model": some[1]}))
            await pilot.pause()
            assert pane.say(text)
            await until(pilot, lambda: pane.turns and pane.turn is None)
            (turn,) = pane.turns
            for place in ("#asked", "#thought", "#answer", "#notice"):
                whole(str(turn.query_one(place, Static).render()), [text.strip("\n")])
            turn.score(dict.fromkeys(DIMENSIONS, 0.5), dict.fromkeys(some[:9], text[:5000]))
            whole(str(turn.query_one("#why", Static).render()), [text[:5000]])
            whole(str(pane.border_title), [Content(glyphs(some[0], one_line=True)).markup])
            app.screen.query_one("Prompt", TextArea).post_message(paste(text[:5000]))
            await pilot.pause()
            app.screen.query_one("Prompt", TextArea).text = ""
        earlier = [{"asked": text, "thought": text, "answer": text, "ended": True} for text in SHORT[:60]]
        pane.meet(Partner("another", {"model": "m"}))
        await pilot.pause()
        pane._show_earlier(earlier)
        await until(pilot, lambda: len(pane.query(Turn)) == 60)
        told = "\n".join(str(static.render()) for static in pane.query(Static))
        whole(told, [text.strip("\n") for text in SHORT[:60]])


def paste(text: str) -> Any:
    from textual.events import Paste

    return Paste(text)


async def test_dialogues(tmp_path: Path) -> None:
    async with wired(tmp_path) as (app, pilot):
        await until(pilot, lambda: getattr(app.screen, "ready", False))
        app.push_screen(Choose(BAD[0], BAD, ""))
        await pilot.pause()
        names = app.screen.query_one(RecordList)
        whole("\n".join(names._source.cells(place)[0].plain for place in range(len(names))), BAD, one_line=True)
        await page_through(pilot, names)
        await pilot.press("escape")
        app.push_screen(ChooseSeveral(BAD[0], SHORT[:200], SHORT[200:300], ()))
        await pilot.pause()
        names = app.screen.query_one(RecordList)
        whole("\n".join(names._source.cells(place)[1].plain for place in range(len(names))), SHORT[:300], one_line=True)
        await page_through(pilot, names)
        await pilot.press("escape")
        for number, some in enumerate(batches(SHORT, 500)):
            text = "\n".join(some)
            for screen in (Question(shown(text)), Ask(shown(text), text), TextOver(some[0], text, read_only=True),
                           TextOver(some[1], text), Pager(log(tmp_path / f"{number}.txt", text), some[2])):  # fmt: skip
                app.push_screen(screen)
                await until(pilot, lambda screen=screen: app.screen is screen)
                await pilot.pause(0.05)
                if isinstance(screen, TextOver):
                    whole(screen.query_one(TextArea).text.replace("\r", "\n"), [text])
                elif isinstance(screen, Question):
                    whole(str(screen.query(Static).first().render()), [text])
                await pilot.press("escape")
                await until(pilot, lambda screen=screen: app.screen is not screen)
    await asyncio.sleep(0)


def log(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path
