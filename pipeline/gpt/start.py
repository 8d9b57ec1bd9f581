"""What a training of the GPT track starts from: fresh weights, or a model, which then decides its shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import read_made
from pipeline.engine.errors import ConfigError, DataError
from pipeline.gpt import model as gpt
from pipeline.gpt.lesson import fit_vocabulary
from pipeline.gpt.settings import FRESH, GPTSettings, read_config_file
from pipeline.gpt.tokens import refuse_other_ids


def shape_in_effect(config: GPTSettings, data: Path, base: Path | None) -> gpt.Shape:
    """Of the model to be trained. Raises ConfigError where data or block size do not fit it, DataError where the tags
    of model and data differ."""
    if base is None:
        return config.fresh(fit_vocabulary(data))
    shape = gpt.shape_of(base)
    refuse_other_ids(base, data)
    if config.block_size > shape.block_size:
        raise ConfigError(
            f"block_size = {config.block_size} does not fit {name_of(base)}, which has {shape.block_size} positions.",
            "Positions are learnt: there are no more than the model was made with.",
            f"Set block_size to at most {shape.block_size}, or 0.",
        )
    return shape


Declared = tuple[str, Any, Any, str]
"""(setting, as declared, in effect, why)."""


def declared(config: GPTSettings, shape: gpt.Shape, base: Path | None) -> Iterator[Declared]:
    """The settings that do not decide, for the model to start from does, or the tokenizer, or the preset."""
    yield from overruled(config)
    if base is None:
        if 0 < config.vocab_size < shape.vocab_size:
            yield "vocab_size", config.vocab_size, shape.vocab_size, "the tokenizer has so many tokens, padded"
        return
    why = "the model that this starts from decides"
    for name in FRESH[1:]:
        if (asked := getattr(config, name)) and asked != getattr(shape, name):
            yield name, asked, getattr(shape, name), why
    if config.size != GPTSettings.model_fields["size"].default and gpt.SIZES[config.size] != (
        shape.n_layer,
        shape.n_head,
        shape.n_embd,
    ):
        yield "size", config.size, f"{shape.n_layer} x {shape.n_head} x {shape.n_embd}", why


def overruled(config: GPTSettings) -> Iterator[Declared]:
    """What the config file says otherwise than the preset, which wins; nothing of a file that is gone since."""
    if config.config_file is None:
        return
    with suppress(ValueError):
        for name, asked in read_config_file(config.config_file, list(GPTSettings.model_fields)).items():
            value = getattr(config, name)
            if GPTSettings.model_validate({name: asked}).model_dump()[name] != value:
                yield f"{name} of {config.config_file.name}", asked, value, "what is set beside the file wins"


def name_of(model: Path) -> str:
    """The name that a person gave it, else its folder's."""
    try:
        return str(read_made(model).get("name") or model.name)
    except (DataError, OSError):
        return model.name
