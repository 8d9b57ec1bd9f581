"""The real client library against a server that speaks the real wire format: what is sent, what is read."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from pipeline.providers.openai import OpenAI, allows_strict
from pipeline.providers.provider import ProviderSettings, Request, Usage
from tests.servers.loopback import plain_answer
from tests.servers.openai import KEY, MODEL, OpenAIServer
from tests.servers.script import Rule, Script

QUESTION = Request([{"role": "user", "content": "Why is the sky blue?"}], system="You are brief.")


def provider(server: OpenAIServer, environ: dict[str, str] | None = None, **settings: Any) -> OpenAI:
    given = {"kind": "openai", "model": MODEL, "base_url": server.base_url, "timeout": 20.0, **settings}
    return OpenAI(ProviderSettings(**given), environ or {})


def test_an_answer_its_thought_and_what_it_cost() -> None:
    with OpenAIServer() as server:
        teacher = provider(server)
        teacher.check()
        raw = teacher.send(QUESTION)
        reply = teacher.read(raw)
        billed = server.record.summary()
        teacher.close()
    assert reply.text.startswith("Answer ")
    assert reply.thought.startswith("Thought ")
    assert (reply.finish, reply.reason, reply.model) == ("stop", "", f"{MODEL}-2026-01-01")
    assert reply.usage == Usage(billed["input"], 0, billed["output"], billed["thought"])
    assert reply.usage.thought > 0
    assert json.loads(raw)["object"] == "chat.completion"


def test_only_what_was_set_is_sent() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    closed = {**schema, "additionalProperties": False}
    with OpenAIServer() as server:
        provider(server).send(QUESTION)
        full = provider(server, thinking="low", temperature=0.5, max_tokens=77)
        full.send(Request([*QUESTION.messages], thinking="xhigh", max_tokens=55, schema=schema, sample=3))
        full.send(Request([*QUESTION.messages], schema=closed))
    plain, asked, strict = server.bodies
    messages = [{"role": "system", "content": "You are brief."}, *QUESTION.messages]
    assert plain == {"model": MODEL, "messages": messages, "max_tokens": 8192}
    assert (asked["reasoning_effort"], asked["max_tokens"], asked["temperature"]) == ("xhigh", 55, 0.5)
    assert asked["messages"] == [*QUESTION.messages]
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": False}}
    assert asked["response_format"] == form
    assert strict["response_format"]["json_schema"]["strict"] is True
    assert (strict["reasoning_effort"], strict["max_tokens"]) == ("low", 77)


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    with OpenAIServer() as server:
        teacher = provider(server)
        reply = teacher.read(teacher.send(Request([{"role": "user", "content": "a\ud800b \ud83d\ude42 c"}])))
    assert reply.finish == "stop"
    assert server.bodies[0]["messages"][0]["content"] == "a\ufffdb \U0001f642 c"


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://api.openai.com.example.org/v1", "max_tokens"),
    ],
)
def test_the_limit_of_tokens_has_the_name_that_the_server_knows(base_url: str, name: str) -> None:
    settings = ProviderSettings(kind="openai", model="m", base_url=base_url)
    body = OpenAI(settings, {"OPENAI_API_KEY": KEY}).body(QUESTION)
    assert body[name] == 8192
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1


@pytest.mark.parametrize(
    ("action", "finish", "reason"),
    [
        ("blocked", "blocked", "I can't help with that."),
        ("safety", "blocked", "content_filter"),
        ("cut", "length", "length"),
        ("cap", "length", "length"),
        ("text {}", "stop", ""),
        ("body {", "invalid", "not JSON"),
        ('body {"object":"chat.completion","choices":[]}', "invalid", "no choices"),
    ],
)
def test_how_a_reply_ended(action: str, finish: str, reason: str) -> None:
    with OpenAIServer(script=Script([Rule(action)])) as server:
        teacher = provider(server)
        reply = teacher.read(teacher.send(QUESTION))
    assert reply.finish == finish
    assert reason in reply.reason
    if action == "cap":
        assert (reply.text, reply.usage.output, reply.usage.thought) == ("", 0, 8192)
    if action == "text {}":
        assert reply.text == "{}"


def test_many_threads_share_one() -> None:
    together = threading.Barrier(16, timeout=60)

    def answer(body: Any) -> tuple[str, str]:
        together.wait()  # nobody is answered before all have asked
        return plain_answer(body)

    with OpenAIServer(answer=answer) as server:
        teacher = provider(server)
        answers: list[str] = []

        def ask(number: int) -> None:
            request = Request([{"role": "user", "content": f"Question {number}"}])
            answers.append(teacher.read(teacher.send(request)).text)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        teacher.close()
    assert len(set(answers)) == 16


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {}, "required": [], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"not": {"type": "string"}}, "required": ["not"]}, False),
        (
            {
                "type": "object",
                "properties": {"not": {"type": ["integer", "null"], "enum": [0, 1, None]}},
                "required": ["not"],
                "additionalProperties": False,
            },
            True,
        ),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}, False),
        ({"anyOf": [{"type": "null"}, {"type": ["object", "null"], "properties": {"a": {}}, "required": []}]}, False),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, False),
        ({"allOf": [{"type": "string"}]}, False),
        ({"type": "string"}, True),
    ],
)
def test_what_strict_mode_takes(schema: dict[str, Any], strict: bool) -> None:
    assert allows_strict(schema) is strict
