"""Tokenizers of Llama 2's kind: BPE over characters with bytes as a last resort, as SentencePiece makes them.

llama.cpp joins the neighbours whose joint token has the greatest score, Hugging Face by a list of merges. Both do the
same if the list orders tokens, and holds every way to make one; that is checked here, not assumed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

SPACE = "▁"
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_PREPEND = {"type": "Prepend", "prepend": SPACE}
NORMALIZERS = {True: [_PREPEND, _REPLACE], False: [_REPLACE]}
"""Whether a space is put before a text -> what the normaliser does."""
LOWEST = -1e9
"""Score of a token that nothing is joined to."""


def is_of_its_kind(content: Any) -> bool:
    """Whether a tokenizer.json is one of these."""
    model = content["model"]
    return model["type"] == "BPE" and bool(model.get("byte_fallback")) and not model.get("ignore_merges")


def space_prefix(content: Any) -> bool | None:
    """Whether a space is put before every text; None for a normaliser or pre-tokenizer that llama.cpp does not have."""
    normalizer = content.get("normalizer") or {}
    done = normalizer.get("normalizers", [normalizer])
    found = next((prefix for prefix, steps in NORMALIZERS.items() if steps == done), None)
    return None if content.get("pre_tokenizer") else found


def scores(model: Any) -> dict[str, float] | None:
    """Score of every token that is joined of others; None where no scores would do what the merges do."""
    vocabulary = model["vocab"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    joined = ["".join(merge) for merge in merges]
    order = [joined[0], *(after for before, after in pairwise(joined) if after != before)] if joined else []
    if len({*order}) != len(order):
        return None  # two ways to one token, with another token between them
    listed = {*merges}
    for token in vocabulary:
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in vocabulary and right in vocabulary and (left, right) not in listed:
                return None  # llama.cpp would join what Hugging Face does not
    return {token: -float(place) for place, token in enumerate(order, 1)}
