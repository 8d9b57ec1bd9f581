"""Echo: episodes that give back what they were given, with words that people use, or with coined ones."""

from __future__ import annotations

from random import Random
from typing import Any

from pydantic import Field, model_validator

from pipeline.engine.rows import write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.echo.generate import Gibberish, echo
from pipeline.tasks.echo.payloads import Side
from pipeline.tasks.episode import SYSTEM, Pair, count, row_of


class Config(Settings):
    gibberish: Gibberish = "exclude"
    """Words coined from syllables: include them, exclude them, or only these."""
    max_examples: int | None = Field(None, ge=1)
    """At most so many rows; empty: no cap."""
    seed: int = 42
    """What the rows are drawn with."""
    examples: int | None = Field(None, ge=1)
    """So many distinct rows; empty: 5,000 without gibberish, 3,500 of it, 8,500 with both."""
    anti_echo: float = Field(0.2, ge=0, le=1)
    """Share of the rows with gibberish that ask not to copy, and are answered without it."""
    contrast: float = Field(0.2, ge=0, le=1)
    """Share of the rows with gibberish that come in pairs: one payload echoed, and asked about."""
    templates: Side = "all"
    """Of the ways to ask for an echo: all; train without a fixed tenth of them; heldout: this tenth alone."""
    composed: bool = False
    """Ask in hundreds of ways more, put together from parts: one who knows seventy by heart stumbles over the next."""
    payloads: Side = "all"
    """Of the words to echo: all; train without a fixed tenth of them, coined ones included; heldout: these alone."""
    system: str = SYSTEM
    """The system text of every row; empty: none."""

    @model_validator(mode="after")
    def _leaves_something_to_echo(self) -> Config:
        if self.anti_echo + self.contrast > 1:
            raise ValueError("anti_echo and contrast: together at most 1")
        return self


def make(config: Config) -> list[Pair]:
    return echo(
        config.gibberish, config.examples, config.max_examples, Random(config.seed), anti_echo=config.anti_echo,
        contrast=config.contrast, templates=config.templates, payloads=config.payloads, composed=config.composed,
    )  # fmt: skip


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    pairs = make(config)
    if config.examples and len(pairs) < min(config.examples, config.max_examples or config.examples):
        context.in_effect("examples", config.examples, len(pairs), "there are no more distinct rows of this kind")
    write_rows(context.out / "rows.jsonl", (row_of(number, pair, config.system) for number, pair in enumerate(pairs)))
    context.emit.progress(len(pairs), len(pairs), "rows")
    return count(pairs)


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    pairs = make(config)
    idle = sorted({"anti_echo", "contrast"} & config.model_fields_set) if config.gibberish == "exclude" else []
    if config.composed and config.templates == "heldout":
        return [Finding("fault", "`composed` has no effect: no held-out template is.", "Remove one of the two.")]
    findings = [Finding("warning", f"`{name}` has no effect without gibberish.", "Remove it.") for name in idle]
    return [*findings, Finding("note", f"{len(pairs)} rows.", data=count(pairs))]


STAGE = Stage("echo", Config, takes={}, makes="episodes", run=run, plan=plan, version=2)
