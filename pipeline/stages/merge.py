"""Merge: a LoRA adapter put into the weights of its model, and proof that both say the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import Field

from pipeline.engine.errors import StageFailed
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Stage
from pipeline.training.merge import TOLERANCES, merge


class Config(Settings):
    tolerance: float | None = Field(None, ge=0)
    """Largest difference of a logit between the merged model and the adapter on its model, relative to the largest
    logit; none: 1e-4 for weights in 32 bits, 1e-2 for float16, 5e-2 for bfloat16."""


def run(context: Context) -> dict[str, Any]:
    merged = merge(context.inputs["model"], context.inputs["adapter"], context.out)
    tolerance = TOLERANCES[merged.dtype] if context.config.tolerance is None else context.config.tolerance
    if merged.relative > tolerance:
        raise StageFailed(
            f"The merged model differs from its adapter by {merged.max_logit_difference:.3g} in a logit.",
            f"The largest logit is {merged.largest_logit:.3g}, and {tolerance:g} of it is tolerated.",
            "Merge into weights of 32 bits, or raise the tolerance where the difference is known to be harmless.",
        )
    if merged.max_logit_difference > merged.adapter_effect / 2:
        context.emit.alert(
            f"Rounding to {merged.dtype} moves logits by up to {merged.max_logit_difference:.3g}, the adapter itself "
            f"by up to {merged.adapter_effect:.3g}: much of what it learnt may be lost."
        )
    return {**asdict(merged), "tolerance": tolerance}


STAGE = Stage(
    "merge", Config, takes={"model": "model", "adapter": "adapter"}, makes="model", run=run,
    libraries="torch", home="models",
)  # fmt: skip
