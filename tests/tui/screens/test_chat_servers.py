"""The Chat screen with the chat's own process, over real HTTP: servers that stream, fail, hang and are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import read_rows
from tests.servers.openai import MODEL, OpenAIServer
from tests.servers.script import Rule, Script
from tests.tui.chatting import answered, chat, first, say, texts, until
from tui.partners import Partner
from tui.screens.text import TextOver
from tui.widgets.score_bars import ScoreBars
from tui.widgets.talk_pane import TalkPane


def short(body: Any) -> tuple[str, str]:
    return f"Answer {len(body['messages'])}: it depends.", "Weigh [/x] both sides."


def partner(server: OpenAIServer) -> Partner:
    return Partner("fake", {"server": server.base_url, "model": MODEL})


async def test_a_chat_with_a_server_from_the_first_word_to_another_day(tmp_path: Path) -> None:
    with OpenAIServer(answer=short) as server:
        async with chat(tmp_path, model="") as (app, pilot):
            first(app).meet(partner(server))
            await say(app, pilot, "Why?")
            await until(pilot, answered(app))
            said = texts(app)
            assert said["answer"] == "Answer 1: it depends." and "Weigh [/x] both sides." in said["thought"]
            assert "tokens" in said["figures"]
            await pilot.press("f8")
            bars = first(app).turns[-1].query_one(ScoreBars)
            await until(pilot, lambda: bars.has_class("-said") and "helpfulness" in str(bars.render()))
            await pilot.press("f9")
            (kept,) = read_rows(tmp_path / "data" / "chats" / "kept.jsonl")
            assert MODEL in kept["model"]
            # settings: a wrong one is refused and changes nothing, a right one is sent and the meter shows it
            await pilot.press("escape", "s")
            for text, seen in (("temperature = 9", "temperature"), ("tempo = 1", "tempo")):
                await until(pilot, lambda: isinstance(app.screen, TextOver))
                app.screen.query_one("TextArea").text += f"\n{text}"
                await pilot.press("ctrl+s")
                await until(pilot, lambda seen=seen: any(seen in note.message for note in app._notifications))
                app.clear_notifications()
                await until(pilot, lambda: not isinstance(app.screen, TextOver))
                await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, TextOver))
            app.screen.query_one("TextArea").text += "\ntemperature = 0.25\ncontext = 1000"
            await pilot.press("ctrl+s")
            await until(pilot, lambda: first(app).settings.get("temperature") == 0.25)
            await say(app, pilot, "Sure?")
            await until(pilot, answered(app, 2))
            assert server.bodies[-1]["temperature"] == 0.25
            meter = str(first(app).query_one("#meter").render())
            assert "of 1,000" in meter and "T 0.25" in meter
        (saved,) = (path for path in (tmp_path / "data" / "chats").glob("*-a.jsonl"))
        async with chat(tmp_path, model="") as (app, pilot):
            first(app).meet(partner(server))
            await pilot.press("escape", "g")
            await until(pilot, lambda: app.screen.query("RecordList"))
            await pilot.press(*saved.stem, "enter")
            await until(pilot, lambda: len(first(app).turns) == 2)
            await say(app, pilot, "And now?")
            await until(pilot, answered(app, 3))
            contents = [message["content"].strip() for message in server.bodies[-1]["messages"]]
            assert contents == ["Why?", "Answer 1: it depends.", "Sure?", "Answer 3: it depends.", "And now?"]


async def test_faults_of_a_server_stand_in_the_turn_and_the_chat_goes_on(tmp_path: Path) -> None:
    faults = {"hang": "hang 60", "blocked": "blocked", "fault": "fault", "busy": "503"}
    rules = [Rule(action, count=1, match=word) for word, action in faults.items()]
    with OpenAIServer(answer=short, script=Script(rules)) as server:
        async with chat(tmp_path, model="") as (app, pilot):
            first(app).meet(partner(server))
            await say(app, pilot, "busy")
            await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
            assert "503" in texts(app)["notice"]
            await say(app, pilot, "fault")
            await until(pilot, lambda: len(first(app).turns) == 2 and first(app).turns[-1].fault)
            assert "fallen over" in texts(app)["notice"]
            await say(app, pilot, "blocked")
            await until(pilot, answered(app, 3))
            assert "refused by the service" in texts(app)["figures"]
            await say(app, pilot, "hang")
            await until(
                pilot,
                lambda: len(first(app).turns) == 4 and "answering" in str(first(app).query_one("#meter").render()),
            )
            await pilot.press("f5")
            await until(pilot, lambda: first(app).turn is None)
            assert texts(app)["figures"] == "stopped"
            await say(app, pilot, "well?")
            await until(pilot, answered(app, 5))
            assert "it depends" in texts(app)["answer"]


async def test_a_server_that_is_not_there_and_a_model_that_it_does_not_have(tmp_path: Path) -> None:
    with OpenAIServer(answer=short) as server:
        gone = partner(server)
        async with chat(tmp_path, model="") as (app, pilot):
            first(app).meet(Partner("wrong", {"server": server.base_url, "model": "nobody"}))
            await say(app, pilot, "Why?")
            await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
            assert "nobody" in texts(app)["notice"]
    async with chat(tmp_path, model="") as (app, pilot):
        first(app).meet(gone)
        await say(app, pilot, "Why?")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
        assert gone.load["server"].removesuffix("/v1") in texts(app)["notice"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_two_servers_side_by_side(tmp_path: Path, size: tuple[int, int]) -> None:
    with OpenAIServer(answer=short) as one, OpenAIServer(answer=lambda _: ("Other.", "")) as two:
        async with chat(tmp_path, size, model="") as (app, pilot):
            second = app.screen.query_one("#second", TalkPane)
            first(app).meet(partner(one))
            app.screen._meet(second, partner(two))
            await say(app, pilot, "Why?")
            await until(pilot, lambda: second.turns and second.turns[-1].figures)
            assert second.turns[-1].said["answer"].strip() == "Other." and "it depends" in texts(app)["answer"]
            assert first(app).region.width > 30 and second.region.width > 30
