from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.partner import Piece
from pipeline.chat.server import Server
from pipeline.chat.settings import ChatSettings
from pipeline.engine.errors import ConfigError, PipelineError, ProviderError
from pipeline.gguf.room import ContextFull
from pipeline.providers.provider import ProviderSettings, Refused, Throttled, Unavailable
from tests.chat.test_think import merged
from tests.servers.openai import KEY, MODEL, OpenAIServer
from tests.servers.script import Rule, Script


def partner(server: OpenAIServer, model: str = MODEL, **given: Any) -> Server:
    settings = ProviderSettings(kind="openai", model=model, base_url=server.base_url, timeout=60.0, **given)
    return Server(settings, {"MY_KEY": KEY, "BAD_KEY": "sk-nobodysthing"})


def scripted(*actions: str) -> Script:
    return Script([Rule(action, first=number, count=1) for number, action in enumerate(actions, 1)])


def short(_: Any) -> tuple[str, str]:
    return "Answer: it depends.", "Weigh both sides."


@pytest.mark.parametrize("thoughts", ["reasoning_content", "reasoning", "think", ""])
def test_answers_stream_with_their_thoughts(thoughts: str) -> None:
    with OpenAIServer(answer=short, thoughts=thoughts) as server:
        talk = Conversation(partner(server), ChatSettings(system="Be brief.", context=100))
        pieces = list(talk.send("Why?"))
        assert len(pieces) > 3
        expected = [Piece("answer", "Answer: it depends.")]
        assert [piece for piece in merged(pieces) if piece.kind == "answer"][-1].text.strip() == expected[0].text
        assert ("".join(text for kind, text in pieces if kind == "thought").strip() != "") == bool(thoughts)
        figures = talk.figures
        assert figures is not None
        assert (figures.finish, figures.context) == ("stop", 100)
        assert figures.prompt_tokens == 4 and figures.tokens and figures.left == 100 - 4 - figures.tokens
        list(talk.send("Sure?"))
        body = server.bodies[-1]
        assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
        assert body["messages"][2]["content"].strip() == "Answer: it depends.", "thoughts are not sent back"
        assert body["stream_options"] == {"include_usage": True}


def test_only_settings_that_were_given_are_sent() -> None:
    with OpenAIServer(answer=short) as server:
        talk = Conversation(partner(server), ChatSettings())
        list(talk.send("Why?"))
        assert {"temperature", "top_p", "top_k", "min_p", "seed", "chat_template_kwargs"} & set(
            server.bodies[-1]
        ) == set()
        assert server.bodies[-1]["max_tokens"] == 1024
        talk.change({"temperature": 0, "top_k": 5, "seed": 0, "thinking": False})
        pieces = list(talk.send("Why?"))
        body = server.bodies[-1]
        assert (body["temperature"], body["top_k"], body["seed"]) == (0, 5, 0)
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        notices = [text for kind, text in pieces if kind == "notice"]
        assert notices == ["The server lets the model think, although `thinking` is off."]


def test_settings_without_effect_are_refused() -> None:
    with OpenAIServer() as server:
        talk = Conversation(partner(server), ChatSettings())
        with pytest.raises(ConfigError, match=r"`idle`, `raw` would have no effect"):
            talk.change({"raw": True, "idle": 3})
        assert talk.settings == ChatSettings()
    own = Server(ProviderSettings(kind="openai", model="gpt"), {"OPENAI_API_KEY": KEY})
    with pytest.raises(ConfigError, match=r"(?s)`min_p`, `thinking` would have no effect.*knows no such"):
        Conversation(own, ChatSettings(thinking=False, min_p=0.1))


Ends = list[tuple[str, type[PipelineError], str]]
ENDS: Ends = [
    ("503", Unavailable, "503"),
    ("429 minute 2", Throttled, "429"),
    ("400", Refused, "refuses the request"),
    ("reset", Unavailable, "broke off|cannot be reached"),
    ("html 200", Unavailable, "web page"),
    ("html 502", Unavailable, "web page"),
    ("body {}", Unavailable, "broke off before its answer was whole"),
]


@pytest.mark.parametrize(("action", "error", "words"), ENDS)
def test_a_server_that_fails_is_told_and_the_chat_goes_on(action: str, error: type[PipelineError], words: str) -> None:
    with OpenAIServer(script=scripted(action), answer=short) as server:
        talk = Conversation(partner(server), ChatSettings())
        with pytest.raises(error, match=words):
            list(talk.send("Why?"))
        assert talk.exchanges == []
        assert "".join(text for kind, text in talk.send("Why?") if kind == "answer") == "Answer: it depends."


