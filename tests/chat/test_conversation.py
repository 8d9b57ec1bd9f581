from __future__ import annotations

import threading

import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.partner import Piece
from pipeline.chat.settings import ChatSettings
from pipeline.engine.errors import ConfigError, DataError, ProviderError
from pipeline.gguf.room import ContextFull
from tests.chat.scripted import Scripted
from tests.chat.test_think import merged


def contents(scripted: Scripted, number: int = -1) -> list[str]:
    return [message["content"] for message in scripted.asked[number]]


def test_turns_are_kept_and_thoughts_are_told_apart() -> None:
    scripted = Scripted(["<think>", "because", "</think>", "Blue."], ["Yes."], ["Again."])
    conversation = Conversation(scripted, ChatSettings(system="Be brief."))
    assert merged(list(conversation.send("Why?"))) == [Piece("thought", "because"), Piece("answer", "Blue.")]
    list(conversation.send("Sure? e\u0301"))
    assert [message["role"] for message in scripted.asked[1]] == ["system", "user", "assistant", "user"]
    assert contents(scripted) == ["Be brief.", "Why?", "<think>because</think>Blue.", "Sure? é"]
    exchange = conversation.exchanges[0]
    assert (exchange.asked, exchange.thought, exchange.answer) == ("Why?", "because", "Blue.")
    conversation.reset()
    list(conversation.send("So?"))
    assert contents(scripted) == ["Be brief.", "So?"]
    assert scripted.reused == [False, True, False], "the first turn is computed afresh, so that a seed decides it"


def test_figures_are_those_of_the_last_answer() -> None:
    conversation = Conversation(Scripted(["four"], [DataError], context=100), ChatSettings())
    list(conversation.send("two"))
    figures = conversation.figures
    assert figures is not None
    assert (figures.finish, figures.used, figures.left) == ("stop", 7, 93)
    assert figures.tokens_per_second == pytest.approx(3 / 0.4)
    with pytest.raises(DataError):
        list(conversation.send("two"))
    assert conversation.figures is None


def test_an_answer_closed_early_is_stopped_and_its_thought_closed() -> None:
    scripted = Scripted(["<think>so", " far", " more"], ["Well."])
    conversation = Conversation(scripted, ChatSettings())
    pieces = conversation.send("Why?")
    assert next(pieces) == Piece("thought", "so")
    pieces.close()
    assert scripted.stops == 1
    assert conversation.figures is not None
    assert conversation.figures.finish == "stopped"
    list(conversation.send("And?"))
    assert contents(scripted) == ["Why?", "<think>so\n</think>\n\n", "And?"]


def test_a_stop_that_comes_before_the_answer_is_heard() -> None:
    scripted = Scripted(["never", "said"], ["said"])
    conversation = Conversation(scripted, ChatSettings())
    conversation.stop()  # of no effect: nothing is on its way
    stopped = threading.Event()
    pieces = conversation.send("Why?", stopped)
    stopped.set()
    assert list(pieces) == []
    assert conversation.exchanges == []
    assert list(conversation.send("Why?")) == [Piece("answer", "said")]


@pytest.mark.parametrize("error", [DataError, ContextFull])
def test_a_message_that_got_no_answer_is_taken_back(error: type[Exception]) -> None:
    scripted = Scripted([error], [error], ["Fine."])
    conversation = Conversation(scripted, ChatSettings())
    with pytest.raises(error):
        list(conversation.send("far too long"))
    assert conversation.exchanges == []
    scripted.answers = [["Fine."]]
    list(conversation.send("short"))
    assert contents(scripted) == ["short"]


def test_what_was_said_before_the_partner_died_is_kept() -> None:
    scripted = Scripted(["Half an ", ProviderError])
    conversation = Conversation(scripted, ChatSettings())
    with pytest.raises(ProviderError):
        list(conversation.send("Why?"))
    (exchange,) = conversation.exchanges
    assert (exchange.answer, exchange.figures) == ("Half an", None)


def test_the_oldest_turns_are_dropped_visibly_and_the_system_prompt_stays() -> None:
    scripted = Scripted(*[["a" * 20]] * 6, context=160)
    conversation = Conversation(scripted, ChatSettings(system="s" * 10, max_tokens=20))
    said = [list(conversation.send(f"{number} " + "u" * 18)) for number in range(4)]
    assert [piece.kind for pieces in said for piece in pieces if piece.kind == "notice"] == ["notice"]
    (notice,) = [piece for piece in said[3] if piece.kind == "notice"]
    assert "turn 1 (“0 uuuu" in notice.text
    assert "no longer seen" in notice.text
    assert contents(scripted)[0] == "s" * 10
    assert contents(scripted)[1].startswith("1 ")
    assert len(conversation.exchanges) == 4, "what was said stays in the conversation"
    assert conversation.first == 1
    # With room to spare after a turn was dropped: the next message drops none.
    assert scripted.rooms == [20, 20, 20, 40]


def test_a_message_that_fits_alone_may_take_the_room_of_an_answer() -> None:
    scripted = Scripted(["a" * 10], ["b"], context=100)
    conversation = Conversation(scripted, ChatSettings(max_tokens=50))
    list(conversation.send("first"))
    kinds = [piece.kind for piece in conversation.send("u" * 95)]
    assert kinds == ["notice", "answer"]
    assert scripted.rooms == [25, 1]
    with pytest.raises(ContextFull):
        list(conversation.send("u" * 101))
    assert len(conversation.exchanges) == 2


def test_raw_messages_stand_alone_and_as_they_are() -> None:
    scripted = Scripted(["one"], ["two"])
    conversation = Conversation(scripted, ChatSettings(raw=True))
    for text in ("<myPT_user>e\u0301</myPT_user><myPT_assistant>", "<a>"):
        list(conversation.send(text))
    assert scripted.asked[0][-1]["content"] == "<myPT_user>e\u0301</myPT_user><myPT_assistant>"
    assert scripted.asked[1][-1]["content"] == "<a>"


def test_settings_are_changed_whole_or_not_at_all() -> None:
    conversation = Conversation(Scripted(), ChatSettings(seed=3))
    conversation.change({"temperature": "0.2", "thinking": "off"})
    settings = conversation.settings
    assert (settings.temperature, settings.thinking, settings.seed) == (0.2, False, 3)
    with pytest.raises(ConfigError, match=r"(?s)`top_p`.*no setting `sede`.*seed"):
        conversation.change({"seed": 9, "top_p": 2, "sede": 1})
    assert conversation.settings == settings
