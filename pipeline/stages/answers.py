"""One contestant's answers to all that an examination asks: held-out prompts, the battery, the calibration probes.

Whoever answers, an HF model, an adapter on one, a GGUF file or a server, the rows are the same. Nothing is marked here:
evaluate and tournament read what was answered once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.engine.errors import ConfigError, DataError, PipelineError
from pipeline.engine.rows import Row, read_json, read_rows, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, Inputs, PlanContext, Stage
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.open import make_provider
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.contestants import ask_model, ask_provider
from pipeline.tasks.battery.battery import asked_hash as battery_hash
from pipeline.tasks.battery.battery import load_battery
from pipeline.tasks.comparison import OUTCOMES
from pipeline.tasks.examination import FORMAT, SETS, SHEET, Question, asked_hash, form_hash, questions
from pipeline.tasks.offline_teacher.write import NAME

TYPICAL = (500, 300)
"""Tokens of thought and answer that `plan` assumes of a server. Assumptions, not measured."""
LIMITS = ("heldout", "battery", "calibration", "limit", "temperature", "top_p", "max_tokens", "thinking")
"""What must be the same for all who are compared."""


class Config(Settings):
    provider: ProviderSettings | None = None
    """A server, a service or a file that answers, in place of a model named in `from`. Its own limits do not count."""
    system_prompt: str = ""
    """Said to the contestant before every prompt; empty: nothing."""
    heldout: int = Field(2, ge=0)
    """Answers to each held-out prompt; 0: these are not asked."""
    battery: int = Field(4, ge=0)
    """Answers to each test of the battery; 0: it is not asked."""
    calibration: int = Field(1, ge=0)
    """Answers to each calibration probe, of which a held-out calibration prompt gives two; 0: they are not asked."""
    limit: int = Field(0, ge=0)
    """At most this many held-out prompts, spread evenly over the list; 0: all."""
    temperature: float = Field(0.7, ge=0)
    """0 takes the likeliest token every time, so that more than one answer to a prompt is pointless."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""
    max_tokens: int = Field(1024, ge=1)
    """Longest answer, thought included."""
    thinking: bool = True
    """Let the contestant think before it answers."""
    batch_size: int = Field(16, ge=1)
    """Answers that a model generates at once. Other batches draw other answers, so this counts as a change."""
    load_in_4bit: bool = False
    """Hold the model in 4 bits, for a GPU that is too small for 16. Needs bitsandbytes."""
    shown: int = aside(10, ge=0)
    """Answers that are sent out as events while it runs."""

    @model_validator(mode="after")
    def _sound(self) -> Config:
        wanted = [self.heldout, self.battery, self.calibration]
        if not any(wanted):
            raise ValueError("nothing is asked: set heldout, battery or calibration above 0")
        if self.temperature == 0 and max(wanted) > 1:
            raise ValueError("at temperature 0 every answer is the same: ask for one of each, or set a temperature")
        return self


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    if fault := _who(config, context.inputs):
        raise ConfigError(fault.text, "", fault.mend)
    asked = _asked(config, context.inputs, context.root)
    if not asked:
        raise DataError("There is nothing to ask.", *NOTHING)
    rows = [question.row(sample) for question in asked for sample in range(question.samples)]
    path = context.out / "rows.jsonl"
    spend: Row = {}
    if "model" in context.inputs:
        who = ask_model(context, asked, rows, path)
    else:
        who, spend = ask_provider(context, _provider(config, context.inputs), rows, path)
    answers: Row = {
        "format": FORMAT,
        "contestant": {**who, "system_prompt": config.system_prompt},
        "limits": _limits(config),
        "asked": asked_hash(asked),
        **_counts(read_rows(path)),
    }
    write_json(context.out / SHEET, answers)
    return {**answers, **spend}


def _asked(config: Config, inputs: Inputs, root: Path) -> list[Question]:
    samples = {name: getattr(config, name) for name in SETS}
    return questions(read_rows(inputs["prompts"] / "rows.jsonl"), load_battery(root), samples, config.limit)


def _limits(config: Config) -> Row:
    return {name: getattr(config, name) for name in LIMITS}


def _counts(rows: Iterator[Row]) -> Row:
    """{"sets": {set: {"prompts", "answers", "outcomes"}}, "tokens"}; in each set the outcomes add up to its answers."""
    prompts: dict[str, set[str]] = {name: set() for name in SETS}
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in SETS}
    tokens = 0
    for row in rows:
        prompts[row["set"]].add(row["prompt_id"])
        outcomes[row["set"]][row["outcome"]] += 1
        tokens += row["tokens"]
    sets = {
        name: {
            "prompts": len(prompts[name]),
            "answers": outcomes[name].total(),
            "outcomes": {outcome: outcomes[name][outcome] for outcome in OUTCOMES},
        }
        for name in SETS
        if prompts[name]
    }
    return {"sets": sets, "tokens": tokens}


