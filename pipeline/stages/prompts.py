"""Prompts: the bank's problems, those a provider writes on its themes, or the user's own; split by problem."""

from __future__ import annotations

import os
from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import ConfigError
from pipeline.engine.fanout import Counts, fanout
from pipeline.engine.rows import Row, content_hash, read_rows, write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.account import Account, open_account
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.provider import ProviderSettings, Reply, Request
from pipeline.tasks import expansion, expansion_texts
from pipeline.tasks.bank.compose import compose, split
from pipeline.tasks.bank.source import read_source
from pipeline.tasks.records import CATEGORIES, Category, Prompt

TYPICAL = (800, 160)
"""Tokens that `plan` assumes: of thought in a reply, and of each prompt in it. Assumptions, not measurements."""


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
    expand: float = Field(0.0, ge=0, le=1)
    """Share of each category that the provider writes, on the themes of the bank; the rest are the bank's. Nothing is
    known of what is true of them, so they are for a teacher and a judge that are models."""
    provider: ProviderSettings = ProviderSettings()
    """Who writes them."""
    per_request: int = Field(5, ge=1, le=20)
    """Prompts that one request asks for."""
    rounds: int = Field(4, ge=1)
    """How often the provider is asked for what is missing, near-duplicates being left out; then the bank fills up."""
    heldout: float = Field(0.2, ge=0, lt=1)
    """Share of the problems of each category that is kept from training."""
    source: Path | None = None
    """A file of your own prompts instead of the bank: JSONL with `prompt` or `messages`, or text with one a line."""
    category: Category = "complexity"
    """The category of your own prompts where they name none."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    more: dict[str, Any] = {"duplicates": 0}
    if config.source is not None:
        prompts, more["duplicates"] = _from_file(context, config.source)
    else:
        prompts = _from_bank(config, context.seed)
        if _expands(config):
            prompts, more["expansion"] = _expanded(context, prompts)
    prompts = split(_numbered(prompts), config.heldout, context.seed)
    # Written whole: the bank takes no time, and what a provider wrote is in the ledger.
    write_rows(context.out / "rows.jsonl", (dict(prompt) for prompt in prompts))
    context.emit.progress(len(prompts), len(prompts), "prompts")
    return {
        "prompts": len(prompts),
        **Counter(prompt["split"] for prompt in prompts),
        "categories": Counter(prompt["category"] for prompt in prompts),
        "themes": len({(prompt["category"], prompt["theme"]) for prompt in prompts}),
        "sources": Counter(prompt["source"] for prompt in prompts),
        **more,
    }


def _from_file(context: Context, path: Path) -> tuple[list[Prompt], int]:
    source = read_source(path, context.config.category)
    if source.duplicates:
        text = f"{path}: {source.duplicates} prompts were there twice and are left out."
        context.emit.alert(text, level="note")
    if source.ignored:
        context.emit.alert(f"{path}: nothing is read from {', '.join(sorted(source.ignored))}.", level="note")
    return [{**prompt, "source": "file"} for prompt in source.prompts], source.duplicates


def _from_bank(config: Config, seed: int) -> list[Prompt]:
    counts: dict[Category, int] = {category: getattr(config, category) for category in CATEGORIES}
    if not any(counts.values()):
        raise ConfigError("No prompts were asked for.", "Every category's count is 0.", "Raise one of them.")
    return [
        {
            "id": "",
            "category": problem.category,
            "theme": problem.theme,
            "problem": problem.hash,
            "split": "train",
            "messages": problem.messages,
            "truth": problem.truth,
            "source": "bank",
        }
        for problem in compose(counts, seed)
    ]


def _numbered(prompts: list[Prompt]) -> list[Prompt]:
    numbers = Counter[Category]()
    for prompt in prompts:
        numbers[prompt["category"]] += 1
        prompt["id"] = f"{prompt['category']}-{numbers[prompt['category']]:04d}"
    return prompts


def _expands(config: Config) -> bool:
    return config.expand > 0 and config.provider.kind != "offline"


def _wanted(config: Config) -> dict[Category, int]:
    """How many prompts of each category the provider is to write."""
    return {category: round(config.expand * getattr(config, category)) for category in CATEGORIES}


def _expanded(context: Context, bank: list[Prompt]) -> tuple[list[Prompt], Row]:
    """The bank with the last prompts of each category replaced by a provider's, and what became of the asking."""
    config: Config = context.config
    wanted = _wanted(config)
    filling = expansion.Filling(bank, wanted, config.per_request, context.seed)
    outcomes = Counter[str]()
    calls = sum(load.calls for load in _loads(config))
    with open_account(config.provider, context, calls) as account:
        for number in range(config.rounds):
            if rows := [{"id": wish.id, "wish": wish} for wish in filling.wishes()]:
                outcomes.update(_round(context, account, rows, filling, number))
        spend = account.summary()
    for category, gap in filling.missing().items():
        context.emit.alert(
            f"{gap} of {wanted[category]} {category} prompts are from the bank: after {config.rounds} rounds the "
            "provider had not written enough that are fit and new.",
            missing=gap,
        )
    prompts: list[Prompt] = []
    for category in CATEGORIES:
        own = [prompt for prompt in bank if prompt["category"] == category]
        taken = filling.taken[category]
        prompts += [*own[: len(own) - len(taken)], *taken]
    return prompts, {"near_duplicates": filling.near, "unfit": filling.unfit, "outcomes": outcomes, "spend": spend}


