"""Select: the scored traces worth learning, by what people marked, by reward, margin, type and category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, RowWriter, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, Marked, PlanContext, Stage
from pipeline.tasks.marks import honoured
from pipeline.tasks.records import Category, TraceType
from pipeline.tasks.rubric import Weights
from pipeline.tasks.selection import Eye, Rule, Selection, Weighting, choose
from pipeline.tasks.statistics import mean


class Config(Settings):
    per_prompt: int = Field(0, ge=0)
    """At most this many traces of a prompt, those with the highest reward; 0: all."""
    min_reward: float = 0.0
    """Traces with less reward are left out."""
    margin: float = Field(0.0, ge=0)
    """A prompt teaches something if its best trace has at least this much more reward than its worst."""
    types: tuple[TraceType | Literal["ingested"], ...] = ()
    """Only traces that were meant as these; empty: all."""
    quotas: dict[Category, float] = Field({})
    """Category -> at most so many traces, or, below 1, at most this share of all that is chosen; the best stay."""
    weights: Weights | None = None
    """What each dimension counts in the reward, instead of what the scores were made with; asks no judge again."""
    renormalise: bool | None = None
    """Divide the reward by the weight of the dimensions that apply; empty: as the scores were made."""

    @field_validator("quotas")
    @classmethod
    def _counts_or_shares(cls, quotas: dict[Category, float]) -> dict[Category, float]:
        for category, quota in quotas.items():
            if quota < 0 or (quota > 1 and quota != int(quota)):
                raise ValueError(f"{category}: a whole number of traces or a share below 1 was expected")
        return quotas


def run(context: Context) -> dict[str, Any]:
    scores = context.inputs["scores"]
    selection = decide(scores, context.config, context.marks)
    if not selection.places:
        raise DataError("No trace is left.", f"Left out: {selection.left_out}.", MEND)
    out = context.out / "rows.jsonl"
    out.unlink(missing_ok=True)  # it takes seconds, so there is nothing to resume
    with RowWriter(out) as writer:
        for row in selection.taken(_rows(scores)):
            writer.write(row)
    context.emit.progress(len(selection.places), len(selection.places), "rows")
    return {
        **counts(selection, read_rows(out)),
        "weighting": {
            "weights": selection.eye.weighting.weights.model_dump(),
            "renormalise": selection.eye.weighting.renormalise,
        },
    }


MEND = "Lower min_reward or margin, widen the quotas, or make more traces."


def decide(scores: Path, config: Config, marks: Marked) -> Selection:
    """Which rows stay. Raises DataError for rows without scores."""
    weighting = Weighting.of(scores)
    wanted = Weighting(
        weighting.weights if config.weights is None else config.weights,
        weighting.renormalise if config.renormalise is None else config.renormalise,
    )
    quotas = {str(category): quota for category, quota in config.quotas.items()}
    rule = Rule(config.per_prompt, config.min_reward, config.margin, config.types, quotas)
    return choose(_rows(scores), rule, Eye(marks.get("scores", {}), wanted, reweigh=wanted != weighting))


def _rows(scores: Path) -> Iterator[Row]:
    for row in read_rows(scores / "rows.jsonl"):
        if "reward" not in row:
            raise DataError(f"{scores} holds traces without scores: {row['id']}.", "", "Judge them first.")
        yield row


def counts(selection: Selection, chosen: Iterable[Row]) -> dict[str, Any]:
    """What was chosen and what was not, for the summary."""
    prompts: set[str] = set()
    categories: Counter[str] = Counter()
    types: Counter[str] = Counter()
    rewards: list[float] = []
    for row in chosen:
        prompts.add(row["prompt_id"])
        categories[row["category"]] += 1
        types[row.get("type", "")] += 1
        rewards += [row["reward"]] if row["reward"] is not None else []
    return {
        "rows": categories.total(),
        "prompts": len(prompts),
        "left_out": selection.left_out,
        "marks": selection.marks,
        "categories": dict(categories),
        "types": dict(types),
        "reward": {"mean": mean(rewards), "least": min(rewards, default=None)},
    }


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    if "scores" not in context.inputs:
        return []
    scores = context.inputs["scores"]
    selection = decide(scores, config, context.marks)
    if not selection.places:
        return [Finding("fault", f"No trace is left, left out: {selection.left_out}.", MEND)]
    figures = counts(selection, selection.taken(_rows(scores)))
    text = f"{figures['rows']} traces stay, left out: {selection.left_out or 'none'}"
    findings = [Finding("note", text, data=figures)]
    if idle := sorted(set(config.quotas) - set(figures["categories"])):
        text = f"quotas: there is no {' or '.join(idle)} trace to choose, so these have no effect."
        findings.append(Finding("warning", text, "Remove them."))
    return findings


STAGE = Stage(
    "select", Config, takes={"scores": "scores"}, makes="scores", run=run, plan=plan, marks=honoured("scores")
)