@pytest.mark.parametrize(
    ("action", "words"),
    [("drop", "broke off"), ("fault", "the model has fallen over"), ("garbage", "no JSON")],
)
def test_a_server_that_dies_in_mid_stream(action: str, words: str) -> None:
    with OpenAIServer(script=scripted(action), answer=short) as server:
        talk = Conversation(partner(server), ChatSettings())
        with pytest.raises(Unavailable, match=words):
            list(talk.send("Why?"))
        (exchange,) = talk.exchanges
        assert exchange.figures is None
        assert "Answer: it depends.".startswith(exchange.answer) and (exchange.thought or exchange.answer)
        list(talk.send("And?"))
        assert len(talk.exchanges) == 2


@pytest.mark.parametrize(
    ("action", "finish"), [("cut", "length"), ("cap", "length"), ("blocked", "blocked"), ("safety", "blocked")]
)
def test_how_an_answer_ended(action: str, finish: str) -> None:
    with OpenAIServer(script=scripted(action), answer=short) as server:
        talk = Conversation(partner(server), ChatSettings())
        list(talk.send("Why?"))
        assert talk.figures is not None
        assert talk.figures.finish == finish


def test_a_full_context_drops_the_oldest_turns_and_says_so() -> None:
    with OpenAIServer(script=scripted("", "", "full", "full"), answer=short) as server:
        talk = Conversation(partner(server), ChatSettings())
        list(talk.send("One?"))
        list(talk.send("Two?"))
        notices = [text for kind, text in talk.send("Three?") if kind == "notice"]
        assert [notice.partition(" (")[0] for notice in notices] == [
            "The context is full: turn 1", "The context is full: turn 2",
        ]  # fmt: skip
        assert [message["content"] for message in server.bodies[-1]["messages"]] == ["Three?"]
    with OpenAIServer(script=Script(lambda _, __: "full")) as server:
        talk = Conversation(partner(server), ChatSettings())
        with pytest.raises(ContextFull, match="refuses the request"):
            list(talk.send("Why?"))


def test_a_stop_is_heard_at_once_and_reaches_the_server() -> None:
    with OpenAIServer(answer=lambda _: ("word " * 400, "")) as server:
        server.pause = 0.05
        talk = Conversation(partner(server), ChatSettings())
        pieces = talk.send("Why?")
        while next(pieces).kind != "answer":
            pass
        began = time.monotonic()
        talk.stop()
        rest = list(pieces)
        assert time.monotonic() - began < 10, "the whole answer takes 20 s"
        assert rest == []
        assert talk.figures is not None
        assert talk.figures.finish == "stopped"
        time.sleep(0.5)
        sent = server.sent
        time.sleep(0.5)
        assert server.sent == sent < 400, "the connection was broken off"


def test_a_stop_is_heard_while_the_server_is_silent() -> None:
    with OpenAIServer(script=scripted("hang 60")) as server:
        talk = Conversation(partner(server), ChatSettings())
        pieces = talk.send("Why?")
        from threading import Timer

        Timer(0.3, talk.stop).start()
        began = time.monotonic()
        assert list(pieces) == []
        assert time.monotonic() - began < 30
        assert talk.exchanges == []


Wrong = list[tuple[Callable[[OpenAIServer], Server], str]]
WRONG: Wrong = [
    (lambda server: partner(server), "does not accept the key"),
    (lambda server: partner(server, key_env="BAD_KEY"), "does not accept the key"),
    (lambda server: partner(server, model="other", key_env="MY_KEY"), "no model `other`"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_a_wrong_key_or_model_is_told(make: Callable[[OpenAIServer], Server], words: str) -> None:
    with OpenAIServer(key=KEY) as server:
        talk = Conversation(make(server), ChatSettings())
        with pytest.raises(ProviderError, match=words) as caught:
            list(talk.send("Why?"))
        assert "sk-nobody" not in str(caught.value)


def test_no_server_at_all() -> None:
    settings = ProviderSettings(kind="openai", model="m", base_url="http://127.0.0.1:9/v1", timeout=2.0)
    talk = Conversation(Server(settings, {}), ChatSettings())
    with pytest.raises(Unavailable, match="cannot be reached"):
        list(talk.send("Why?"))
    with pytest.raises(ConfigError, match="cannot be unloaded"):
        talk.partner.unload()
