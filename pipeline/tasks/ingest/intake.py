"""Conversations become traces: ids by content, each once, a problem's rows on one side of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pipeline.engine.rows import Row, content_hash
from pipeline.tasks.ingest.conversation import Conversation, Exchange, LeftOut, exchanges
from pipeline.tasks.records import CATEGORIES, INGESTED, Category, Split

SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("heldout", "held-out", "held_out", "test", "testing", "valid", "validation", "val", "dev",
                     "eval", "evaluation"), "heldout"),
}  # fmt: skip
"""What files call the two sides."""


@dataclass
class Intake:
    """What was taken in so far. Holds hashes and ids, never the traces."""

    every_turn: bool
    longest: int
    category: Category
    heldout: float
    seed: int
    foreign: Counter[str] = field(default_factory=Counter)
    """Categories of rows that are none of ours, such as "math"."""
    samples: Counter[str] = field(default_factory=Counter)
    """Prompt id -> how many traces it has."""
    _seen: set[bytes] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)
    _asked: dict[str, str] = field(default_factory=dict)
    """Prompt id -> hash of what it asks."""

    def traces(self, conversation: Conversation, source: str) -> list[Row]:
        """The traces that it gives, without those that were there before. Raises LeftOut where none is left."""
        found = list(exchanges(conversation, self.every_turn, self.longest))
        split, new = self._split(conversation), []
        for exchange in found:
            key = sha256(repr([exchange.messages, exchange.thought, exchange.answer]).encode()).digest()
            if key not in self._seen:
                self._seen.add(key)
                new.append(exchange)
        if not new:
            raise LeftOut("duplicate")
        category = self._category(conversation.about.category)
        return [self._trace(exchange, conversation, category, split) | {"source": source} for exchange in new]

    def _trace(self, exchange: Exchange, conversation: Conversation, category: Category, split: Split) -> Row:
        kept = conversation.kept
        id, prompt = self._name(exchange, kept)
        self.samples[prompt] += 1
        return {
            "id": id,
            "prompt_id": prompt,
            "category": category,
            "split": split,
            "type": kept.get("type", INGESTED),
            "sample": kept.get("sample", self.samples[prompt] - 1),
            "messages": exchange.messages,
            "thought": exchange.thought,
            "answer": exchange.answer,
            "finish": "stop",
            "provider": kept.get("provider", ""),
            "model": conversation.about.model,
        }

    def _name(self, exchange: Exchange, kept: Mapping[str, Any]) -> tuple[str, str]:
        """Ids of the trace and its prompt: by content, so that they stay when a file grows.

        Those of our own rows are kept, unless another artifact's row came first under the same id.
        """
        asked, said = content_hash(exchange.messages)[:16], content_hash([exchange.thought, exchange.answer])[:12]
        prompt = kept.get("prompt_id", f"in-{asked}")
        if self._asked.setdefault(prompt, asked) != asked:
            prompt = f"{prompt}-{asked[:8]}"
        id = kept["id"] if prompt == kept.get("prompt_id") else f"{prompt}/{said}"
        if id in self._ids:
            id = f"{prompt}/{said}"
        self._ids.add(id)
        return id, prompt

    def _split(self, conversation: Conversation) -> Split:
        """As the row says; else by the hash of its problem, that is of its first question where it names none.

        So a file that grows moves no row from one side to the other.
        """
        if given := conversation.about.split.casefold():
            if given not in SPLITS:
                raise LeftOut("unknown_split", given[:40])
            return SPLITS[given]
        first = next(turn.content for turn in conversation.turns if turn.role == "user")
        drawn = content_hash([self.seed, " ".join((conversation.about.problem or first).casefold().split())])
        return "heldout" if int(drawn[:12], 16) < self.heldout * 16**12 else "train"

    def _category(self, given: str) -> Category:
        name = given.casefold()
        found = next((known for known in CATEGORIES if known == name), None)
        if name and found is None:
            self.foreign[name[:40]] += 1
        return found or self.category
