"""Merge: LoRA adapters put into the weights of their model, and proof that both say the same."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pydantic import Field

from pipeline.engine.errors import StageFailed
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.model import config_of, shape_of, weights_of
from pipeline.training.deltas import Method
from pipeline.training.merge import TOLERANCES, merge


class Config(Settings):
    method: Method = "linear"
    """How several adapters become one: linear, their weighted sum; ties and dare_ties, entry by entry the mean of what
    agrees in sign, after small entries (ties) or entries by chance (dare_ties, with the run's seed) are dropped."""
    weights: list[float] = Field(default_factory=list)
    """One for each adapter, in the order in which they are named; empty: 1 each."""
    density: float = Field(0.5, gt=0, le=1)
    """Share of its entries that each adapter keeps; for ties and dare_ties."""
    tolerance: float | None = Field(None, ge=0)
    """Largest difference of a logit between the merged model and the adapter on its model, relative to the largest
    logit; none: 1e-4 for weights in 32 bits, 1e-2 for float16, 5e-2 for bfloat16."""


def run(context: Context) -> dict[str, Any]:
    config, adapters = context.config, list(context.inputs["adapter"].values())
    merged = merge(
        context.inputs["model"], adapters, context.out, config.weights, config.method, config.density, context.seed
    )
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
    weights = dict(zip(context.inputs["adapter"], config.weights or [1.0] * len(adapters), strict=True))
    return {**asdict(merged), "tolerance": tolerance, "method": config.method, "weights": weights}


def plan(context: PlanContext) -> list[Finding]:
    config, findings = context.config, []
    if config.method == "linear" and config.density != Config().density:
        text = "`density` has no effect on method linear, which drops nothing."
        findings.append(Finding("warning", text, "Choose ties or dare_ties, or remove `density`."))
    made = len(context.inputs.get("adapter", ()))  # those that are not made yet are counted when it runs
    if config.weights and made > len(config.weights):
        text = f"There are {len(config.weights)} weights for {made} adapters or more."
        findings.append(Finding("fault", text, "Name one for each adapter, or none for 1 each."))
    return [*findings, *_of_model(context)]


def _of_model(context: PlanContext) -> list[Finding]:
    """What the steps behind this one plan with, and the disk that the merged model takes."""
    config, shape = config_of(context), shape_of(context)
    if config is None or shape is None:
        return []
    why = "weights in the type of its model, tokenizer"
    told = disk.tell([disk.Space("merged model", weights_of(config, shape) + disk.BESIDE, why)])
    return [replace(told, data={**told.data, "config": dict(config)})]


STAGE = Stage(
    "merge", Config, takes={"model": "model", "adapter": "adapter+"}, makes="model", run=run, plan=plan,
    libraries="torch", home="models",
)  # fmt: skip
