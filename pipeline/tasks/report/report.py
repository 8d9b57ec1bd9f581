"""The report of a run as one value, `report.json`: what Markdown, HTML and every screen show is read from it alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.report.answers import battery_answers, sample_answers, sample_traces
from pipeline.tasks.report.curriculum import curriculum
from pipeline.tasks.report.headline import headline
from pipeline.tasks.report.provenance import Source, costs, coverage, judges, steps
from pipeline.tasks.verdict.evidence import Evidence, Sample, Thresholds, Training
from pipeline.tasks.verdict.verdict import decide

FORMAT = 2
POINTS = 400
"""Points of a curve that are kept; longer ones are averaged."""


def assemble(
    *,
    criteria: str,
    thresholds: Thresholds,
    seed: int,
    evaluation: Row | None,
    answers: Sequence[Row],
    tournament: Row | None,
    trainings: Sequence[Training],
    samples: Sequence[Sample],
    sources: Sequence[Source],
    traces: Iterable[Row],
    gguf: str,
    chat: str,
    per_category: int,
) -> Row:
    """report.json. `answers` are the evaluation's rows, `traces` those that were learnt from; `sources` every step back
    to the beginning, the earliest first. `gguf` is the path of the exported model below the workspace's root, and
    `chat` the line that talks to it; empty where none was given."""
    behind = steps(sources)
    table, costing = score_table(evaluation), costs(behind)
    return {
        "format": FORMAT,
        "verdict": decide(criteria, Evidence(evaluation, trainings, seed, answers, samples), thresholds),
        "headline": headline(table, evaluation, tournament, costing),
        "table": table,
        "last_table": score_table(evaluation, against=-2) if _several(evaluation) else [],
        "evaluation": evaluation,
        "battery_answers": battery_answers(answers),
        "tournament": tournament,
        "training": [{"name": run.name, "stage": run.stage, "curves": curves(run.metrics)} for run in trainings],
        "curriculum": curriculum(samples, behind),
        "coverage": coverage(behind, evaluation, tournament),
        "costs": costing,
        "answers": sample_answers(answers, evaluation, per_category),
        "traces": sample_traces(traces, per_category),
        "gguf": gguf,
        "chat": chat,
        "judges": judges(behind, evaluation, tournament),
        "steps": behind,
    }


def _several(evaluation: Row | None) -> bool:
    return evaluation is not None and len(evaluation["contestants"]) > 2


def score_table(evaluation: Row | None, against: int = 0) -> list[Row]:
    """Reward and nine dimensions, baseline against tuned: name and {"mean", "low", "high", "n"} of each.

    The last contestant is the tuned one, that at the place `against` the baseline. `tuned` and `difference` are None
    where there is one contestant alone.
    """
    if evaluation is None:
        return []
    baseline, tuned = evaluation["contestants"][against], evaluation["contestants"][-1]
    pair = find_pair(evaluation, tuned["name"], baseline["name"])

    def row(name: str) -> Row:
        def of(scores: Row) -> Row:
            return dict(scores["reward"] if name == "reward" else scores["dimensions"][name])

        return {
            "name": name,
            "baseline": of(baseline),
            "tuned": of(tuned) if pair else None,
            "difference": of(pair) if pair else None,
        }

    return [row(name) for name in ("reward", *DIMENSIONS)]


def find_pair(evaluation: Row, contestant: str, against: str) -> Row | None:
    return next(
        (pair for pair in evaluation["pairs"] if (pair["contestant"], pair["against"]) == (contestant, against)), None
    )


def curves(metrics: Sequence[Row]) -> dict[str, list[float | None]]:
    """Columns `step`, `loss`, `reward` and `score/<dimension>`, as far as they were logged; at most POINTS long.

    A step that was logged twice, before and after a resume, counts as it was logged last.
    """
    rows = [row for _, row in sorted({row["step"]: row for row in metrics}.items())]
    names = [
        name
        for name in ("loss", "reward", *(f"score/{dimension}" for dimension in DIMENSIONS))
        if any(row.get(name) is not None for row in rows)
    ]
    size = -(-len(rows) // POINTS) or 1
    buckets = [rows[start : start + size] for start in range(0, len(rows), size)]
    return {name: [_bucket_mean(bucket, name) for bucket in buckets] for name in ("step", *names)}


def _bucket_mean(rows: Sequence[Row], name: str) -> float | None:
    found = [row[name] for row in rows if row.get(name) is not None]
    return sum(found) / len(found) if found else None
