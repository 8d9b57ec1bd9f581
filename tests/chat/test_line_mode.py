from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.chat.conversation import Conversation
from pipeline.chat.line_mode import LineMode
from pipeline.chat.screen import Screen
from pipeline.chat.settings import ChatSettings
from pipeline.chat.transcript import Transcript
from pipeline.engine.rows import read_rows
from tests.chat.scripted import Scripted

Typed = Callable[..., None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Puts lines on stdin; an exception's type is raised in place of a line."""

    def give(*lines: str | type[BaseException]) -> None:
        waiting = list(lines)

        def read(_: str = "") -> str:
            line = waiting.pop(0) if waiting else EOFError
            if isinstance(line, str):
                return line
            raise line

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr(sys, "stdin", io.StringIO())

    return give


def chat(folder: Path, *partners: Scripted, save: Path | None = None) -> str:
    file = io.StringIO()
    console = Console(file=file, highlight=False, width=200)
    talks = [Conversation(partner, ChatSettings()) for partner in partners]
    transcript = Transcript()
    if save:
        transcript.open(save)
    assert LineMode(talks, Screen(console, console), transcript, folder).run() == 0
    return file.getvalue()


def test_commands(typed: Typed, tmp_path: Path) -> None:
    partner = Scripted(["Blue."], ["Yes."], context=10_000)
    typed("", "/help", "/nonsense", "/sytem", KeyboardInterrupt, "Why?", "/system Be brief.", "/think off", "/seed 7",
          "/settings temperature 0.2", "/settings temperature hot", "/settings", "/reset", "/unload", "And?", "/quit",
          "never read")  # fmt: skip
    out = chat(tmp_path, partner)
    assert "scripted · context of 10000 tokens · /help" in out
    assert "/save [FILE]" in out
    assert "No command /nonsense" in out
    assert "No command /sytem: did you mean" in out or "system" in out.partition("No command /sytem")[2][:60]
    assert "thinking: off, from the next message on." in out
    assert "not 'hot'" in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("temperature  ")] == [
        ["temperature", "0.2"]
    ]
    assert "The conversation is forgotten." in out
    assert partner.unloaded == 1
    assert [message["content"] for message in partner.asked[1]] == ["Be brief.", "And?"]
    assert partner.answers == []


def test_an_error_ends_nothing_and_the_end_of_input_ends_the_chat(typed: Typed, tmp_path: Path) -> None:
    typed("far too long" * 20, "Why?")
    out = chat(tmp_path, Scripted(["Fine."], context=100))
    assert "broken" in out
    assert "Fine." in out


def test_ctrl_c_stops_the_answer_and_not_the_chat(typed: Typed, tmp_path: Path) -> None:
    partner = Scripted(["It is", KeyboardInterrupt], ["Well."])
    typed("Why?", "And?")
    out = chat(tmp_path, partner)
    assert "It is\n(stopped)" in out
    assert [message["content"] for message in partner.asked[1]] == ["Why?", "It is", "And?"]


def test_two_models_answer_the_same_messages_with_the_same_settings(typed: Typed, tmp_path: Path) -> None:
    left, right = Scripted(["left"], ["left"]), Scripted(["right"], ["right"])
    typed("Why?", "/system Be brief.", "And?", "/reset")
    out = chat(tmp_path, left, right)
    assert out.index("left") < out.index("right")
    for partner in (left, right):
        assert partner.asked[1][0]["content"] == "Be brief."


def test_transcripts(typed: Typed, tmp_path: Path) -> None:
    typed(
        "/save",
        "Why?",
        "/reset",
        "And?",
        f"/save {tmp_path / 'a.jsonl'}",
        "So?",
        f"/save {tmp_path / 'b.jsonl'}",
        "/quit",
    )
    (tmp_path / "b.jsonl").write_text("mine", encoding="utf-8")
    out = chat(tmp_path, Scripted(["one"], ["two"], ["three"]))
    assert "Nothing was said yet." in out
    assert "b.jsonl exists already." in out
    assert (tmp_path / "b.jsonl").read_text(encoding="utf-8") == "mine"
    turns = [[message["content"] for message in row["messages"]] for row in read_rows(tmp_path / "a.jsonl")]
    assert turns == [["Why?", "one"], ["And?", "two", "So?", "three"]]
    (unnamed,) = tmp_path.glob("2*.jsonl")
    assert len(list(read_rows(unnamed))) == 2


def test_what_was_typed_is_there_again(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readline: Any = pytest.importorskip("readline")
    typed("/quit")
    (tmp_path / "history").write_text("an earlier line\n", encoding="utf-8")
    seen = []
    real = readline.read_history_file
    monkeypatch.setattr(
        readline, "read_history_file", lambda path: (real(path), seen.append(readline.get_history_item(1)))
    )
    chat(tmp_path, Scripted())
    assert seen == ["an earlier line"]
    assert "an earlier line" in (tmp_path / "history").read_text(encoding="utf-8")
    monkeypatch.setitem(sys.modules, "readline", None)  # as on Windows
    typed("/quit")
    chat(tmp_path, Scripted())
