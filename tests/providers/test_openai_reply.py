"""Bodies as servers send them, read without the SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.providers.openai_faults import read_delay
from pipeline.providers.openai_reply import read_completion, read_usage
from pipeline.providers.provider import Usage
from pipeline.providers.think import split_think


def body(message: dict[str, Any], finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"model": "m", "choices": [choice], **more}).encode()


@pytest.mark.parametrize(
    "message",
    [
        {"content": "four", "reasoning_content": "two and two"},
        {"content": "\n\nfour", "reasoning": "two and two\n"},
        {"content": "four", "reasoning": "two and two", "reasoning_content": None},
        {"content": "<think>\ntwo and two\n</think>\n\nfour"},
        {"content": "two and two\n</think>\n\nfour", "reasoning_content": ""},
        {"content": [{"type": "text", "text": "<think>two and two</think>"}, {"type": "text", "text": "four"}]},
    ],
)
def test_the_thought_wherever_it_stands(message: dict[str, Any]) -> None:
    reply = read_completion(body(message))
    assert (reply.thought, reply.text, reply.finish) == ("two and two", "four", "stop")


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>on and on", "on and on", ""),
        ("  <think></think>yes", "", "yes"),
        ("plain", "", "plain"),
        ("", "", ""),
        ("Write <think> and </think> around it.", "", "Write <think> and </think> around it."),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
    ],
)
def test_think_blocks(text: str, thought: str, answer: str) -> None:
    assert split_think(text) == (thought, answer)


def test_a_thought_that_never_ended_is_no_answer() -> None:
    reply = read_completion(body({"content": "<think>hm"}))
    assert (reply.text, reply.thought, reply.finish) == ("", "hm", "stop")
    reply = read_completion(body({"content": "<think>hm"}, finish="length"))
    assert (reply.text, reply.finish, reply.reason) == ("", "length", "length")


def test_with_a_field_for_the_thought_the_text_is_left_alone() -> None:
    reply = read_completion(body({"content": "It ends with </think> there.", "reasoning": "x"}))
    assert reply.text == "It ends with </think> there."


@pytest.mark.parametrize(
    ("message", "finish", "ended", "reason"),
    [
        ({"content": "x"}, "length", "length", "length"),
        ({"content": ""}, "content_filter", "blocked", "content_filter"),
        ({"content": None, "refusal": "No."}, "stop", "blocked", "No."),
        ({"content": "x"}, "tool_calls", "invalid", "tool_calls"),
        ({"content": "x"}, None, "invalid", "None"),
        ({"content": "x"}, {}, "invalid", "{}"),
    ],
)
def test_how_it_ended(message: dict[str, Any], finish: Any, ended: str, reason: str) -> None:
    reply = read_completion(body(message, finish))
    assert reply.finish == ended
    assert reason in reply.reason


def test_an_error_of_the_server_behind_is_the_reason() -> None:
    choice = {"message": {"content": ""}, "finish_reason": "error", "error": {"code": 502, "message": "it went away"}}
    reply = read_completion(json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7}}).encode())
    assert (reply.finish, reply.reason, reply.usage.input) == ("invalid", "it went away", 7)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"3", b"{", b"\xff\xfe", b'{"choices":{}}', b'{"choices":[]}', b'{"choices":[3]}',
        b'{"choices":[{"message":[]}]}', b'{"choices":[{"message":{"content":{}},"finish_reason":[]}]}',
        b'{"choices":[{"message":{"content":[1,null,{"text":4}]},"finish_reason":true}],"usage":[],"model":{}}',
        b"[" * 100_000, b'{"error":{"message":"no"}}', b'{"usage":{"prompt_tokens":1e400}}',
    ],
)  # fmt: skip
def test_what_is_no_reply_is_told_and_never_raises(raw: bytes) -> None:
    reply = read_completion(raw)
    assert reply.finish == "invalid"
    assert reply.reason
    assert reply.usage == Usage()


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        # OpenAI: thought is a part of the completion, cached of the prompt
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 90,
                "total_tokens": 190,
                "prompt_tokens_details": {"cached_tokens": 64},
                "completion_tokens_details": {"reasoning_tokens": 70},
            },
            Usage(100, 64, 20, 70),
        ),
        # xAI: the completion leaves the thought out
        (
            {
                "prompt_tokens": 20,
                "completion_tokens": 9,
                "total_tokens": 123,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(20, 0, 9, 94),
        ),
        # Gemini's compatible address: only the total knows of the thought
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 65}, Usage(10, 0, 5, 50)),
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 0, 5, 0)),
        ({"prompt_tokens": "10", "completion_tokens": -5, "total_tokens": True}, Usage()),
        (
            {"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 9}},
            Usage(1, 0, 0, 2),
        ),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 50}}, Usage(5, 5, 0, 0)),
        (None, Usage()),
    ],
)
def test_billed_tokens(usage: Any, read: Usage) -> None:
    assert read_usage(usage) == read


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "1.5", "retry-after-ms": "700"}, 0.7),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1),
        (
            {
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-reset-tokens": "1h2m3.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            3723.5,
        ),
        ({"x-ratelimit-reset": "1741305600000"}, 0),
        ({"x-ratelimit-reset-requests-day": "33011.38"}, 33011.38),
    ],
)
def test_the_delay_that_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert read_delay(headers) == (None if seconds is None else pytest.approx(seconds))


def test_a_time_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_741_305_000.0)
    assert read_delay({"x-ratelimit-reset": "1741305600000"}) == pytest.approx(600)
    assert read_delay({"x-ratelimit-reset": "1741305600"}) == pytest.approx(600)
    assert read_delay({"retry-after": "Fri, 07 Mar 2025 00:00:00 GMT"}) == pytest.approx(600)
