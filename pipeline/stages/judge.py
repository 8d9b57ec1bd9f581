"""Scores: every trace with its nine marks and its reward.

The judge sees the prompt's truth and the text, never the label that says how the trace was meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.fanout import fanout
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.provider import ProviderSettings
from pipeline.tasks.offline_judge.judge import MODEL, judge
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES, Truth
from pipeline.tasks.rubric import DIMENSIONS, Weights, reward, rubric_hash
from pipeline.tasks.statistics import cohens_d, mean

LEAST_EFFECT = 1.0
"""Cohen's d between neighbouring types below which an alert says that the judge hardly tells them apart."""

SHOWN = ("id", "category", "type", "thought", "answer", "scores", "reward")
"""What an event tells of a row."""


class Config(Settings):
    judge: ProviderSettings = ProviderSettings()
    """Who marks the traces."""
    weights: Weights = Weights()
    """What each dimension counts in the reward."""
    renormalise: bool = True
    """Divide the reward by the weight of the dimensions that apply; off, it is the bare weighted sum."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    truths: dict[str, Truth | None] = {
        prompt["id"]: prompt["truth"] for prompt in read_rows(context.inputs["prompts"] / "rows.jsonl")
    }
    traces = list(read_rows(context.inputs["traces"] / "rows.jsonl"))
    whole = [trace for trace in traces if trace["finish"] == "stop"]
    unfinished = Counter(trace["finish"] for trace in traces if trace["finish"] != "stop")
    if not whole:
        raise DataError(
            "There is no trace to judge.",
            f"Of {len(traces)} none came to its end: {dict(unfinished)}.",
            "Make the traces again, or raise the teacher's limit.",
        )
    shown: set[tuple[str, str]] = set()

    def show(row: Row) -> None:
        """The first trace of each category and type, as an event."""
        kind = (row["category"], row["type"])
        if kind not in shown:
            shown.add(kind)
            context.emit.item("scored", **{name: row[name] for name in SHOWN})

    rows = fanout(
        context,
        whole,
        work=lambda trace: _scored(trace, truths, config),
        path=context.out / "rows.jsonl",
        workers=config.judge.workers,
        each=show,
    )
    return _summary(context, rows, unfinished)


def _scored(trace: Row, truths: Mapping[str, Truth | None], config: Config) -> Row:
    if trace["prompt_id"] not in truths:
        raise DataError(
            f"Trace {trace['id']} answers a prompt that is not there.",
            f"No prompt has the id {trace['prompt_id']}.",
            "Judge traces with the prompts that they were written for.",
        )
    marks = judge(truths[trace["prompt_id"]], trace["messages"], trace["thought"], trace["answer"])
    return {
        **trace,
        "scores": marks.scores,
        "reasons": marks.reasons,
        "reward": round(reward(marks.scores, config.weights, config.renormalise), 6),
        "judge": {"kind": config.judge.kind, "model": MODEL, "rubric": rubric_hash()},
    }


def _summary(context: Context, rows: Sequence[Row], unfinished: Mapping[str, int]) -> dict[str, Any]:
    """Means by category and type, and how well the judge tells the types apart (Cohen's d between neighbours)."""
    categories: dict[str, Any] = {}
    separation: dict[str, Any] = {}
    for category in CATEGORIES:
        of_type = {kind: [r for r in rows if r["category"] == category and r["type"] == kind] for kind in TRACE_TYPES}
        of_type = {kind: some for kind, some in of_type.items() if some}
        if of_type:
            categories[category] = {kind: _means(some) for kind, some in of_type.items()}
        if len(of_type) == len(TRACE_TYPES):
            separation[category] = _separation({kind: [r["reward"] for r in some] for kind, some in of_type.items()})
    for name, found in separation.items():
        if not found["ordered"] or any(d is not None and d < LEAST_EFFECT for d in found["effect"].values()):
            context.emit.alert(f"The judge hardly tells the types of {name} traces apart.", **found)
    unmarked = sum(
        all(mark is None or not context.config.weights.of(dimension) for dimension, mark in row["scores"].items())
        for row in rows
    )
    if unmarked:
        context.emit.alert(f"{unmarked} traces have reward 0, for no dimension with a weight applies to them.")
    return {
        "traces": len(rows),
        "unfinished": dict(unfinished),
        "judge": {"kind": context.config.judge.kind, "model": MODEL, "rubric": rubric_hash()},
        "overall": _means(rows),
        "categories": categories,
        "separation": separation,
    }


def _means(rows: Sequence[Row]) -> dict[str, Any]:
    """Mean reward, and mean mark of every dimension over the rows where it applies; None where it applies nowhere."""
    marks = {name: [r["scores"][name] for r in rows if r["scores"][name] is not None] for name in DIMENSIONS}
    return {
        "count": len(rows),
        "reward": _rounded(mean([row["reward"] for row in rows])),
        "dimensions": {name: _rounded(mean(some)) for name, some in marks.items()},
        "applies": {name: len(some) for name, some in marks.items()},
    }


def _separation(rewards: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    means = {kind: sum(some) / len(some) for kind, some in rewards.items()}
    return {
        "ordered": all(means[better] > means[worse] for better, worse in pairwise(TRACE_TYPES)),
        "effect": {
            f"{better} over {worse}": _rounded(cohens_d(rewards[better], rewards[worse]))
            for better, worse in pairwise(TRACE_TYPES)
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    if config.judge.model:
        text = "`judge.model` has no effect on the embedded judge."
        findings.append(Finding("warning", text, "Leave it out of the provider."))
    traces: Path | None = context.inputs.get("traces")
    if traces is not None:
        count = sum(1 for _ in read_rows(traces / "rows.jsonl"))
        findings.append(Finding("note", f"{count} traces to judge.", data={"traces": count}))
    return findings


def pins(_: Config) -> dict[str, str]:
    """Marks of another judge or another rubric are not these marks."""
    return {"judge": MODEL, "rubric": rubric_hash()}


STAGE = Stage(
    "judge", Config, takes={"prompts": "prompts", "traces": "traces"}, makes="scores", run=run, plan=plan, pins=pins
)
