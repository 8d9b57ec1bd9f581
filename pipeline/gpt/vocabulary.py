"""The vocabulary that a set is prepared with, where no model brings its own: GPT-2's, or one trained here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, MissingDependency, ProviderError
from pipeline.engine.rows import content_hash
from pipeline.gpt.tokens import END, open_tokenizer

GPT2 = "openai-community/gpt2"
GPT2_HASH = "179cad62d906b7217f1c9431ece06e7a78a7721f9580960147a6c1ea0a53fc65"
"""Of its 50,257 tokens and their ids: whoever has them has the merges too, which follow from their order."""
SMALLEST = 257
"""Every byte and the end of a document."""


def gpt2(source: str) -> Any:
    """GPT-2's tokenizer from a folder, or from the hub. Raises ProviderError where neither has it, DataError where it
    is another one."""
    folder = Path(source).expanduser()
    tokenizer = open_tokenizer(folder if folder.is_dir() else _from_hub(source))
    if content_hash(tokenizer.get_vocab()) != GPT2_HASH:
        raise DataError(
            f"{source} does not hold GPT-2's vocabulary.",
            f"It has {tokenizer.get_vocab_size()} tokens; GPT-2 has 50257, by ids that are known.",
            "Name a folder with GPT-2's tokenizer.json, or a model of yours as `tokenizer`.",
        )
    return tokenizer


def _from_hub(repository: str) -> Path:
    try:
        from httpx import HTTPError
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise MissingDependency.of_extra("huggingface_hub", "train") from None
    try:
        return Path(hf_hub_download(repository, "tokenizer.json")).parent
    except (HTTPError, OSError, ValueError) as error:  # the hub's own errors are of these
        raise ProviderError(
            f"GPT-2's vocabulary cannot be had: {repository} is no folder, and the hub does not give it.",
            (str(error).splitlines() or [type(error).__name__])[0],
            'Connect to the network, name a folder with its tokenizer.json as `gpt2`, or set tokenization = "bpe".',
        ) from None


def train_bpe(texts: Iterable[str], size: int) -> Any:
    """A byte-level tokenizer of at most `size` tokens, END among them, that splits words as GPT-2's does."""
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError:
        raise MissingDependency.of_extra("tokenizers", "train") from None
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1, min_frequency=2, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    return tokenizer
