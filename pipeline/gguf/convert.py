"""HF directory -> GGUF, tensor by tensor, so that memory stays at one tensor and not at one model."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_json
from pipeline.gguf.vocabulary import Vocabulary, read_vocabulary

Kind = Literal["F32", "F16", "BF16", "Q8_0"]
KINDS: tuple[Kind, ...] = ("F32", "F16", "BF16", "Q8_0")
"""Types written straight from the HF weights; all others are quantised from one of these."""

ARCHITECTURES = {"qwen3": {"hidden_act": "silu", "attention_bias": False, "use_sliding_window": False}}
"""`model_type` -> the settings that llama.cpp's graph of it takes for granted."""
KEY = "training_cockpit"


@dataclass(frozen=True)
class About:
    """What the file says of its origin; what is empty is left out."""

    name: str = ""
    base_model: str = ""
    license: str = ""
    run: str = ""
    artifact: str = ""


def check_convertible(source: Path) -> Row:
    """The config of an HF directory that `convert` can write. Raises DataError for any other."""
    config: Row = read_json(source / "config.json")
    model_type = config.get("model_type")
    if model_type not in ARCHITECTURES:
        raise DataError(
            f"{source}: a {model_type} model cannot be exported.",
            f"Supported architectures: {', '.join(ARCHITECTURES)}.",
            "Export it with llama.cpp's own converter.",
        )
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    found = {
        **{key: config.get(key, fixed) for key, fixed in ARCHITECTURES[model_type].items()},
        "rope_type": rope.get("rope_type", rope.get("type", "default")),
        "quantization_config": config.get("quantization_config"),
    }
    needed = {**ARCHITECTURES[model_type], "rope_type": "default", "quantization_config": None}
    wrong = [f"{key} is {found[key]!r}, not {needed[key]!r}" for key in needed if found[key] != needed[key]]
    if wrong:
        raise DataError(
            f"{source}: this {model_type} model cannot be exported.",
            f"In config.json {'; '.join(wrong)}.",
            "Merge quantised weights into a 16-bit model first; for the rest use llama.cpp's own converter.",
        )
    return config


def convert(source: Path, target: Path, kind: Kind, about: About | None = None) -> None:
    """Write the model in `source` as the GGUF file `target`: matrices as `kind`, vectors as F32.

    Written under a temporary name, then renamed. Raises DataError where the model is not one that can be written.
    """
    import gguf

    config = check_convertible(source)
    weights = Weights(source)
    layers = _number(source, config, "num_hidden_layers")
    names = _tensor_names(source, config, weights, layers)
    vocabulary = read_vocabulary(source, weights.shape(next(iter(names)))[0])
    temporary = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(temporary, config["model_type"])
    try:
        _add_origin(writer, about or About(), sum(math.prod(weights.shape(name)) for name in names), kind)
        _add_shape(writer, source, config, layers)
        _add_vocabulary(writer, vocabulary)
        for name, ours in names.items():
            _add_tensor_info(writer, ours, weights.shape(name), kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name in names:
            stored = _stored_type(weights.shape(name), kind)
            writer.write_tensor_data(_encode(name, weights.read(name), stored))
        writer.close()
        temporary.replace(target)
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)


class Weights:
    """The safetensors of a directory, one file or sharded, read one tensor at a time. For shapes alone, framework "np"
    will do, and spares the loading of torch."""

    def __init__(self, source: Path, framework: Literal["pt", "np"] = "pt") -> None:
        from safetensors import safe_open

        index = source / "model.safetensors.index.json"
        files = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
        self._files: dict[str, Any] = {}
        for file in files:
            try:
                opened: Any = safe_open(source / file, framework)
            except Exception as error:  # a missing file and a damaged one raise different things
                raise DataError(
                    f"{source / file} cannot be read.",
                    str(error),
                    "The model must be saved as safetensors, every shard whole.",
                ) from None
            self._files |= dict.fromkeys(opened.keys(), opened)

    @property
    def names(self) -> list[str]:
        """In the order of the layers, however the files are cut."""
        return sorted(self._files, key=lambda name: [int(part) if part.isdigit() else part for part in _cut(name)])

    def shape(self, name: str) -> list[int]:
        return list(self._files[name].get_slice(name).get_shape())

    def read(self, name: str) -> Any:
        """A torch tensor in the type it is stored in."""
        return self._files[name].get_tensor(name)


