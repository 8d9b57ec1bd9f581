"""What is known of a step's model before the step runs: the config.json of the one there is, or of the one to come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import read_json
from pipeline.engine.stage import PlanContext
from pipeline.tasks.estimate.shape import Shape, read_shape

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Of a number, by the name of its type."""


def config_of(context: PlanContext) -> Mapping[str, Any] | None:
    """config.json of the input `model`, of one that is not made yet as its maker foresees it; None: not known."""
    if "model" in context.inputs:
        found: Mapping[str, Any] = read_json(context.inputs["model"] / "config.json")
        return found
    return context.expected.get("model", {}).get("config")


def shape_of(context: PlanContext) -> Shape | None:
    """None where nothing is known of the model, or its family is not."""
    try:
        config = config_of(context)
        return read_shape(config) if config is not None else None
    except DataError:
        return None


def room_of(config: Mapping[str, Any]) -> int:
    """Positions of a model, by its config.json."""
    return int(config.get("max_position_embeddings") or 2**31)


def weights_of(config: Mapping[str, Any], shape: Shape) -> int:
    """Bytes of the model's safetensors: in the type that its config names, else in 16 bits."""
    return (shape.linear() + shape.rest()) * BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), 2)
