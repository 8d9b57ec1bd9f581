"""Tiny models with random weights whose memory PyTorch itself can tell."""

from __future__ import annotations

from typing import Any

from pipeline.tasks.estimate.memory import Work
from pipeline.tasks.estimate.shape import Shape, read_shape

ALL = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
SIZES: dict[str, Any] = {
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 6, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
QWEN3_8B: dict[str, Any] = {
    "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "tie_word_embeddings": False, "max_position_embeddings": 40960,
}  # fmt: skip


def work(**changes: Any) -> Work:
    settings: dict[str, Any] = {
        "bits": 32, "rank": 4, "modules": ALL, "dropout": False, "optimizer": "adamw_torch", "checkpointing": False,
        "batch": 1, "length": 128, "cuda": False,
    }  # fmt: skip
    return Work(**{**settings, **changes})


def configured(family: str, **changes: Any) -> Any:
    from transformers import LlamaConfig, Qwen2Config, Qwen3Config

    kind = {"qwen3": Qwen3Config, "qwen2": Qwen2Config, "llama": LlamaConfig}[family]
    return kind(**{**SIZES, **({"head_dim": 16} if family == "qwen3" else {}), **changes})


def shape_of(config: Any) -> Shape:
    return read_shape(config.to_dict())


def tuned(config: Any, modules: frozenset[str], rank: int = 4, dropout: float = 0.0) -> Any:
    """The model with an adapter laid on by PEFT, in float32, ready to train."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        laid = LoraConfig(r=rank, lora_dropout=dropout, target_modules=sorted(modules), task_type="CAUSAL_LM")
        return get_peft_model(model, laid).train()