def _provider(config: Config, inputs: Inputs) -> ProviderSettings:
    """Who is asked, under the limits that hold for all contestants."""
    limits: Row = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    if "gguf" in inputs:
        return ProviderSettings(kind="local", model=str(_file(inputs["gguf"])), **limits)
    assert config.provider is not None, "_who has seen it"
    return config.provider.model_copy(update=limits)


def _file(folder: Path) -> Path:
    """The file of an export that is asked: the first it made."""
    if folder.is_file() or not (folder / "made.json").is_file():
        return folder
    names = list(read_json(folder / "made.json")["summary"].get("files", {}))
    return folder / names[0] if names else folder


NOTHING = ("No prompt is held out, and nothing else is asked.", "Raise `heldout` of the prompts step.")


def _who(config: Config, inputs: Collection[str]) -> Finding | None:
    """A fault unless exactly one is named who answers."""
    named = [name for name in ("model", "gguf") if name in inputs] + ["provider"] * (config.provider is not None)
    if len(named) != 1:
        said = f"{' and '.join(named)} are named" if named else "nobody is named"
        mend = "Name one: from = { model = ... }, from = { gguf = ... }, or provider = ..."
        return Finding("fault", f"One contestant answers, and {said}.", mend)
    if "adapter" in inputs and "model" not in inputs:
        return Finding(
            "fault", "An adapter answers on a model, and none is named.", "Name the model it was trained on."
        )
    return None


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    limits = {"limits": _limits(config)}
    findings = [Finding("note", "The limits are the same for all who are compared.", "", limits)]
    inputs = {**context.inputs, **context.expected}
    if fault := _who(config, inputs):
        return [fault, *findings]
    if "model" not in inputs:
        for name in ("batch_size", "load_in_4bit"):
            if name in config.model_fields_set:
                findings.append(Finding("warning", f"`{name}` has no effect on a provider.", "Leave it out."))
    count = letters = 0
    if "prompts" in context.inputs:
        asked = _asked(config, context.inputs, context.root)
        if not asked:
            return [*findings, Finding("fault", "There is nothing to ask.", " ".join(NOTHING))]
        count = sum(question.samples for question in asked)
        letters = sum(len(turn["content"]) * q.samples for q in asked for turn in q.messages) // count
        sets = {name: _size([question for question in asked if question.set == name]) for name in SETS}
        told = {"answers": count, "asked": asked_hash(asked), "sets": sets}
        findings.append(Finding("note", f"{len(asked)} prompts, {count} answers.", data=told))
    if config.provider is not None:
        loads = [Load("answer", count, letters + len(config.system_prompt), *TYPICAL)] if count else []
        asked_of = config.provider if config.provider.kind == "offline" else _provider(config, {})
        findings += foresee(asked_of, "provider", loads, context.root, os.environ)
        findings += _reachable(config.provider)
    return findings


def _size(asked: list[Question]) -> Row:
    return {"prompts": len(asked), "answers": sum(question.samples for question in asked)}


def _reachable(settings: ProviderSettings) -> list[Finding]:
    """A server of the person's own that is not up is better known now than when its turn comes."""
    if settings.kind != "openai" or not settings.base_url:
        return []
    try:
        provider = make_provider(settings.model_copy(update={"timeout": 5.0}), os.environ)
        try:
            provider.check()
        finally:
            provider.close()
    except PipelineError as error:
        text = f"{settings.base_url} does not answer as this contestant: {error.what}"
        mend = "Start it with that model loaded, or leave the contestant out: --set STEP.enabled=false"
        return [Finding("fault", text, mend)]
    return []


def pins(config: Config) -> dict[str, str]:
    """Answers to probes in other words, or of another embedded teacher, are not these answers."""
    embedded = config.provider is not None and config.provider.kind == "offline"
    return {"probes": form_hash(), **({"teacher": NAME} if embedded else {})}


STAGE = Stage(
    name="answers",
    Config=Config,
    takes={"prompts": "prompts", "model": "model?=", "adapter": "adapter?=", "gguf": "gguf?="},
    makes="answers",
    run=run,
    plan=plan,
    pins=pins,
    reads=battery_hash,
    libraries=lambda config: "" if config.provider else "torch",
)
