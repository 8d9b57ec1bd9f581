from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.file import File
from pipeline.chat.partner import Figures, Piece
from pipeline.chat.settings import ChatSettings
from pipeline.engine.errors import DataError
from pipeline.gguf.answer import Answer
from pipeline.gguf.session import Session, SessionDied
from tests.chat.test_think import merged
from tests.gguf.endless import CONTEXT, TOKENS

SHORT = ChatSettings(temperature=1.0, max_tokens=8)


@pytest.fixture
def file(model: Path) -> Iterator[File]:
    partner = File(model)
    yield partner
    partner.close()


def say(conversation: Conversation, text: str) -> str:
    return "".join(piece for kind, piece in conversation.send(text) if kind != "notice")


def test_a_file_answers_in_turns_that_are_not_run_again(file: File) -> None:
    talk = Conversation(file, SHORT)
    assert file.open(SHORT) | {"bytes": 0, "parameters": 0} == {
        "name": "tiny.gguf", "title": "\x1b[31mtiny", "context": 512, "trained_context": 512,
        "description": "qwen3 ?B F16",
        "parameters": 0, "bytes": 0, "template": True,
    }  # fmt: skip
    first, second = say(talk, "Why is the sky blue?"), say(talk, "Sure?")
    figures = talk.figures
    assert figures is not None
    assert figures.context == 512
    assert figures.used is not None and figures.left == 512 - figures.used
    assert figures.reused is not None and figures.prompt_tokens is not None
    assert 10 < figures.reused < figures.prompt_tokens
    talk.reset()
    assert (say(talk, "Why is the sky blue?"), say(talk, "Sure?")) == (first, second), "the seed decides"
    talk.reset()
    talk.change({"seed": 5})
    assert say(talk, "Why is the sky blue?") != first


def test_thinking_is_asked_for_as_the_template_knows(file: File) -> None:
    seen = {}
    for thinking in (True, False):
        talk = Conversation(file, ChatSettings(max_tokens=1, thinking=thinking, system="You are brief."))
        say(talk, "Why?")
        assert talk.figures is not None
        seen[thinking] = talk.figures.prompt_tokens
    assert seen[False] > seen[True] > 0, "Qwen's template answers `off` with an empty think block"


def test_raw_text_is_sent_as_it_is(file: File, untold: Path) -> None:
    talk = Conversation(file, SHORT)
    talk.change({"raw": "on"})
    text = "<myPT_user>Say hello.</myPT_user><myPT_assistant>"
    said = [say(talk, text), say(talk, text)]
    assert said[0] == said[1]
    assert talk.figures is not None
    raw_tokens = talk.figures.prompt_tokens
    file.open(talk.settings)
    assert raw_tokens == len(file._session.tokenize(text))
    talk = Conversation(File(untold), SHORT)
    with pytest.raises(DataError, match=r"(?s)no chat template.*`raw`"):
        say(talk, "Why?")
    talk.change({"raw": True})
    assert say(talk, text) == said[0]
    talk.partner.close()


def test_a_full_context_drops_the_oldest_turns_and_says_so(file: File) -> None:
    talk = Conversation(file, ChatSettings(max_tokens=8, temperature=1.0, context=128, system="You are brief."))
    notices = []
    for number in range(8):
        pieces = list(talk.send(f"Question {number}: why is the sky blue?"))
        notices += [text for kind, text in pieces if kind == "notice"]
        assert any(kind == "answer" for kind, _ in pieces)
        assert talk.figures is not None and talk.figures.used is not None
        assert talk.figures.used <= 128
    assert talk.first == len(notices) > 2
    assert "turn 1 (“Question 0: why" in notices[0]
    with pytest.raises(DataError, match="the context holds 128"):
        list(talk.send("the sky " * 200))
    assert say(talk, "Short again?")


def test_memory_is_given_back_and_the_next_message_loads_again(file: File) -> None:
    talk = Conversation(file, SHORT)
    first = say(talk, "Why?")
    file.unload()
    file.unload()
    with pytest.raises(DataError, match="No model is loaded"):
        file._session.info()
    talk.reset()
    assert say(talk, "Why?") == first
    talk.change({"idle": 0.1})
    talk.reset()
    assert say(talk, "Why?") == first
    time.sleep(0.4)
    talk.reset()
    assert say(talk, "Why?") == first


class Pieces(Iterator[str]):
    """Stands in for a session's stream."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = list(pieces)
        self.answer: Answer | None = None

    def __next__(self) -> str:
        if self._pieces:
            return self._pieces.pop(0)
        self.answer = self.answer or Answer("stop", 10, 4, 0.1, 0.2, 6)
        raise StopIteration

    def stop(self) -> None:
        if self._pieces:
            self._pieces, self.answer = [], Answer("stopped", 10, 2, 0.1, 0.2)


def test_a_thought_that_the_template_opened_and_one_that_was_cut_off(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Pieces("beca", "use</think>", "Blue."), Pieces("so", " far", " more"), Pieces("</think>Well.")]
    asked: list[list[str]] = []

    def render(_: Session, messages: list[dict[str, str]], **__: bool) -> str:
        asked.append([message["content"] for message in messages])
        return "[assistant]<think>\n"

    monkeypatch.setattr(Session, "render", render)
    monkeypatch.setattr(Session, "generate", lambda *_, **__: answers.pop(0))
    talk = Conversation(file, SHORT)
    assert merged(list(talk.send("Why?"))) == [Piece("thought", "because"), Piece("answer", "Blue.")]
    assert talk.figures is not None and 0.1 <= talk.figures.first_seconds < 0.2
    assert replace(talk.figures, first_seconds=0.1, seconds=0.2) == Figures("stop", 10, 6, 4, 0.1, 0.2, 512)
    pieces = talk.send("And?")
    assert next(pieces) == Piece("thought", "so")
    pieces.close()
    assert talk.figures is not None and talk.figures.finish == "stopped"
    list(talk.send("So?"))
    assert asked[-1] == ["Why?", "<think>because</think>Blue.", "And?", "<think>so\n</think>\n\n", "So?"]


ENDLESS = ChatSettings(context=CONTEXT, max_tokens=TOKENS, temperature=0)


@pytest.fixture
def talker(endless: Path) -> Iterator[File]:
    partner = File(endless)
    yield partner
    partner.close()


def test_the_death_of_the_process_is_told_and_the_next_message_loads_again(talker: File) -> None:
    talk = Conversation(talker, ENDLESS)
    pieces = talk.send("Why?")
    next(pieces)
    pid = talker._session.pid
    assert pid is not None
    psutil.Process(pid).kill()
    with pytest.raises(SessionDied, match="died"):
        list(pieces)
    assert talk.exchanges[0].figures is None
    talk.change({"max_tokens": 8})
    assert say(talk, "Still there?")


def test_an_answer_is_stopped_at_once(talker: File) -> None:
    talk = Conversation(talker, ENDLESS)
    pieces = talk.send("Why?")
    next(pieces)
    talk.stop()
    list(pieces)
    assert talk.figures is not None
    assert talk.figures.finish == "stopped"
    assert talk.figures.tokens is not None and talk.figures.tokens < TOKENS / 2