def _cut(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _tensor_names(source: Path, config: Row, weights: Weights, layers: int) -> dict[str, str]:
    """HF name -> GGUF name, the embedding first. Raises DataError where a tensor is unknown or one is missing."""
    import gguf

    arch = next(one for one, name in gguf.MODEL_ARCH_NAMES.items() if name == config["model_type"])
    known = gguf.get_tensor_name_map(arch, layers)
    tied = bool(config.get("tie_word_embeddings", False))
    found = [name for name in weights.names if not (tied and name == "lm_head.weight")]
    names = {name: known.get_name(name, try_suffixes=(".weight", ".bias")) for name in found}
    if strange := [name for name, ours in names.items() if ours is None]:
        raise DataError(
            f"{source}: tensors that llama.cpp does not know: {', '.join(strange[:5])}.",
            "An adapter that was not merged leaves such names.",
            "Merge it, then export the merged model.",
        )
    embedding = next((name for name, ours in names.items() if ours == "token_embd.weight"), None)
    needed = {"token_embd.weight", "output_norm.weight", *([] if tied else ["output.weight"])}
    if missing := sorted(needed - set(names.values())):
        raise DataError(f"{source}: tensors are missing: {', '.join(missing)}.", "", "Save the whole model.")
    return {embedding: names.pop(embedding), **names} if embedding else names


def _stored_type(shape: list[int], kind: Kind) -> Kind:
    """Vectors stay exact; rows that blocks of 32 do not divide stay F16."""
    if len(shape) == 1:
        return "F32"
    return "F16" if kind == "Q8_0" and shape[-1] % 32 else kind


def _add_tensor_info(writer: Any, name: str, shape: list[int], kind: Kind) -> None:
    import gguf
    import numpy as np

    stored = gguf.GGMLQuantizationType[_stored_type(shape, kind)]
    if stored == gguf.GGMLQuantizationType.Q8_0:
        shape = list(gguf.quant_shape_to_byte_shape(shape, stored))
        writer.add_tensor_info(name, shape, np.dtype(np.uint8), math.prod(shape), raw_dtype=stored)
    else:
        size = math.prod(shape) * gguf.GGML_QUANT_SIZES[stored][1]
        writer.add_tensor_info(name, shape, np.dtype(np.float32), size, raw_dtype=stored)


def _encode(name: str, tensor: Any, kind: Kind) -> Any:
    """A torch tensor as the NumPy array whose bytes stand in the file."""
    import gguf
    import torch

    values = tensor.to({"F16": torch.float16, "BF16": torch.bfloat16}.get(kind, torch.float32))
    if not bool(torch.isfinite(values).all()):
        raise DataError(
            f"{name} holds numbers that {kind} cannot.",
            "They are infinite, no numbers, or too large: a training run that diverged leaves such weights.",
            "Export the model of an earlier step.",
        )
    if kind == "BF16":
        return values.view(torch.int16).numpy()
    return gguf.quants.quantize(values.numpy(), gguf.GGMLQuantizationType[kind])


def _add_origin(writer: Any, about: About, parameters: int, kind: Kind) -> None:
    import gguf

    writer.add_type("model")
    writer.add_name(about.name)
    writer.add_license(about.license)
    writer.add_size_label(gguf.size_label(parameters, parameters, 0, 0))
    if about.base_model:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, about.base_model)
    writer.add_string(f"{KEY}.run", about.run)
    writer.add_string(f"{KEY}.artifact", about.artifact)
    writer.add_file_type(gguf.LlamaFileType["ALL_F32" if kind == "F32" else f"MOSTLY_{kind}"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _number(source: Path, config: Row, key: str) -> Any:
    value = config.get(key)
    if not isinstance(value, int | float):
        raise DataError(f"{source}: config.json has no number {key!r}.", "", "Save the model with transformers.")
    return value


def _add_shape(writer: Any, source: Path, config: Row, layers: int) -> None:
    rope = config.get("rope_parameters") or config
    head = _number(source, {"head_dim": 128, **config}, "head_dim")
    writer.add_block_count(layers)
    writer.add_context_length(_number(source, config, "max_position_embeddings"))
    writer.add_embedding_length(_number(source, config, "hidden_size"))
    writer.add_feed_forward_length(_number(source, config, "intermediate_size"))
    writer.add_head_count(_number(source, config, "num_attention_heads"))
    writer.add_head_count_kv(_number(source, config, "num_key_value_heads"))
    writer.add_layer_norm_rms_eps(_number(source, config, "rms_norm_eps"))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_freq_base(_number(source, rope, "rope_theta"))


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    for role, token in vocabulary.special.items():
        getattr(writer, f"add_{role}_token_id")(token)
    writer.add_add_bos_token(False)
    if vocabulary.chat_template:
        writer.add_chat_template(vocabulary.chat_template)
