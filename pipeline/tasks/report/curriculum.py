"""The report on a curriculum: each sample with its counts and what was wrong, each phase with its figures."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.report.answers import cut
from pipeline.tasks.verdict.evidence import Sample

WRONG = 6
"""Wrong answers of a sample that are shown."""
FIGURES = ("base", "parameters", "steps", "episodes", "exposures", "tokens", "loss_first_quarter", "loss_last_quarter",
           "validation", "evaluation", "red_lines")  # fmt: skip


def curriculum(samples: Sequence[Sample], steps: Sequence[Row]) -> Row | None:
    """{"samples", "phases"} as docs/formats.md has them, or None for a run that has neither. `steps`: of the report."""
    names = {step["artifact"]: step["name"] for step in steps}
    phases = [
        {
            "step": step["name"],
            "artifact": step["artifact"],
            **{key: step["summary"].get(key) for key in FIGURES},
            "base": names.get(step["summary"].get("base"), step["summary"].get("base")),
        }
        for step in steps
        if step["stage"] == "train"
    ]
    if not samples and not phases:
        return None
    return {"samples": [_sampled(sample) for sample in samples], "phases": phases}


def _sampled(sample: Sample) -> Row:
    wrong = [row for row in sample.rows if row.get("expected") and not row.get("exact")]
    step = -(-len(wrong) // WRONG) or 1  # spread over all of them, for topics stand together
    named = ("prompts", "exact", "expected", "share", "topics")
    return {
        "step": sample.name,
        **{key: sample.summary.get(key) for key in named},
        "outcome": (sample.summary.get("verdict") or {}).get("outcome"),
        "wrong": [
            {key: cut(str(row.get(key) or "")) for key in ("topic", "prompt", "expected", "given")}
            for row in wrong[::step]
        ],
    }
