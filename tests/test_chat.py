from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.chat import Conversation, Piece, ThoughtSplitter, chat
from pipeline.engine.errors import DataError
from pipeline.gguf.convert import About, convert
from pipeline.gguf.model import Sampling
from pipeline.gguf.session import Answer, Session
from tests.gguf.tiny import save_tiny_model


class Script:
    """Stands in for a session: renders turns plainly and answers with what it was given, an exception included."""

    def __init__(self, *answers: list[str | type[BaseException]], opened: bool = False) -> None:
        self.answers = list(answers)
        self.opened = opened
        self.prompts: list[str] = []
        self.stops = 0

    def render(self, messages: list[dict[str, str]], *, thinking: bool) -> str:
        text = "".join(f"[{message['role']}]{message['content']}" for message in messages)
        return f"{text}[assistant]{'' if thinking else 'no '}{'<think>' if self.opened else ''}"

    def generate(self, prompt: str, _: Sampling) -> ScriptedStream:
        self.prompts.append(prompt)
        return ScriptedStream(self, self.answers.pop(0))


class ScriptedStream(Iterator[str]):
    def __init__(self, script: Script, pieces: list[str | type[BaseException]]) -> None:
        self._script, self._pieces = script, iter(pieces)
        self.answer: Answer | None = None

    def __next__(self) -> str:
        for piece in self._pieces:
            if isinstance(piece, str):
                return piece
            raise piece("broken")
        self.answer = Answer("stop", 1, 1, 0.0, 0.0)
        raise StopIteration

    def stop(self) -> None:
        self._script.stops += self.answer is None


def converse(script: Script, system: str = "") -> Conversation:
    session: Any = script
    return Conversation(session, system, True, Sampling())


def merged(pieces: list[Piece]) -> list[Piece]:
    whole: list[Piece] = []
    for piece in pieces:
        if whole and whole[-1].kind == piece.kind:
            piece = Piece(piece.kind, whole.pop().text + piece.text)
        whole.append(piece)
    return whole


SAID = "<think>\nA < b, </thin or <think\n</think>\n\nThe <answer> is </b>; <thi"


@pytest.mark.parametrize("cut", range(1, len(SAID)))
def test_thoughts_are_told_apart_wherever_the_pieces_are_cut(cut: int) -> None:
    expected = [Piece("thought", "\nA < b, </thin or <think\n"), Piece("answer", "\n\nThe <answer> is </b>; <thi")]
    for pieces in ([SAID[:cut], SAID[cut:]], [SAID[at : at + cut] for at in range(0, len(SAID), cut)]):
        splitter = ThoughtSplitter()
        got = [piece for text in pieces for piece in splitter.feed(text)]
        assert merged([*got, *splitter.finish()]) == expected


def test_text_is_given_at_once_unless_it_may_begin_a_tag() -> None:
    splitter = ThoughtSplitter()
    assert list(splitter.feed("plain")) == [Piece("answer", "plain")]
    assert list(splitter.feed(" <")) == [Piece("answer", " ")]
    assert list(splitter.feed("b")) == [Piece("answer", "<b")]


def test_turns_are_kept_and_a_template_may_open_the_thought() -> None:
    script = Script(["because", "</think>", "Blue."], ["<think>x</think>", "Yes."], opened=True)
    conversation = converse(script, "Be brief.")
    assert merged(list(conversation.send("Why?"))) == [Piece("thought", "because"), Piece("answer", "Blue.")]
    list(conversation.send("Sure? e\u0301"))
    assert [message["role"] for message in conversation.messages] == ["system", *["user", "assistant"] * 2]
    assert "[assistant]<think>because</think>Blue.[user]Sure? é" in script.prompts[1]
    conversation.reset()
    assert conversation.messages == [{"role": "system", "content": "Be brief."}]


def test_an_answer_closed_early_is_stopped_and_its_thought_closed() -> None:
    script = Script(["<think>so", " far", " more"])
    conversation = converse(script)
    pieces = conversation.send("Why?")
    assert next(pieces) == Piece("thought", "so")
    pieces.close()
    assert script.stops == 1
    assert conversation.messages[-1] == {"role": "assistant", "content": "<think>so\n</think>\n\n"}


def test_a_message_that_got_no_answer_is_taken_back() -> None:
    conversation = converse(Script([DataError], ["Fine."]))
    with pytest.raises(DataError):
        list(conversation.send("far too long"))
    assert conversation.messages == []
    list(conversation.send("short"))
    assert [message["content"] for message in conversation.messages] == ["short", "Fine."]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat")
    convert(save_tiny_model(folder / "hf"), folder / "tiny.gguf", "F16", About("\x1b[31mtiny"))
    return folder / "tiny.gguf"


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


def test_one_answer_for_scripts(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chat(model, "Why?", thinking=False, temperature=1.0, seed=3, max_tokens=20) == 0
    first = capsys.readouterr().out
    assert chat(model, "Why?", thinking=False, temperature=1.0, seed=3, max_tokens=20) == 0
    assert capsys.readouterr().out == first
    assert first.strip()


def test_a_chat_of_several_turns(model: Path, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed(
        "", "/help", "/nonsense", KeyboardInterrupt, "Why?", "/reset", "the sky " * 400, "And?", "/quit", "never read"
    )
    assert chat(model, None, temperature=1.0, max_tokens=8) == 0
    out = capsys.readouterr().out
    assert "␛[31mtiny" in out
    assert "\x1b" not in out
    assert "/reset forgets" in out
    assert "No command /nonsense" in out
    assert "The conversation is forgotten" in out
    assert "The prompt has" in out
    assert out.count("cut off") == 2


def test_the_end_of_input_ends_the_chat(model: Path, typed: Typed) -> None:
    typed("Why?")
    assert chat(model, None, max_tokens=4) == 0


def test_ctrl_c_stops_the_answer_and_not_the_chat(
    model: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(["<think>One ", "moment</think>", "\n\nIt is", KeyboardInterrupt], ["Go \x1b[2Jon \u202e."])
    for method in (script.render, script.generate):
        monkeypatch.setattr(Session, method.__name__, lambda _, *given, method=method, **named: method(*given, **named))
    typed("Why?", "And?")
    assert chat(model, None) == 0
    out = capsys.readouterr().out
    assert "One moment\nIt is\n(stopped)" in out
    assert "Go ␛[2Jon ⟨U+202E⟩." in out
    assert script.stops == 1
    assert "It is[user]And?" in script.prompts[1]


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="not a GGUF file"):
        chat(tmp_path / "a.gguf", "Why?")
