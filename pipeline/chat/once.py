"""One message, one answer, for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipeline.chat.conversation import Conversation
from pipeline.chat.partner import Figures


def answer_as_json(conversations: Sequence[Conversation], text: str) -> str:
    """The answer of each; of one alone as an object, of several as a list. Raises what the partner raises."""
    shown = [_answer(conversation, text) for conversation in conversations]
    return json.dumps(shown[0] if len(shown) == 1 else shown, indent=2)


def _answer(conversation: Conversation, text: str) -> dict[str, Any]:
    said = {"thought": "", "answer": "", "notice": ""}
    for kind, piece in conversation.send(text):
        said[kind] += piece
    figures = conversation.figures
    return {
        "model": conversation.name,
        "thought": said["thought"].strip(),
        "answer": said["answer"].strip(),
        "notice": said["notice"],
        **(figures_as_json(figures) if figures else {}),
    }


def figures_as_json(figures: Figures) -> dict[str, Any]:
    pace = figures.tokens_per_second
    return {
        **asdict(figures),
        "used": figures.used,
        "left": figures.left,
        "tokens_per_second": None if pace is None else round(pace, 2),
    }
