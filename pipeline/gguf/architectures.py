"""What llama.cpp needs to know of each family of models: its settings, and how it wants the weights to lie.

Adding a family is one entry in ARCHITECTURES, and the settings that its graph in llama.cpp takes for granted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_json


@dataclass(frozen=True)
class Architecture:
    """One family. Config keys are those of the HF config.json; a key left out there has transformers' default."""

    assumed: dict[str, Any]
    """Settings that llama.cpp's graph cannot vary -> the value it reckons with."""
    ropes: frozenset[str]
    """Kinds of rotary scaling that it can run; none: positions are learnt."""
    describe: Callable[[Any, Config], None]
    """Adds the shape to a GGUFWriter."""
    arrange: Callable[[Config, str, Any], Any]
    """Name and array of a tensor -> the array as llama.cpp has it, a view of the file; rows lie along the last axis."""
    tied: bool = False
    """Whether input and output share their embedding where the config does not say."""
    skipped: tuple[str, ...] = (".rotary_emb.inv_freq",)
    """Ends of the names of tensors that can be reckoned anew."""


@dataclass(frozen=True)
class Config:
    """The config.json of an HF directory."""

    source: Path
    values: Row

    def number(self, *keys: str, default: float | None = None) -> Any:
        """The first of the keys that holds a number. Raises DataError where none does and there is no default."""
        for key in keys:
            if isinstance(self.values.get(key), int | float):
                return self.values[key]
        if default is None:
            raise DataError(
                f"{self.source}: config.json has no number {keys[0]!r}.", "", "Save the model with transformers."
            )
        return default

    @property
    def name(self) -> str:
        """llama.cpp's name of the architecture, which for those we know is transformers' model type."""
        return str(self.values["model_type"])

    @property
    def architecture(self) -> Architecture:
        return ARCHITECTURES[self.name]

    @property
    def layers(self) -> int:
        return int(self.number("num_hidden_layers", "n_layer"))

    @property
    def width(self) -> int:
        return int(self.number("hidden_size", "n_embd"))

    @property
    def tied(self) -> bool:
        return bool(self.values.get("tie_word_embeddings", self.architecture.tied))

    @property
    def rope(self) -> Config:
        """The rotary settings, which older configs spread over two places."""
        rope = dict(self.values.get("rope_parameters") or self.values.get("rope_scaling") or {})
        rope.setdefault("rope_type", rope.get("type", "default"))
        if "rope_theta" in self.values:
            rope.setdefault("rope_theta", self.values["rope_theta"])
        return Config(self.source, rope)

    def head(self) -> int:
        """Width of an attention head."""
        default = 128 if self.name == "qwen3" else self.width // self.number("num_attention_heads")
        return int(self.number("head_dim", default=default))


def read_config(source: Path) -> Config:
    """The config of an HF directory that `convert` can write. Raises DataError for any other."""
    config = Config(source, read_json(source / "config.json"))
    model_type = config.values.get("model_type")
    if model_type not in ARCHITECTURES:
        raise DataError(
            f"{source}: a {model_type} model cannot be exported by itself.",
            f"Supported architectures: {', '.join(ARCHITECTURES)}.",
            "Name a checkout of llama.cpp as `llama_cpp`: its own converter is used then.",
        )
    needed = {**config.architecture.assumed, "quantization_config": None}
    found = {key: config.values.get(key, fixed) for key, fixed in needed.items()}
    wrong = [f"{key} is {found[key]!r}, not {needed[key]!r}" for key in needed if found[key] != needed[key]]
    kind = config.rope.values["rope_type"]
    if kind not in (config.architecture.ropes or {"default"}):
        wrong.append(f"rope_type is {kind!r}, not one of {', '.join(sorted(config.architecture.ropes))}")
    if wrong:
        raise DataError(
            f"{source}: this {model_type} model cannot be exported.",
            f"In config.json {'; '.join(wrong)}.",
            "Merge quantised weights into a 16-bit model first; for the rest name a checkout of llama.cpp as "
            "`llama_cpp`.",
        )
    return config


