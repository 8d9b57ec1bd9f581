from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.gguf.architectures import read_config, rope_factors
from pipeline.gguf.convert import Kind, convert
from pipeline.gguf.reference import Reference
from pipeline.gguf.session import Session
from pipeline.gguf.verify import TOLERANCE, verify
from tests.gguf.tiny import FAMILIES, LLAMA3_ROPE, save_tiny_model

ORIGINAL = {"original_max_position_embeddings": 128}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in FAMILIES},
    "untied gpt2": ("gpt2", {"tied": False, "half": True}),
    "gpt2 with its own inner width": ("gpt2", {"n_inner": 192}),
    "untied llama": ("llama", {"tied": False, "half": True}),
    "llama 3": ("llama", {"rope_parameters": LLAMA3_ROPE}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, one key for each head": ("llama", {"num_key_value_heads": 4, "head_dim": 32}),
    "untied qwen2": ("qwen2", {"tied": False, "half": True}),
    "stretched qwen3": ("qwen3", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "qwen2 with yarn": (
        "qwen2", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, **ORIGINAL}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_tokens_prompts_and_turns_are_the_hf_models(variant: str, session: Session, tmp_path: Path) -> None:
    family, options = VARIANTS[variant]
    source = save_tiny_model(tmp_path / "model", family, **options)
    convert(source, tmp_path / "a.gguf", "F16")
    reference = Reference.of(source)
    figures = verify(session, tmp_path / "a.gguf", reference, TOLERANCE)
    assert figures["max_difference"] <= 1e-2
    assert figures["spread"] > 0.3
    assert figures["prompts"] == (0 if family == "gpt2" else 4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["F32", "BF16", "Q8_0"])
def test_every_type_comes_straight_out(family: str, kind: Kind, session: Session, tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "model", family)
    convert(source, tmp_path / "a.gguf", kind)
    figures = verify(session, tmp_path / "a.gguf", Reference.of(source), None)
    assert figures["divergence"] < {"F32": 1e-6, "BF16": 1e-3, "Q8_0": 1e-3}[kind]


def test_gpt2_as_it_lies_on_the_hub(session: Session, tmp_path: Path) -> None:
    """Without a prefix, with the masks that old versions kept among the weights, and with no word on tying."""
    source = save_tiny_model(tmp_path / "model", "gpt2")
    reference = Reference.of(source)
    weights = {
        name.removeprefix("transformer."): tensor for name, tensor in load_file(source / "model.safetensors").items()
    }
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, 512, 512) for layer in range(2)}
    save_file({**weights, **masks}, source / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    del config["tie_word_embeddings"]
    (source / "config.json").write_text(json.dumps(config), encoding="utf-8")
    convert(source, tmp_path / "a.gguf", "F16")
    verify(session, tmp_path / "a.gguf", reference, TOLERANCE)


def test_learnt_positions_and_norms_stay_exact(tmp_path: Path) -> None:
    convert(save_tiny_model(tmp_path / "model", "gpt2"), tmp_path / "a.gguf", "Q8_0")
    types = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    assert types["position_embd.weight"] == types["blk.0.attn_qkv.bias"] == types["output_norm.weight"] == "F32"
    assert types["blk.1.attn_qkv.weight"] == types["token_embd.weight"] == "Q8_0"


def test_rope_factors_are_what_transformers_divides_by(tmp_path: Path) -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    source = save_tiny_model(tmp_path / "model", "llama", rope_parameters=LLAMA3_ROPE)
    factors = rope_factors(read_config(source))
    theirs, _ = ROPE_INIT_FUNCTIONS["llama3"](LlamaConfig.from_pretrained(source), "cpu")
    plain = LLAMA3_ROPE["rope_theta"] ** (-np.arange(0, 64, 2) / 64)  # type: ignore[operator]
    assert np.allclose(plain / factors, theirs.numpy(), rtol=1e-5)
    assert factors.min() == 1
    assert factors.max() == 8
    assert len({*factors}) > 3
