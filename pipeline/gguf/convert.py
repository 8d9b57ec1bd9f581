"""HF directory -> GGUF, a few rows of a tensor at a time, so that memory stays far below one tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from pipeline.engine.errors import DataError
from pipeline.gguf.architectures import Config, read_config, rope_factors
from pipeline.gguf.vocabulary import Vocabulary, read_vocabulary
from pipeline.gguf.weights import Weights, as_float32

Kind = Literal["F32", "F16", "BF16", "Q8_0"]
KINDS: tuple[Kind, ...] = ("F32", "F16", "BF16", "Q8_0")
"""Types written straight from the HF weights; all others are quantised from one of these."""
LARGEST = {"F32": 3.4028e38, "F16": 65504.0, "BF16": 3.3895e38, "Q8_0": 127 * 65504.0}
"""Numbers of greater size do not fit the type."""
CHUNK = 2**20
"""Numbers that are converted at a time: few enough to stay in a processor's cache."""
KEY = "training_cockpit"


@dataclass(frozen=True)
class About:
    """What the file says of its origin; what is empty is left out."""

    name: str = ""
    base_model: str = ""
    license: str = ""
    run: str = ""
    """The run that made the model."""
    artifact: str = ""
    """The model's artifact."""


def check(source: Path) -> Config:
    """Read all but the weights. Raises DataError where `convert` would not write the model; returns its config."""
    config = read_config(source)
    weights = Weights(source)
    read_vocabulary(source, weights.shape(next(iter(_names(config, weights))))[0])
    return config


def convert(source: Path, target: Path, kind: Kind, about: About | None = None) -> None:
    """Write the model in `source` as the GGUF file `target`: matrices as `kind`, vectors as F32.

    Written under a temporary name, then renamed. Raises DataError where the model is not one that can be written.
    """
    import gguf

    config = read_config(source)
    tensors = list(_tensors(config, Weights(source), kind))
    vocabulary = read_vocabulary(source, next(one.shape[0] for one in tensors if one.name == "token_embd.weight"))
    temporary = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(temporary, config.name)
    try:
        _add_origin(writer, about or About(), sum(math.prod(one.shape) for one in tensors), kind)
        writer.add_block_count(config.layers)
        config.architecture.describe(writer, config)
        _add_vocabulary(writer, vocabulary)
        for one in tensors:
            type_ = gguf.GGMLQuantizationType[one.stored]
            shape = list(gguf.quant_shape_to_byte_shape(one.shape, type_)) if one.stored == "Q8_0" else one.shape
            writer.add_tensor_info(one.name, shape, one.dtype, one.nbytes, raw_dtype=type_)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for one in tensors:
            writer.write_tensor_data(one)
        writer.close()
        temporary.replace(target)
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class Tensor:
    """A tensor on its way from one file to the other, written by GGUFWriter as if it were an array."""

    name: str
    source: str
    values: Any
    """As it lies in the HF file, seen as llama.cpp wants it: rows along the last axis."""
    shape: list[int]
    stored: Kind

    @property
    def dtype(self) -> Any:
        import numpy as np

        return np.dtype(np.uint8 if self.stored == "Q8_0" else np.float32)

    @property
    def nbytes(self) -> int:
        import gguf

        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[self.stored]]
        return math.prod(self.shape) // int(block) * int(size)

    def tofile(self, file: IO[bytes]) -> None:
        """Convert and write. Raises DataError for numbers that the type cannot hold."""
        step = max(1, CHUNK // math.prod(self.values.shape[1:]))
        for start in range(0, len(self.values), step):
            part = self.values[start : start + step]
            self._encode(part.reshape(-1, self.shape[-1]) if len(self.shape) > 1 else part.reshape(-1)).tofile(file)

    def _encode(self, rows: Any) -> Any:
        import gguf
        import numpy as np

        numbers = as_float32(rows)
        if not max(numbers.max(), -numbers.min()) <= LARGEST[self.stored]:  # no comparison holds for what is no number
            raise DataError(
                f"{self.source} holds numbers that {self.stored} cannot.",
                "They are infinite, no numbers, or too large: a training run that diverged leaves such weights.",
                "Export the model of an earlier step.",
            )
        if rows.dtype == np.uint16 and self.stored == "BF16":
            return np.ascontiguousarray(rows)
        return gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[self.stored])


def _tensors(config: Config, weights: Weights, kind: Kind) -> Iterator[Tensor]:
    for source, name in _names(config, weights).items():
        shape, values = weights.shape(source), config.architecture.arrange(config, source, weights.read(source))
        if values.ndim == len(shape):
            shape = list(values.shape)
        yield Tensor(name, source, values, shape, _stored_type(name, shape, kind))
    if (factors := rope_factors(config)) is not None:
        yield Tensor("rope_freqs.weight", "rope_parameters", factors, [len(factors)], "F32")


def _names(config: Config, weights: Weights) -> dict[str, str]:
    """HF name -> GGUF name, the embedding first. Raises DataError where a tensor is unknown or one is missing."""
    import gguf

    arch = next(one for one, name in gguf.MODEL_ARCH_NAMES.items() if name == config.name)
    known = gguf.get_tensor_name_map(arch, config.layers)
    found = [
        name
        for name in weights.names
        if not name.endswith(config.architecture.skipped) and not (config.tied and name == "lm_head.weight")
    ]
    names = {name: known.get_name(name, try_suffixes=(".weight", ".bias")) for name in found}
    if strange := [name for name, ours in names.items() if ours is None]:
        raise DataError(
            f"{config.source}: tensors that llama.cpp does not know: {', '.join(strange[:5])}.",
            "An adapter that was not merged leaves such names.",
            "Merge it, then export the merged model.",
        )
    embedding = next((name for name, ours in names.items() if ours == "token_embd.weight"), None)
    needed = {"token_embd.weight", "output_norm.weight", *([] if config.tied else ["output.weight"])}
    if missing := sorted(needed - set(names.values())):
        raise DataError(f"{config.source}: tensors are missing: {', '.join(missing)}.", "", "Save the whole model.")
    return {embedding: names.pop(embedding), **names} if embedding else names


def _stored_type(name: str, shape: list[int], kind: Kind) -> Kind:
    """Vectors and learnt positions stay exact; rows that blocks of 32 do not divide stay F16."""
    if len(shape) == 1 or name == "position_embd.weight":
        return "F32"
    return "F16" if kind == "Q8_0" and shape[-1] % 32 else kind


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


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.space_prefix is not None:
        writer.add_add_space_prefix(vocabulary.space_prefix)
    for role, token in vocabulary.special.items():
        getattr(writer, f"add_{role}_token_id")(token)
    for role, added in vocabulary.added.items():
        getattr(writer, f"add_add_{role}_token")(added)
    if vocabulary.chat_template:
        writer.add_chat_template(vocabulary.chat_template)
