"""Conversations as token ids and labels for SFT: the loss on the final answer alone, its end of turn included."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.training.template import CONTROL, ChatTemplate, completion_text

IGNORED = -100
"""The label that PyTorch's cross-entropy leaves out."""
LOSS_START, LOSS_END = "⟦", "⟧"


@dataclass(frozen=True)
class Conversation:
    """Messages that end with a user's turn, and the thought and answer to be learnt."""

    id: str
    messages: Sequence[Mapping[str, Any]]
    thought: str
    answer: str


@dataclass(frozen=True)
class Example:
    id: str
    input_ids: list[int]
    labels: list[int]
    """As `input_ids` where the loss is, IGNORED elsewhere."""
    thinking: bool


def encode_examples(
    template: ChatTemplate, conversations: Sequence[Conversation], *, max_length: int, no_think_share: float, seed: int
) -> tuple[list[Example], dict[str, int]]:
    """Examples in the order of the conversations, and how many were left out by reason.

    `no_think_share` (0..1) of those with a thought are rendered in no-think mode: which ones follows from their ids and
    the seed. One without a thought always is, for an empty thought is not to be learnt. One that does not fit whole
    within `max_length` tokens is left out rather than cut, since a cut answer teaches never to stop.
    """
    left_out: Counter[str] = Counter()
    fit = []
    for conversation in conversations:
        if holds_control_tokens(conversation):
            left_out["control_tokens"] += 1
        else:
            fit.append(conversation)
    quick = _no_think([row.id for row in fit if row.thought.strip()], no_think_share, seed)
    quick |= {row.id for row in fit if not row.thought.strip()}
    prompts = template.encode([template.prompt(row.messages, thinking=row.id not in quick) for row in fit])
    completions = template.encode(
        [completion_text(row.thought, row.answer, thinking=row.id not in quick) for row in fit]
    )
    examples = []
    for row, prompt, completion in zip(fit, prompts, completions, strict=True):
        if len(prompt) + len(completion) > max_length:
            left_out["too_long"] += 1
            continue
        labels = [IGNORED] * len(prompt) + completion
        examples.append(Example(row.id, prompt + completion, labels, row.id not in quick))
    return examples, dict(left_out)


def holds_control_tokens(conversation: Conversation) -> bool:
    """Whether a text holds what only the template may write, such as an end of turn."""
    texts = [conversation.thought, conversation.answer, *(turn["content"] for turn in conversation.messages)]
    return any(token in text for token in CONTROL for text in texts)


def preview(template: ChatTemplate, example: Example) -> str:
    """The whole text of an example; what the loss is taken on stands between ⟦ and ⟧."""
    start = next(place for place, label in enumerate(example.labels) if label != IGNORED)
    before, after = template.decode(example.input_ids[:start]), template.decode(example.labels[start:])
    return f"{before}{LOSS_START}{after}{LOSS_END}"


def _no_think(ids: Sequence[str], share: float, seed: int) -> set[str]:
    drawn = sorted(ids, key=lambda row: hashlib.sha256(f"{seed}/no-think/{row}".encode()).digest())
    return set(drawn[: round(len(ids) * share)])
