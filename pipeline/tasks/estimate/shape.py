"""The shape of a Qwen3, Qwen2 or Llama model, read from its config.json alone, and the parameters that follow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.engine.errors import DataError

FAMILIES = ("qwen3", "qwen2", "llama")


@dataclass(frozen=True)
class Shape:
    """Widths in elements; heads are counted."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    qk_norm: bool
    """Whether queries and keys are normalised, as Qwen3 does."""
    biases: frozenset[str]
    """Projections that have a bias."""
    positions: int

    @property
    def query(self) -> int:
        return self.heads * self.head

    @property
    def key(self) -> int:
        return self.kv_heads * self.head

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Name -> (inputs, outputs) of the projections of one layer."""
        return {
            "q_proj": (self.hidden, self.query),
            "k_proj": (self.hidden, self.key),
            "v_proj": (self.hidden, self.key),
            "o_proj": (self.query, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    def linear(self) -> int:
        """Weights of all projections in all layers: what NF4 holds in 4 bits."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.projections.values())

    def rest(self) -> int:
        """Parameters beside them: embeddings, output layer where it is not tied, norms and biases."""
        norms = 2 * self.hidden + (2 * self.head if self.qk_norm else 0)
        biases = sum(outputs for name, (_, outputs) in self.projections.items() if name in self.biases)
        tables = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return tables + self.layers * (norms + biases) + self.hidden

    def adapter(self, rank: int, modules: Collection[str]) -> int:
        """Trainable parameters of LoRA: rank x (inputs + outputs) for every adapted projection.

        Source: Hu et al., LoRA (2021), section 4.1.
        """
        widths = self.projections
        return self.layers * rank * sum(sum(widths[name]) for name in set(modules) & widths.keys())


def read_shape(config: Mapping[str, Any]) -> Shape:
    """Raises DataError for a family whose shape is not known here and for a config that does not hold one."""
    if not isinstance(config, Mapping) or (family := config.get("model_type")) not in FAMILIES:
        kind = config.get("model_type") if isinstance(config, Mapping) else None
        raise DataError(f"Shapes of model_type {str(kind)[:40]!r} are not known.", f"Known: {', '.join(FAMILIES)}.", "")
    hidden, heads = _count(config, "hidden_size"), _count(config, "num_attention_heads")
    attention = {"qwen2": "qkv", "qwen3": "qkvo", "llama": "qkvo"}[family]
    biased = family == "qwen2" or bool(config.get("attention_bias"))
    mlp = ("gate_proj", "up_proj", "down_proj") if family == "llama" and config.get("mlp_bias") else ()
    return Shape(
        hidden=hidden,
        intermediate=_count(config, "intermediate_size"),
        layers=_count(config, "num_hidden_layers"),
        heads=heads,
        kv_heads=_count(config, "num_key_value_heads", heads),
        head=_count(config, "head_dim", 128 if family == "qwen3" else hidden // heads),
        vocabulary=_count(config, "vocab_size"),
        tied=bool(config.get("tie_word_embeddings", False)),
        qk_norm=family == "qwen3",
        biases=frozenset([*(f"{letter}_proj" for letter in attention if biased), *mlp]),
        positions=_count(config, "max_position_embeddings", 2**31),
    )


def _count(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = config.get(name)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DataError(f"config.json: {name} is no whole number above 0: {str(value)[:40]!r}.", "", "")
    return value
