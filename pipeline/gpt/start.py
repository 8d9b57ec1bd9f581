"""What a training of the GPT track starts from: fresh weights, or a model, which then decides its shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import read_made
from pipeline.engine.errors import ConfigError, DataError
from pipeline.gpt import model as gpt
from pipeline.gpt.lesson import fit_vocabulary
from pipeline.gpt.settings import FRESH, GPTSettings
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


def declared(config: GPTSettings, shape: gpt.Shape, base: Path | None) -> Iterator[tuple[str, Any, Any]]:
    """(setting, as declared, in effect) of those that the model to start from decides otherwise."""
    if base is None:
        return
    for name in FRESH[1:]:
        if (asked := getattr(config, name)) and asked != getattr(shape, name):
            yield name, asked, getattr(shape, name)
    if config.size != GPTSettings.model_fields["size"].default and gpt.SIZES[config.size] != (
        shape.n_layer,
        shape.n_head,
        shape.n_embd,
    ):
        yield "size", config.size, f"{shape.n_layer} x {shape.n_head} x {shape.n_embd}"


def name_of(model: Path) -> str:
    """The name that a person gave it, else its folder's."""
    try:
        return str(read_made(model).get("name") or model.name)
    except (DataError, OSError):
        return model.name
