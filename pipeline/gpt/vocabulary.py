"""The vocabulary that a set is prepared with, where no model brings its own: GPT-2's, or one trained here."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, MissingDependency, ProviderError
from pipeline.gpt.tokens import END, open_tokenizer

GPT2 = "openai-community/gpt2"
GPT2_SIZE = 50_257
GPT2_HASH = "e35a33a0b2250c932ffdafc4c3a3552aef0cc7af7a11e9ebfddf1d2a6517371f"
"""SHA-256 of its 50,257 tokens, a line each, by their ids: whoever has them has the merges too, which follow from their
order."""
SMALLEST = 257
"""Every byte and the end of a document."""


def gpt2(source: str) -> Any:
    """GPT-2's tokenizer from a folder, or from the hub. Raises ProviderError where neither has it, DataError where it
    is another one."""
    folder = Path(source).expanduser()
    tokenizer = open_tokenizer(folder if folder.is_dir() else _from_hub(source))
    ids = tokenizer.get_vocab()
    if sha256("\n".join(sorted(ids, key=ids.__getitem__)).encode()).hexdigest() != GPT2_HASH:
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
