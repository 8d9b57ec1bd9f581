from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.providers.gemini_reply import read_body
from pipeline.providers.provider import Reply, Usage


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def candidate(finish: str | None, *parts: Any) -> dict[str, Any]:
    return {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish}


def test_thoughts_apart_from_text_in_whatever_order() -> None:
    parts = [{"text": "First, ", "thought": True}, {"text": "Yes"}, {"text": "then.", "thought": True}, {"text": "."}]
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 9,
        "totalTokenCount": 116,
    }
    raw = body(candidates=[candidate("STOP", *parts)], usageMetadata=usage, modelVersion="gemini-3-pro-001")
    assert read_body(raw) == Reply("Yes.", "First, then.", "stop", "gemini-3-pro-001", Usage(100, 40, 7, 9))


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *((word, "blocked") for word in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        *((word, "invalid") for word in ("OTHER", "MALFORMED_RESPONSE", "A_NEW_ONE", "", None)),
    ],
)
def test_finish_reasons(word: str | None, finish: str) -> None:
    reply = read_body(body(candidates=[candidate(word, {"text": "some"})]))
    assert (reply.finish, reply.text) == (finish, "some")
    assert bool(reply.reason) == (finish != "stop")


def test_an_end_without_text_is_no_reply() -> None:
    assert (
        read_body(body(candidates=[candidate("STOP", {"text": "only a thought", "thought": True})])).finish == "invalid"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"<html>",
        b"{",
        b"[" * 100_000,
        body(candidates=None),
        body(candidates=[]),
        body(candidates=[7]),
        body(candidates={"a": 1}),
        body(candidates=[{"content": "text", "finishReason": "STOP"}]),
        body(candidates=[{"content": {"parts": "text"}, "finishReason": ["STOP"]}]),
        body(candidates=[candidate("STOP", None, 3, {"text": 5})]),
        body(promptFeedback=["blockReason"]),
        body(usageMetadata={"promptTokenCount": "many", "candidatesTokenCount": -4, "thoughtsTokenCount": True}),
    ],
)
def test_a_body_that_is_no_reply_is_invalid_and_nothing_is_raised(raw: bytes) -> None:
    reply = read_body(raw)
    assert (reply.finish, reply.text, reply.usage) == ("invalid", "", Usage())
    assert reply.reason
