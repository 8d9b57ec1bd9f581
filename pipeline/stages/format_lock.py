"""Format lock: the first lesson of the curriculum, short questions with shorter answers, in English and German."""

from __future__ import annotations

from random import Random
from typing import Any

from pydantic import Field

from pipeline.engine.rows import write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.episode import SYSTEM, Pair, count, row_of
from pipeline.tasks.format_lock.generate import Math, Mode, format_lock


class Config(Settings):
    mode: Mode = "full"
    """minimal: words, yes and no, greetings, colours, days, opposites; full: capitals, spelt numbers, sounds, syntax,
    HTTP and git as well."""
    math: Math = "include"
    """Arithmetic: include as much as the mode has, exclude, only, or minimal: numbers below 6."""
    examples: int | None = Field(None, ge=1)
    """So many distinct rows: a sample of them, or coined words and larger sums beside them; empty: all there are."""
    system: str = SYSTEM
    """The system text of every row; empty: none."""


def make(config: Config, seed: int) -> list[Pair]:
    return format_lock(config.mode, config.math, config.examples, Random(f"{seed}/format_lock"))


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    pairs = make(config, context.seed)
    write_rows(context.out / "rows.jsonl", (row_of(number, pair, config.system) for number, pair in enumerate(pairs)))
    context.emit.progress(len(pairs), len(pairs), "rows")
    return count(pairs)


def plan(context: PlanContext) -> list[Finding]:
    pairs = make(context.config, context.seed)
    return [Finding("note", f"{len(pairs)} rows.", data=count(pairs))]


STAGE = Stage("format_lock", Config, takes={}, makes="episodes", run=run, plan=plan)
