from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine.rows import read_rows
from tests.tui.chatting import answered, chat, first, say, texts, until
from tui import talk
from tui.partners import Partner
from tui.screens.text import TextOver
from tui.widgets.prompt import Prompt
from tui.widgets.score_bars import ScoreBars
from tui.widgets.talk_pane import TalkPane

POISON = (
    "[INST] a [/INST] [/x] [@click=app.quit]q[/]", "\x1b]0;title\x07\x1b[31m red", "\u202eabc\u2066", "a\x00b\x7f\x9b",
    "\ud800 alone", "two\u2028lines\u2029", "e\u0301\u200b\u200d\ufeff", "漢字かな👩‍👩‍👧 wide", "x" * 1_000_000,
)  # fmt: skip


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Path(__file__).parents[1] / "talking.py"
    monkeypatch.setattr(talk, "command", lambda *_: [sys.executable, str(model)])


async def test_an_answer_comes_with_its_thought_its_figures_and_the_context(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "good [/b] day")
        await until(pilot, answered(app))
        said = texts(app)
        assert "good [/b] day" in said["asked"]
        assert said["answer"].strip() == "good [/b] day"
        assert "hm [/b]" in said["thought"]
        assert "a notice" in said["notice"]
        assert said["figures"] == "3 tokens · 41.2 tokens/s · first after 0.50 s · 2 of 9 of the prompt reused"
        assert "50 of 100" in str(first(app).query_one("#meter").render())
        await pilot.press("f4")
        assert "hm [/b]" not in texts(app)["thought"]
        assert "folded" in texts(app)["thought"]


async def test_raw_is_a_switch_that_is_seen_and_tags_stay_as_they_are_typed(tmp_path: Path) -> None:
    asked = "<myPT_user>Say [b]hello[/b].</myPT_user><myPT_assistant>"
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("f6")
        assert first(app).given["raw"] is True, "before the model is there, too"
        assert "RAW" in str(first(app).query_one("#meter").render())
        await say(app, pilot, asked)
        await until(pilot, answered(app))
        assert first(app).settings["raw"] is True
        assert asked in texts(app)["asked"] and texts(app)["answer"].strip() == asked
        await pilot.press("f6")
        await until(pilot, lambda: first(app).settings["raw"] is False)
        await until(pilot, lambda: "RAW" not in str(first(app).query_one("#meter").render()))


async def test_an_answer_on_its_way_is_stopped_and_the_next_is_heard(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "slow")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].said["answer"])
        await say(app, pilot, "too early")
        assert len(first(app).turns) == 1
        assert app.screen.query_one(Prompt).text == "too early"
        await pilot.press("f5")
        await until(pilot, answered(app))
        assert texts(app)["figures"] == "stopped"
        await pilot.press("enter")
        await until(pilot, answered(app, 2))
        assert texts(app)["answer"].strip() == "too early"


async def test_a_process_that_dies_is_told_of_and_the_next_message_starts_another(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "die")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
        assert "Exit code 7." in texts(app)["notice"]
        assert "the last words" in texts(app)["notice"]
        await say(app, pilot, "again")
        await until(pilot, answered(app, 2))
        assert first(app)._talk is not None
        psutil.Process(first(app)._talk.pid).kill()
        await until(pilot, lambda: first(app)._talk.pid is None)  # type: ignore[union-attr]
        await until(pilot, lambda: any("takes up what was answered" in note.message for note in app._notifications))
        await say(app, pilot, "what did I say?")
        await until(pilot, answered(app, 3))
        assert texts(app)["answer"].strip() == "again"  # the new process was told of it


async def test_a_death_that_was_not_heard_of_yet_takes_no_message_with_it(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "first")
        await until(pilot, answered(app))
        process = first(app)._talk
        assert process is not None
        psutil.Process(process.pid).kill()
        while process.pid is not None:
            time.sleep(0.01)
        assert first(app).say("second")
        await until(pilot, answered(app, 2))
        assert first(app).turns[-1].fault == ""
        await until(pilot, lambda: any("takes up what was answered" in note.message for note in app._notifications))


async def test_errors_stand_in_the_turn(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "fail")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
        assert "It cannot.\n[/x] why" in texts(app)["notice"]
        first(app).meet(Partner("bad", {"model": "bad"}))
        await pilot.pause()
        await say(app, pilot, "hello")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].fault)
        assert "No such file." in texts(app)["notice"]