def _round(context: Context, account: Account, rows: list[Row], filling: expansion.Filling, number: int) -> Counts:
    """Ask for all wishes of a round at once, and take what comes in the order it was asked for."""
    seed = context.seed

    def request(row: Row) -> Request:
        wish: expansion.Wish = row["wish"]
        turn = {"role": "user", "content": expansion.instruct(wish, seed)}
        return Request([turn], expansion_texts.SYSTEM, schema=expansion.schema(wish.category), row={"id": row["id"]})

    def work(row: Row) -> Row:
        wish: expansion.Wish = row["wish"]

        def read(reply: Reply) -> Row:
            prompts, unfit = expansion.read(reply.text, wish.category)
            return {"id": row["id"], "category": wish.category, "theme": wish.theme, "prompts": prompts, "unfit": unfit}

        return account.ask(request(row), read)

    folder = context.out / f"round-{number + 1}"
    folder.mkdir(exist_ok=True)
    if number == 0 and context.config.provider.batch:  # each later one would wait for another job
        account.prefetch([request(row) for row in rows])
    counts = fanout(context, rows, work, folder / "rows.jsonl", context.config.provider.threads)
    for written in read_rows(folder / "rows.jsonl"):
        filling.take(written["category"], written["theme"], written["prompts"], written["unfit"])
    return counts


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    return _plan_file(config, config.source) if config.source is not None else _plan_bank(config, context.root)


def _plan_file(config: Config, source: Path) -> list[Finding]:
    """Raises DataError where the file cannot be read."""
    findings = []
    unused = [name for name in (*CATEGORIES, "expand") if name in config.model_fields_set]
    if unused:
        text = f"{', '.join(unused)}: no effect beside `source`."
        findings.append(Finding("warning", text, "Remove them or `source`."))
    return [*findings, _expected(read_source(source, config.category).prompts)]


def _plan_bank(config: Config, root: Path) -> list[Finding]:
    """Raises ConfigError where no prompts are asked for."""
    findings = [_expected(_from_bank(config, 0), sum(_wanted(config).values()) if _expands(config) else 0)]
    if "category" in config.model_fields_set:
        text = "`category` has no effect without `source`."
        findings.append(Finding("warning", text, "Remove it, or name your file."))
    if _expands(config):
        findings += foresee(config.provider, "provider", _loads(config), root, os.environ)
    elif config.expand:
        text = "`expand` has no effect: the embedded provider writes no prompts, so all are the bank's."
        findings.append(Finding("warning", text, "Name a provider in `provider`, or leave `expand` out."))
    elif config.provider.kind != "offline":
        text = "`provider` has no effect: `expand` is 0, so all prompts are the bank's."
        findings.append(Finding("warning", text, "Set `expand` to the share that it is to write."))
    return findings


def _expected(prompts: list[Prompt], replaced: int = 0) -> Finding:
    """How many prompts there will be; `replaced`: how many of them a provider will have written."""
    unknown = replaced + sum(prompt["truth"] is None for prompt in prompts)
    return Finding("note", f"{len(prompts)} prompts.", data={"prompts": len(prompts), "without_truth": unknown})


def _loads(config: Config) -> list[Load]:
    thought, output = TYPICAL
    letters = len(expansion_texts.SYSTEM) + 1500
    count, each = config.per_request, _wanted(config).values()
    return [Load("a request for prompts", sum(ceil(n / count) for n in each), letters, thought, count * output)]


def pins(config: Config) -> dict[str, str]:
    """What a provider is told decides what it writes."""
    if not _expands(config):
        return {}
    texts = [getattr(expansion_texts, name) for name in dir(expansion_texts) if name.isupper()]
    return {"texts": content_hash(texts)[:12]}


STAGE = Stage("prompts", Config, takes={}, makes="prompts", run=run, plan=plan, pins=pins)
