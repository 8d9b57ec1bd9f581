"""A byte-level BPE with merges, for llama.cpp takes none without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.gpt.tokens import END, add_tags


def train_bpe(texts: Iterable[str], size: int = 320) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    tokenizer.train_from_iterator(list(texts), trainer)
    add_tags(tokenizer)
    return tokenizer
