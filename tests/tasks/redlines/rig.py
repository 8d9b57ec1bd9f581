"""Trainings as rows of metrics, and what the rules say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.engine.stage import Finding
from pipeline.tasks.redlines.watch import Rule, Watch

SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-4, "warmup_steps": 5, "max_grad_norm": 1.0, "lora_dropout": 0.0, "weight_decay": 0.01,
    "beta": 0.1, "temperature": 1.0, "epsilon_high": 0.2, "max_completion_length": 64, "mask_truncated": False,
}  # fmt: skip


def told(rules: Sequence[Rule], **metrics: Sequence[Any]) -> list[Finding]:
    """All that is said of steps 1, 2, … of these metrics; None in a sequence: the row does not hold that metric."""
    watch = Watch(rules, SETTINGS)
    found: list[Finding] = []
    for place in range(max(len(values) for values in metrics.values())):
        row = {"step": place + 1}
        row |= {name: values[place] for name, values in metrics.items() if values[place] is not None}
        found += watch(row)
    return found


def rules_said(found: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(finding.data["rule"], finding.level) for finding in found]
