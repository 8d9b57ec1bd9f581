"""The GPT-2 family by size: its config.json, its parameters, and a model with fresh weights or another's.

LayerNorm, GELU four times as wide, learnt positions. Weights are in 32 bits; training multiplies them in fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import read_json

SIZES: Mapping[str, tuple[int, int, int]] = {
    "tiny": (4, 4, 128),
    "small": (6, 6, 384),
    "124M": (12, 12, 768),
    "350M": (24, 16, 1024),
    "750M": (32, 20, 1280),
}
"""Name -> layers, heads, width."""


@dataclass(frozen=True)
class Shape:
    """The seeds' names of what makes a GPT-2."""

    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    """Positions."""
    vocab_size: int
    """Rows of the embedding."""
    tie_weights: bool = True
    """Whether embedding and head are one matrix."""

    def check(self) -> None:
        """Raises ConfigError for a width that the heads cannot share."""
        if self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd = {self.n_embd} is no multiple of n_head = {self.n_head}.",
                "Every head takes an equal share of the width.",
                "Change one of them.",
            )

    def starts(self) -> float:
        """Standard deviation of fresh weights: about GPT-2's 0.02 at its widths, more for a narrower model, which would
        learn to attend late. Those that write into the residual stream get less with every layer.
        Source: Nguyen and Salazar, Transformers without Tears (2019), section 3.1."""
        return sqrt(2 / (5 * self.n_embd))

    def parameters(self) -> int:
        """Weights and biases; a tied head counts once."""
        width = self.n_embd
        layer = 12 * width * width + 13 * width
        tables = (self.vocab_size * (1 if self.tie_weights else 2) + self.block_size) * width
        return tables + self.n_layer * layer + 2 * width

    def describe(self) -> dict[str, Any]:
        """Its config.json, as far as the shape tells."""
        return {
            "model_type": "gpt2",
            "n_layer": self.n_layer,
            "n_head": self.n_head,
            "n_embd": self.n_embd,
            "n_positions": self.block_size,
            "vocab_size": self.vocab_size,
            "tie_word_embeddings": self.tie_weights,
            "dtype": "float32",
        }


def read_shape(config: Mapping[str, Any], where: str = "The model") -> Shape:
    """Of a config.json. Raises ConfigError for one that is no GPT-2."""
    names = ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")
    if config.get("model_type") != "gpt2" or not all(isinstance(config.get(name), int) for name in names):
        raise ConfigError(
            f"{where} is no GPT-2.",
            f"Its model_type is {str(config.get('model_type'))[:40]!r}.",
            "The GPT track takes models of that family; others are tuned with sft and grpo.",
        )
    layers, heads, width, positions, rows = (int(config[name]) for name in names)
    return Shape(layers, heads, width, positions, rows, bool(config.get("tie_word_embeddings", True)))


def shape_of(directory: Path) -> Shape:
    """Raises ConfigError for a model that is no GPT-2, DataError where there is none."""
    return read_shape(read_json(directory / "config.json"), str(directory))


def build(shape: Shape, seed: int, device: str = "cpu") -> Any:
    """A GPT2LMHeadModel with fresh weights that depend on shape and seed alone; on `meta` it has none."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    shape.check()
    config = GPT2Config(**shape.describe(), initializer_range=shape.starts(), bos_token_id=None, eos_token_id=None)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        return _in_one_kernel(GPT2LMHeadModel(config))


def load(directory: Path, tie: bool) -> Any:
    """The GPT2LMHeadModel of a directory in 32 bits, tied or not as asked: two matrices that become one are averaged
    once, and one that becomes two is copied."""
    import torch
    from transformers import GPT2LMHeadModel

    model = _in_one_kernel(GPT2LMHeadModel.from_pretrained(directory, dtype=torch.float32))
    model.generation_config = type(model.generation_config)()
    if tie == bool(model.config.tie_word_embeddings):
        return model
    embedding, head = model.transformer.wte, model.lm_head
    with torch.no_grad():
        if tie:
            embedding.weight.copy_((embedding.weight + head.weight) / 2)
            head.weight = embedding.weight
        else:
            head.weight = torch.nn.Parameter(embedding.weight.clone())
    model.config.tie_word_embeddings = tie
    return model


def _in_one_kernel(model: Any) -> Any:
    """GPT-2's GELU as PyTorch has it: the same function, without the five tensors of the written-out formula, which a
    training would hold for every layer."""
    import torch

    if model.config.activation_function == "gelu_new":
        for layer in model.transformer.h:
            layer.mlp.act = torch.nn.GELU("tanh")
    return model


def biases(model: Any) -> Iterator[tuple[str, Any]]:
    """Those of layers and norms."""
    return ((name, weight) for name, weight in model.named_parameters() if name.endswith(".bias"))


def go_without_biases(model: Any) -> str:
    """Freeze the biases at zero, which is a model without them; returns why not where they say something already."""
    if told := [name for name, bias in biases(model) if bool(bias.any())]:
        return f"{len(told)} of the model's biases are not zero, {told[0]} for one"
    for _, bias in biases(model):
        bias.requires_grad_(False)
    return ""


def set_dropout(model: Any, share: float) -> None:
    """Wherever the model drops anything: embeddings, attention, what is written into the residual stream."""
    import torch

    for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
        setattr(model.config, name, share)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
