"""An earlier chat is gone on with: another day's, or this one's after its model died."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pipeline.engine.rows import read_rows
from tests.tui.chatting import answered, chat, first, say, texts, until
from tui import talk
from tui.keep import history


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Path(__file__).parents[1] / "talking.py"
    monkeypatch.setattr(talk, "command", lambda *_: [sys.executable, str(model)])


async def test_an_earlier_chat_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "chats"
    folder.mkdir(parents=True)
    turns = [("first [/x]", "one"), ("second", "two")]
    said = [
        {"role": role, "content": text}
        for pair in turns
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    path = folder / "20260101-000000-a.jsonl"
    path.write_text(json.dumps({"messages": said, "model": "m"}) + "\n", encoding="utf-8")
    before = path.read_bytes()
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("escape", "g")
        await until(pilot, lambda: app.screen.query("RecordList"))
        await pilot.press("enter")
        await until(pilot, lambda: len(first(app).turns) == 2)
        await until(pilot, lambda: texts(app, 0)["asked"] == "you  first [/x]" and texts(app)["answer"] == "two")
        await say(app, pilot, "what did I say?")
        await until(pilot, answered(app, 3))
        assert texts(app)["answer"].strip() == "second"
        assert path.read_bytes() == before  # what is said now goes to a file of its own
        await pilot.press("f9")
        (row,) = read_rows(folder / "kept.jsonl")
        assert [turn["content"] for turn in row["messages"]][::2] == ["first [/x]", "second", "what did I say?"]


async def test_an_earlier_chat_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "chats"
    folder.mkdir(parents=True)
    (folder / "20260101-000000-a.jsonl").write_text("[/x]", encoding="utf-8")
    async with chat(tmp_path) as (app, pilot):
        await pilot.press("escape", "g")
        await until(pilot, lambda: app.screen.query("RecordList"))
        await pilot.press("enter")
        await until(pilot, lambda: any("No conversation." in note.message for note in app._notifications))
        await say(app, pilot, "anew")
        await until(pilot, answered(app))


def test_earlier_chats_are_told_apart_by_how_they_began(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "chats"
    folder.mkdir(parents=True)
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "Why?\n\x1b"}]
    for name, text in {
        "1": json.dumps({"messages": said, "model": "tiny"}), "2": "", "3": "{torn", "4": '{"messages": 7}', "5": "[]",
    }.items():  # fmt: skip
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    assert list(history(tmp_path)) == ["5", "4", "3", "2", "1  tiny  Why?\n\x1b"]
    assert history(tmp_path / "none") == {}
