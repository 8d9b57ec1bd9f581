"""Reads a body of Gemini's `generateContent`, online, from Vertex or out of a batch: JSON alone, no client library.

So that bodies in the ledger stay readable for years, whatever becomes of the library.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.providers.provider import Finish, Reply, Usage

BLOCKED = {
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "MODEL_ARMOR",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
}
CUT_OFF = {"MAX_TOKENS", "CONTINUATION"}
"""CONTINUATION: at the limit, with an offer to go on at a further cost; we never take it up."""


def read_body(raw: bytes) -> Reply:
    """What a body says. One that is no reply gives finish `invalid`, with the reason; nothing is raised."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return Reply("", "", "invalid", "", reason="the body is not JSON")
    body = _dict(body)
    candidates = body.get("candidates")
    candidate = _dict(candidates[0]) if isinstance(candidates, list) and candidates else {}
    parts = _dict(candidate.get("content")).get("parts")
    texts: list[str] = []
    thoughts: list[str] = []
    for part in map(_dict, parts if isinstance(parts, list) else []):
        if isinstance(text := part.get("text"), str):
            (thoughts if part.get("thought") is True else texts).append(text)
    finish, reason = _finish(candidate, _dict(body.get("promptFeedback")), bool(texts))
    counts = _dict(body.get("usageMetadata"))
    usage = Usage(
        input=_count(counts, "promptTokenCount"),
        cached=_count(counts, "cachedContentTokenCount"),
        output=_count(counts, "candidatesTokenCount"),
        thought=_count(counts, "thoughtsTokenCount"),
    )
    model = body.get("modelVersion")
    return Reply("".join(texts), "".join(thoughts), finish, model if isinstance(model, str) else "", usage, reason)


def _finish(candidate: dict[str, Any], feedback: dict[str, Any], has_text: bool) -> tuple[Finish, str]:
    if not candidate:
        if why := feedback.get("blockReason"):
            return "blocked", f"prompt blocked: {why}"
        return "invalid", "the body holds no candidate"
    word = str(candidate.get("finishReason") or "no finish reason")
    if word == "STOP":
        return ("stop", "") if has_text else ("invalid", "STOP without any text")
    if word in CUT_OFF:
        return "length", word
    return ("blocked", word) if word in BLOCKED else ("invalid", word)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(counts: dict[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