def _describe_rotary(writer: Any, config: Config) -> None:
    writer.add_context_length(config.number("max_position_embeddings"))
    writer.add_embedding_length(config.width)
    writer.add_feed_forward_length(config.number("intermediate_size"))
    writer.add_head_count(config.number("num_attention_heads"))
    writer.add_head_count_kv(config.number("num_key_value_heads"))
    writer.add_layer_norm_rms_eps(config.number("rms_norm_eps"))
    if config.name == "qwen3" or "head_dim" in config.values:
        writer.add_key_length(config.head())
        writer.add_value_length(config.head())
    rope = config.rope
    writer.add_rope_freq_base(rope.number("rope_theta"))
    kind = rope.values["rope_type"]
    if kind in ("linear", "yarn"):
        import gguf

        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(float(rope.number("factor")))
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope.number("original_max_position_embeddings"))


def _describe_llama(writer: Any, config: Config) -> None:
    _describe_rotary(writer, config)
    writer.add_vocab_size(config.number("vocab_size"))
    writer.add_rope_dimension_count(config.head())


def _describe_gpt2(writer: Any, config: Config) -> None:
    # Saved by transformers 5 there is no n_ctx any more, which is where llama.cpp's own converter stumbles.
    writer.add_context_length(config.number("n_positions", "n_ctx"))
    writer.add_embedding_length(config.width)
    writer.add_feed_forward_length(config.number("n_inner", default=4 * config.width))
    writer.add_head_count(config.number("n_head"))
    writer.add_layer_norm_eps(config.number("layer_norm_epsilon"))


def _as_it_is(_: Config, __: str, array: Any) -> Any:
    return array


def _arrange_llama(config: Config, name: str, array: Any) -> Any:
    """Of every head, HF turns entry i with entry i + half; llama.cpp turns neighbours."""
    if not name.rpartition(".")[0].endswith(("q_proj", "k_proj")):
        return array
    heads = config.number("num_key_value_heads" if "k_proj" in name else "num_attention_heads")
    return array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2)


def _arrange_gpt2(_: Config, name: str, array: Any) -> Any:
    """GPT-2's `Conv1D` keeps its weights as (in, out)."""
    return array.T if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")) else array


ROTARY = {"hidden_act": "silu"}
ARCHITECTURES = {
    "qwen3": Architecture(
        {**ROTARY, "attention_bias": False, "use_sliding_window": False},
        frozenset({"default", "linear", "yarn"}), _describe_rotary, _as_it_is,
    ),
    "qwen2": Architecture(
        {**ROTARY, "use_sliding_window": False},
        frozenset({"default", "linear", "yarn"}), _describe_rotary, _as_it_is,
    ),
    "llama": Architecture(
        ROTARY, frozenset({"default", "linear", "yarn", "llama3"}), _describe_llama, _arrange_llama,
    ),
    "gpt2": Architecture(
        {
            "activation_function": "gelu_new",
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "add_cross_attention": False,
        },
        frozenset(), _describe_gpt2, _arrange_gpt2, tied=True, skipped=(".attn.bias", ".attn.masked_bias"),
    ),
}  # fmt: skip


def rope_factors(config: Config) -> Any | None:
    """What Llama 3's scaling divides each rotary frequency by, float32 of shape [head / 2]; None for other models.

    Wavelengths longer than the context it was trained with, over `low_freq_factor`, are stretched by `factor`; those
    shorter than it over `high_freq_factor` stay; between them the inverse is blended (Llama 3.1's reference code).
    """
    import numpy as np

    rope = config.rope
    if rope.values["rope_type"] != "llama3":
        return None
    size, factor = config.head(), rope.number("factor")
    low, high = rope.number("low_freq_factor"), rope.number("high_freq_factor")
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    frequencies = 1 / np.float32(rope.number("rope_theta")) ** exponents
    turns = rope.number("original_max_position_embeddings") / (np.float32(2 * math.pi) / frequencies)
    blend = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / ((1 - blend) / factor + blend)).astype(np.float32)
