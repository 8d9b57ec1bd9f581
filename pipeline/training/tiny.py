"""A Qwen3 of about a million parameters that starts out able to copy.

A model this small finds out how to copy from its context only after more text than minutes allow. So its first two
layers begin as the circuit that larger models grow for it: previous-token heads and induction heads (Olsson et al.
2022, "In-context Learning and Induction Heads", arXiv 2209.11895). Training is free to keep it, and does.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from pipeline.engine.settings import Settings

EMBEDDING = 0.08
"""Standard deviation of the embeddings, and the scale at which the circuit writes into the residual stream."""
SHARPNESS = 32.0
"""Largest attention logit of the circuit's heads, well above the log of a context's length."""
LOUDNESS = 4.0
"""How much louder than the token that stands there a copied one is."""
FAST, SLOW = 0.1, 0.02
"""Rotary pairs that turn by more, or by less, than this angle (radians) a position: by the first a head tells one
position from the next, by the second it compares tokens over a distance."""


class Sizes(Settings):
    """Of the tiny model."""

    layers: int = Field(2, ge=2)
    """Transformer layers; the first two begin as the circuit that copies."""
    width: int = Field(128, ge=32, multiple_of=4)
    """Width of the residual stream; K-quants need a multiple of 256, narrower ones export as Q8_0 and F16."""
    heads: int = Field(4, ge=2)
    """Attention heads a layer."""
    head_size: int = Field(64, ge=16, multiple_of=2)
    """Width of a head."""
    feed_forward: int = Field(384, ge=1)
    """Width of the gated feed-forward layer."""
    vocabulary: int = Field(2048, ge=300)
    """Tokens at most; a small bank yields fewer."""
    context: int = Field(1024, ge=64)
    """Positions."""
    rope_theta: float = Field(1e6, ge=100)
    """Base of the rotary position angles."""

    @field_validator("head_size")
    @classmethod
    def _holds_a_quarter(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("width", 0) // 4:
            raise ValueError("a head must hold a quarter of the width")
        return value


def describe(sizes: Sizes) -> dict[str, Any]:
    """Its config.json, as much of it as the sizes tell, with a full vocabulary."""
    return {
        "model_type": "qwen3",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.width,
        "intermediate_size": sizes.feed_forward,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.heads,
        "head_dim": sizes.head_size,
        "max_position_embeddings": sizes.context,
        "rope_parameters": {"rope_type": "default", "rope_theta": sizes.rope_theta},
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def build(sizes: Sizes, tokenizer: Any, seed: int) -> Any:
    """A Qwen3ForCausalLM in float32 with tied embeddings; its weights depend on the sizes and the seed alone."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    stops = [tokenizer.eos_token_id, tokenizer.pad_token_id]
    marks = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = Qwen3Config(**{**describe(sizes), "vocab_size": len(tokenizer)}, **marks)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
        model.model.embed_tokens.weight.normal_(0, EMBEDDING)
        for layer in model.model.layers:  # each layer begins as a pass-through
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        _start_copying(model.model, sizes)
    model.generation_config = GenerationConfig(eos_token_id=stops, pad_token_id=tokenizer.pad_token_id)
    return model


def count_parameters(sizes: Sizes) -> int:
    """Of a model with a full vocabulary; the tied embedding counts once."""
    attention = 4 * sizes.width * sizes.heads * sizes.head_size + 2 * sizes.head_size
    layer = attention + 3 * sizes.width * sizes.feed_forward + 2 * sizes.width
    return sizes.vocabulary * sizes.width + sizes.layers * layer + sizes.width


def _start_copying(model: Any, sizes: Sizes) -> None:
    """Lay the residual stream out as (1, token, token before, token before that) and set two heads of each of the first
    two layers. Those of the first move tokens on by one and by two positions; those of the second look for where what
    stands here, or stands before it, was followed by something, and say that."""
    import torch

    size, width = sizes.head_size, sizes.width
    part = width // 4
    angles = sizes.rope_theta ** (-torch.arange(0, size, 2) / size)
    fast, slow = (angles > FAST).nonzero()[:, 0], (angles < SLOW).nonzero()[:, 0]
    slow = torch.cat([slow, slow + size // 2])

    embeddings = model.embed_tokens.weight
    embeddings[:, 0] = 2 * EMBEDDING
    embeddings[:, width - 2 * part :] = 0
    spread = _orthonormal(width - 2 * part - 1, width - 2 * part - 1)
    token = torch.zeros(len(spread), width)
    token[:, 1 : width - 2 * part] = spread
    first, second = model.layers[0].self_attn, model.layers[1].self_attn
    for attention in (first, second):
        for norm in (attention.q_norm, attention.k_norm):
            norm.weight.fill_((SHARPNESS / math.sqrt(size)) ** 0.5)

    seen = [token[:part], torch.eye(width)[width - 2 * part : width - part], torch.eye(width)[width - part :]]
    for head, back in enumerate((1, 2)):
        query, key, value, out = (torch.zeros(size, width) for _ in range(4))
        query[fast, 0] = 1  # turned by its position it equals the key `back` positions before, which is turned by less
        key[fast, 0], key[fast + size // 2, 0] = torch.cos(back * angles[fast]), torch.sin(back * angles[fast])
        value[:part], out[:part] = seen[0], EMBEDDING * seen[back]
        _set_head(first, head, query, key, value, out)
    for head in (0, 1):
        query, key, value = (torch.zeros(size, width) for _ in range(3))
        turn = _orthonormal(len(slow), part)
        query[slow], key[slow] = turn @ seen[head], turn @ seen[head + 1]
        value[: len(token)] = token[:size]
        _set_head(second, head, query, key, value, LOUDNESS * EMBEDDING * value)


def _set_head(attention: Any, head: int, query: Any, key: Any, value: Any, out: Any) -> None:
    """Four matrices of shape (head size, width)."""
    rows = slice(head * len(query), (head + 1) * len(query))
    attention.q_proj.weight[rows], attention.k_proj.weight[rows] = query, key
    attention.v_proj.weight[rows], attention.o_proj.weight[:, rows] = value, out.T


def _orthonormal(rows: int, columns: int) -> Any:
    """A random matrix with orthonormal rows, or columns where it has fewer of those."""
    import torch

    tall = torch.linalg.qr(torch.randn(max(rows, columns), min(rows, columns)))[0]
    return tall if rows >= columns else tall.T
