"""A random Qwen3 small enough to answer in milliseconds, with Qwen3's own turn marks and chat template."""

from __future__ import annotations

from pathlib import Path

TEXTS = ["Why is the sky blue?", "Name three rivers, please.", "the a of and to in is it", "0 1 2 3 4 5 6 7 8 9"]


def save_tiny_qwen(folder: Path, *, seed: int = 0, context: int = 512, width: int = 32) -> Path:
    """A model directory as a `model` artifact holds it."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from pipeline.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(TEXTS * 4, 320, context)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=width // 2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
