"""OpenAI's messages: {"messages": [{"role", "content"}]}, as for fine-tuning; content as text or as parts."""

from __future__ import annotations

from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.ingest.conversation import ABOUT, Conversation, LeftOut, Role, Turn, about, text_of

FIELDS = {"messages", "tools", "functions", "parallel_tool_calls", *ABOUT}
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thought")
"""Names that services and tools give the field of an assistant's thought."""


def fits(row: Row) -> bool:
    return "messages" in row


def read(row: Row) -> Conversation:
    messages = row.get("messages")
    if not isinstance(messages, list):
        raise LeftOut("unknown_fields", "`messages` is no list")
    if row.get("tools") or row.get("functions"):
        raise LeftOut("tool_calls", "tools are offered")
    return Conversation([_turn(message) for message in messages], about(row))


def _turn(message: Any) -> Turn:
    if not isinstance(message, dict):
        raise LeftOut("unknown_fields", "a message is no object")
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        raise LeftOut("tool_calls")
    if not isinstance(role, str) or role not in ROLES:
        raise LeftOut("unknown_role", str(role)[:40])
    thought = next((text_of(message[name], name) for name in THOUGHTS if message.get(name)), "")
    if message.get("audio"):
        raise LeftOut("images", "audio")
    return Turn(ROLES[role], _content(message.get("content")), thought, learn=message.get("weight") != 0)


def _content(content: Any) -> str:
    """Text as it is; of a list of parts those that are text, one after the other."""
    if not isinstance(content, list):
        return text_of(content, "content")
    texts = []
    for part in content:
        if not isinstance(part, dict):
            raise LeftOut("not_text", "a part of `content` is no object")
        kind = part.get("type")
        if kind not in ("text", "input_text", "output_text"):
            raise LeftOut("images" if kind else "not_text", str(kind)[:40])
        texts.append(text_of(part.get("text"), "text"))
    return "\n".join(texts)
