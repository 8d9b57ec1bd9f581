"""A byte-level tokenizer without merges, with the tags: a token a byte, made in a millisecond."""

from __future__ import annotations

from typing import Any

from pipeline.gpt.tokens import END, TAGS


def tiny_tokenizer(more: tuple[str, ...] = (), *, tags: tuple[str, ...] = TAGS, swap: bool = False) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if swap:
        alphabet[0], alphabet[1] = alphabet[1], alphabet[0]
    words = {word: number for number, word in enumerate([*alphabet, *more, END])}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    tokenizer.add_special_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags])
    return tokenizer
