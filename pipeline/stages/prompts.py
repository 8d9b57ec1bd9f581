"""Prompts: the bank's problems, or the user's own, split by problem into train and held-out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.bank.compose import compose, split
from pipeline.tasks.bank.source import read_source
from pipeline.tasks.records import CATEGORIES, Category, Prompt


class Config(Settings):
    safety: int = Field(100, ge=0)
    """How many requests that mix harm with a real need."""
    complexity: int = Field(150, ge=0)
    """How many problems of five or more things that act on each other."""
    dialogue: int = Field(100, ge=0)
    """How many dialogues of three to five turns."""
    conflict: int = Field(100, ge=0)
    """How many contradictions: sources, orders or duties that cannot all hold."""
    calibration: int = Field(50, ge=0)
    """How many questions of which a part cannot be known."""
    heldout: float = Field(0.2, ge=0, lt=1)
    """Share of the problems of each category that is kept from training."""
    source: Path | None = None
    """A file of your own prompts instead of the bank: JSONL with `prompt` or `messages`, or text with one a line."""
    category: Category = "complexity"
    """The category of your own prompts where they name none."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    duplicates = 0
    if config.source is None:
        prompts = _from_bank(config, context.seed)
    else:
        source = read_source(config.source, config.category)
        prompts, duplicates = source.prompts, source.duplicates
        if duplicates:
            context.emit.alert(
                f"{config.source}: {duplicates} prompts were there twice and are left out.", level="note"
            )
        if source.ignored:
            context.emit.alert(
                f"{config.source}: nothing is read from {', '.join(sorted(source.ignored))}.", level="note"
            )
    prompts = split(prompts, config.heldout, context.seed)
    # Written whole: it takes less than a second, so there is nothing to resume.
    write_rows(context.out / "rows.jsonl", (dict(prompt) for prompt in prompts))
    context.emit.progress(len(prompts), len(prompts), "prompts")
    return {
        "prompts": len(prompts),
        **Counter(prompt["split"] for prompt in prompts),
        "categories": Counter(prompt["category"] for prompt in prompts),
        "themes": len({(prompt["category"], prompt["theme"]) for prompt in prompts}),
        "duplicates": duplicates,
    }


def _from_bank(config: Config, seed: int) -> list[Prompt]:
    counts: dict[Category, int] = {category: getattr(config, category) for category in CATEGORIES}
    if not any(counts.values()):
        raise ConfigError("No prompts were asked for.", "Every category's count is 0.", "Raise one of them.")
    numbers: Counter[Category] = Counter()
    prompts: list[Prompt] = []
    for problem in compose(counts, seed):
        numbers[problem.category] += 1
        prompts.append(
            {
                "id": f"{problem.category}-{numbers[problem.category]:04d}",
                "category": problem.category,
                "theme": problem.theme,
                "problem": problem.hash,
                "split": "train",
                "messages": problem.messages,
                "truth": problem.truth,
            }
        )
    return prompts


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    if config.source is None:
        if "category" in config.model_fields_set:
            return [Finding("warning", "`category` has no effect without `source`.", "Remove it, or name your file.")]
        return []
    findings = []
    if not config.source.is_file():
        findings.append(Finding("fault", f"{config.source} is missing.", "Check the path in the setting `source`."))
    unused = [category for category in CATEGORIES if category in config.model_fields_set]
    if unused:
        findings.append(
            Finding(
                "warning", f"{', '.join(unused)}: counts have no effect beside `source`.", "Remove them or `source`."
            )
        )
    return findings


STAGE = Stage("prompts", Config, takes={}, makes="prompts", run=run, plan=plan)
