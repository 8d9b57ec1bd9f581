"""report.json of a run made by hand, without the files behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.tasks.recall import decide_share
from pipeline.tasks.report.provenance import Source
from pipeline.tasks.report.report import assemble
from pipeline.tasks.statistics import wilson
from pipeline.tasks.verdict.evidence import Sample, Thresholds, Training
from tests.tasks.examined import battery_of, tournament_of
from tests.tasks.sample_run import GAINS, answer_rows, evaluation_of, made, metric_rows, trace_rows


def samples_of(text: str = "") -> list[Sample]:
    """What two models of a curriculum answered: one well, one asked for no share."""
    topics = {text or "word": {"exact": 97, "of": 99}, "phrase": {"exact": 1, "of": 1}}
    share = wilson(98, 100).to_row()
    summary = {"prompts": 100, "exact": 98, "expected": 100, "share": share, "topics": topics,
               "verdict": decide_share(share, 0.9)}  # fmt: skip
    wrong = {"topic": text, "prompt": text or "Repeat: AB-9", "expected": text or "AB-9", "given": text or "AB",
             "exact": False}  # fmt: skip
    free = {"prompts": 1, "exact": None, "expected": 0, "share": None, "topics": {}}
    return [
        Sample(text or "beta_unseen", summary, [wrong, {**wrong, "exact": True}]),
        Sample("free", free, [{"prompt": "Hello.", "expected": "", "given": "Hi.", "exact": False}]),
    ]


def report_of(
    gains: dict[str, float] | None = None,
    learning_rate: float = 5e-3,
    text: str = "",
    samples: Sequence[Sample] = (),
    **options: Any,
) -> dict[str, Any]:
    """`text` stands wherever a model or a file fills a place."""
    gains = gains or GAINS
    rows = answer_rows(gains)
    settings = {"learning_rate": learning_rate, "provider": {"kind": "offline"}}
    effective = {text: {"asked": text, "in_effect": text, "why": text}} if text else {}
    spend = {
        "calls": 3,
        "input": 10,
        "cached": 0,
        "output": 5,
        "thought": 0,
        "cost": 0.5,
        "lost": 1,
        "lost_bound": 0.25,
    }
    outcomes = {"asked": 9, "answered": 8, "cut_off": 1, "blocked": 0, "invalid": 0, "not_yet": 0}
    judge = {"kind": "gemini", "model": text or "gemini-3-pro-preview", "rubric": "0123456789ab"}
    judged = made("judge", "judge", summary={"spend": spend, "outcomes": outcomes, "judge": judge}, run=text or "run-1")
    grpo = made("grpo", "grpo", settings=settings, effective=effective)
    return assemble(
        criteria="quickstart",
        thresholds=Thresholds(),
        seed=7,
        evaluation=evaluation_of(rows, text),
        answers=rows + battery_of(list(gains), text)[1],
        tournament=tournament_of(list(gains), text),
        traces=trace_rows(text),
        samples=samples,
        trainings=[Training("grpo", "grpo", grpo, metric_rows("grpo"))],
        sources=[Source("judge", "judge-777777777777", judged), Source("grpo", text or "grpo-222222222222", grpo)],
        gguf=text,
        chat=text,
        per_category=1,
        **options,
    )