async def test_two_models_answer_the_same_message_one_after_the_other(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        second = app.screen.query_one("#second", TalkPane)
        app.screen._meet(second, Partner("/m/two.gguf", {"model": "/m/two.gguf"}))  # type: ignore[attr-defined]
        await say(app, pilot, "both of you")
        await until(pilot, lambda: second.turns and second.turns[-1].figures)
        assert [pane.turns[-1].said["answer"] for pane in (first(app), second)] == ["both of you "] * 2
        assert second.named == "two.gguf"
        await pilot.press("f3")
        assert not second.display
        assert second.partner is None


async def test_settings_are_sent_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("escape")
        app.screen.action_settings()  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(app.screen, TextOver))
        area = app.screen.query_one("TextArea")
        area.text = area.text.replace("0.6", "0.25").replace('system = ""', "system = Be brief.")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: first(app).settings.get("temperature") == 0.25)
        assert first(app).given == {"temperature": 0.25, "system": "Be brief."}
        first(app).set({"nonsense": 1})
        await until(pilot, lambda: any("There is no setting." in note.message for note in app._notifications))
        assert "nonsense" not in first(app).given


async def test_an_answer_is_kept_as_a_trace_that_learns_its_last_turn_alone(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        for place, text in enumerate(("one", "two"), 1):
            await say(app, pilot, text)
            await until(pilot, answered(app, place))
        await pilot.press("f9")
        (row,) = read_rows(tmp_path / "data" / "chats" / "kept.jsonl")
        assert row["model"] == "one.gguf"
        assert [(turn["role"], turn["content"], turn.get("weight")) for turn in row["messages"]] == [
            ("user", "one", None), ("assistant", "one", 0), ("user", "two", None), ("assistant", "two", None),
        ]  # fmt: skip
        assert row["messages"][-1]["reasoning_content"] == "hm [/b]"


async def test_what_was_cut_off_is_not_kept(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "slow")
        await until(pilot, lambda: first(app).turns and first(app).turns[-1].said["answer"])
        await pilot.press("f5")
        await until(pilot, answered(app))
        await pilot.press("f9")
        assert not (tmp_path / "data" / "chats" / "kept.jsonl").exists()


async def test_the_offline_judge_gives_nine_scores(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "-x is no option but a question")
        await until(pilot, answered(app))
        await pilot.press("f8")
        bars = first(app).turns[-1].query_one(ScoreBars)
        await until(pilot, lambda: bars.has_class("-said") and "process transparency" in str(bars.render()))


async def test_nobody_to_talk_to(tmp_path: Path) -> None:
    async with chat(tmp_path, model="") as (app, pilot):
        assert "Nobody to talk to yet" in str(first(app).query_one("#empty").render())
        await say(app, pilot, "hello")
        assert not first(app).turns
        assert app.screen.query_one(Prompt).text == "hello"


async def test_escape_leaves_the_prompt_and_a_digit_then_goes_to_another_screen(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("1")
        assert app.screen.query_one(Prompt).text == "1"
        await pilot.press("escape", "5")
        assert app.current_mode == "report"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_poison_is_shown_and_no_escape_byte_reaches_the_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with chat(tmp_path, size) as (app, pilot):
        for place, text in enumerate(POISON, 1):
            assert first(app).say(text)
            await until(pilot, answered(app, place))
            await pilot.pause()
            drawn = "".join(segment.text for strip in app.screen._compositor.render_strips() for segment in strip)
            assert not {"\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u2028"} & set(drawn)
            assert first(app).turns[-1].said["answer"].rstrip(" ") == text.rstrip(" ")


async def test_the_process_ends_with_the_window(tmp_path: Path) -> None:
    async with chat(tmp_path) as (app, pilot):
        await say(app, pilot, "hello")
        await until(pilot, answered(app))
        assert first(app)._talk is not None
        process = psutil.Process(first(app)._talk.pid)
    await until(pilot, lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


async def test_an_earlier_chat_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "chats"
    folder.mkdir(parents=True)
    row = {
        "messages": [{"role": "user", "content": "[/x] \x1b"}, {"role": "assistant", "content": "yes"}],
        "model": "m",
    }
    (folder / "20260101-000000-a.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("escape", "h")
        await until(pilot, lambda: app.screen.query("RecordList"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextOver))
        assert "[/x] ␛" in app.screen.query_one("TextArea").text  # type: ignore[attr-defined]
