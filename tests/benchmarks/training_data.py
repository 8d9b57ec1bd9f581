"""Qwen3-shaped models of random weights, rows of one length, and prompts: what the training benchmark is fed with."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from pipeline.engine.rows import Row
from pipeline.training.examples import Example
from tests.training.tiny_qwen import TEXTS

POSITIONS = 40960
SHAPES: dict[str, Row] = {
    "tiny": {
        "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 4096, "tie_word_embeddings": True,
    },
    "0.6B": {
        "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
    },
    "8B": {
        "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": False,
    },
}  # fmt: skip
MASKED = 4
"""One token in so many, the first ones, stands for a prompt without a loss."""


def make_model(folder: Path, shape: str, tokenizer: Path | None) -> Path:
    """Random weights of that shape, in 16 bits on a GPU, and a tokenizer: a small one of ours, or that of a folder.

    The vocabulary of the weights is the shape's either way.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from pipeline.training.load import compute_dtype
    from pipeline.training.tokenizer import train_tokenizer

    if tokenizer:
        folder.mkdir(parents=True)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            if (tokenizer / name).exists():
                shutil.copy(tokenizer / name, folder / name)
    else:
        train_tokenizer(TEXTS * 4, 320, POSITIONS).save_pretrained(folder)
    config = Qwen3Config(max_position_embeddings=POSITIONS, dtype=compute_dtype(), **SHAPES[shape])
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    try:
        torch.set_default_dtype(compute_dtype())
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder, max_shard_size="4GB")
    return folder


def examples(count: int, length: int) -> list[Example]:
    """Random tokens, each row as long as the next: nothing is padded, so that tokens a second mean the same for all."""
    draw = random.Random(0)
    rows = [[draw.randrange(256) for _ in range(length)] for _ in range(count)]
    silent = length // MASKED
    return [Example(f"row{place}", row, [-100] * silent + row[silent:], True) for place, row in enumerate(rows)]


def prompts(count: int, length: int, model: Path) -> list[Row]:
    """Prompts of about that many tokens once the chat template is laid on."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    draw = random.Random(0)
    rows = []
    for place in range(count):
        words: list[str] = []
        while len(tokenizer(" ".join(words))["input_ids"]) < length - 24:
            words += draw.choices(" ".join(TEXTS).split(), k=8)
        rows.append({"id": f"p{place}", "messages": [{"role": "user", "content": " ".join(words)}]})
    return rows


def reward(text: str) -> float:
    """Something that differs from one completion to the next."""
    return (sum(map(ord, text[:64])) % 97) / 97
