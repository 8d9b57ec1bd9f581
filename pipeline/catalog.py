"""Every stage, in the order of its track. Adding a stage is one file in `stages/` and one line here."""

from __future__ import annotations

from pipeline.engine.stage import Catalog
from pipeline.providers.provider import ProviderSettings
from pipeline.stages import (
    answers,
    base,
    distill,
    echo,
    evaluate,
    export,
    format_lock,
    grpo,
    ingest,
    judge,
    judge_report,
    merge,
    mix,
    prepare,
    prompts,
    ratings,
    report,
    sample,
    select,
    sft,
    tags,
    tournament,
    traces,
    train,
)
from pipeline.tasks.rubric import Weights

REASONING = (
    prompts.STAGE,
    ingest.STAGE,
    base.STAGE,
    traces.STAGE,
    judge.STAGE,
    judge_report.STAGE,
    select.STAGE,
    sft.STAGE,
    merge.STAGE,
    distill.STAGE,
    grpo.STAGE,
    export.STAGE,
    answers.STAGE,
    evaluate.STAGE,
    tournament.STAGE,
    ratings.STAGE,
    report.STAGE,
)

CURRICULUM = (
    format_lock.STAGE,
    echo.STAGE,
    mix.STAGE,
    prepare.STAGE,
    tags.STAGE,
    train.STAGE,
    sample.STAGE,
)

CATALOG = Catalog(
    stages={stage.name: stage for stage in (*REASONING, *CURRICULUM)},
    resources={"providers": ProviderSettings, "weights": Weights},
    defaults={"providers": {"offline": {}}, "weights": {"equal": {}}},
    fetch="base",
    worker="pipeline.worker",
    gpu=frozenset({"torch", "unsloth"}),
)
