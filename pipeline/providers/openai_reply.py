"""What a body of `/chat/completions` says, read from its JSON alone, so that it can be read again years later.

Servers differ in where they put the thought and in what they count; this is the one place that knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.providers.provider import Finish, Reply, Usage
from pipeline.providers.think import split_think

THOUGHTS = ("reasoning_content", "reasoning")
"""Fields of a message that hold the thought: llama-server, LM Studio and older vLLM; newer vLLM, Ollama, OpenRouter."""
FINISHES: Mapping[object, Finish] = {"stop": "stop", "length": "length", "content_filter": "blocked"}


def read_completion(raw: bytes) -> Reply:
    """Never raises: a body that is no reply is one that finished `invalid`, with the reason."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return _invalid(f"the body is not JSON: {error}")
    choices = _table(body).get("choices")
    if not isinstance(choices, list) or not choices:
        return _invalid(told_error(body) or "the body holds no choices", body)
    choice = _table(choices[0])
    message = _table(choice.get("message"))
    text = _text(message.get("content"))
    thought = next((_text(message[field]) for field in THOUGHTS if message.get(field)), "").strip()
    thought, text = (thought, text.strip()) if thought else split_think(text)
    finish, reason = _finish(choice, message)
    return Reply(text, thought, finish, _text(body.get("model")), read_usage(body.get("usage")), reason)


def _finish(choice: Mapping[str, Any], message: Mapping[str, Any]) -> tuple[Finish, str]:
    word = choice.get("finish_reason")
    if refusal := _text(message.get("refusal")):
        return "blocked", refusal
    finish: Finish = FINISHES.get(word, "invalid") if isinstance(word, str) else "invalid"
    if finish == "invalid":
        return finish, told_error(choice) or f"it ended with finish_reason {word!r}"
    return finish, "" if finish == "stop" else str(word)


def read_usage(usage: Any) -> Usage:
    """Billed tokens. Where the total is more than prompt and completion, the rest is thought that the server left out
    of the completion (Gemini's and xAI's do); else the thought is a part of the completion (OpenAI's)."""
    table = _table(usage)
    given, completion = _count(table.get("prompt_tokens")), _count(table.get("completion_tokens"))
    billed = max(completion, _count(table.get("total_tokens")) - given)
    told = _count(_table(table.get("completion_tokens_details")).get("reasoning_tokens"))
    thought = min(told or billed - completion, billed)
    cached = _count(_table(table.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(given, min(cached, given), billed - thought, thought)


def told_error(body: Any) -> str:
    """The text of an error that a body tells, in any of the forms in use; empty where it tells none."""
    table = _table(body)
    error = table.get("error") or table.get("detail") or (table.get("object") == "error" and table.get("message"))
    if isinstance(error, dict):
        error = error.get("message") or error
    if not error:
        return ""
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def _invalid(reason: str, body: Any = None) -> Reply:
    table = _table(body)
    return Reply("", "", "invalid", _text(table.get("model")), read_usage(table.get("usage")), reason)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(value, list):
        return "".join(_text(_table(part).get("text")) for part in value)
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
