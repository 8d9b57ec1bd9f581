"""ShareGPT: {"conversations": [{"from", "value"}]}, with the many words that its collections have for who speaks."""

from __future__ import annotations

from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.ingest.conversation import ABOUT, Conversation, LeftOut, Role, Turn, about, text_of

FIELDS = {"conversations", "system", "tools", *ABOUT}
ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user", "user": "user",
    "gpt": "assistant", "assistant": "assistant", "model": "assistant", "chatgpt": "assistant", "bot": "assistant",
}  # fmt: skip
TOOLS = ("function_call", "function_response", "observation", "tool", "tool_call", "tool_response", "function")
IMAGES = ("image", "images", "video", "videos", "audio", "audios")


def fits(row: Row) -> bool:
    return "conversations" in row


def read(row: Row) -> Conversation:
    said = row.get("conversations")
    if not isinstance(said, list):
        raise LeftOut("unknown_fields", "`conversations` is no list")
    if row.get("tools"):
        raise LeftOut("tool_calls", "tools are offered")
    if held := [name for name in IMAGES if row.get(name)]:
        raise LeftOut("images", held[0])
    turns = [_turn(entry) for entry in said]
    if system := text_of(row.get("system"), "system"):
        turns.insert(0, Turn("system", system))
    return Conversation(turns, about(row))


def _turn(entry: Any) -> Turn:
    if not isinstance(entry, dict):
        raise LeftOut("unknown_fields", "a turn is no object")
    speaker, value = entry.get("from", entry.get("role")), entry.get("value", entry.get("content"))
    if speaker in TOOLS:
        raise LeftOut("tool_calls", str(speaker))
    if not isinstance(speaker, str) or speaker not in ROLES:
        raise LeftOut("unknown_role", str(speaker)[:40])
    text = text_of(value, "value")
    if "<image>" in text:
        raise LeftOut("images", "<image>")
    return Turn(ROLES[speaker], text, learn=entry.get("weight") != 0)
