"""The tournament: every pair of contestants on every held-out prompt, in both orders; disagreement is a tie.

Every battle has a row, with a winner, a tie, or why it has neither.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import ConfigError, DataError, StageFailed
from pipeline.engine.fanout import fanout
from pipeline.engine.rows import Row, read_rows, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.account import open_account
from pipeline.providers.foresee import foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.arbiter import Arbiter, RemoteArbiter, by_reward, game_load
from pipeline.tasks.examination import differing, read_sheet
from pipeline.tasks.offline_judge import judge as offline
from pipeline.tasks.rubric import Weights, rubric_hash
from pipeline.tasks.tournament.battles import read_battle
from pipeline.tasks.tournament.pairing import game, pairings, rule, settle, unheld
from pipeline.tasks.tournament.question import compare_hash
from pipeline.tasks.tournament.ratings import Resampling
from pipeline.tasks.tournament.standing import Standing

BATTLES = "battles.jsonl"
TYPICAL_LETTERS = 5000
"""Of a conversation and two answers, which `plan` assumes of answers that are not there yet."""
EMBEDDED_ONLY = ("margin", "weights", "renormalise")
"""Settings that a remote judge has no use for: it names a winner and gives no scores."""


class Config(Settings):
    judge: ProviderSettings = ProviderSettings()
    """Who decides between two answers."""
    samples: int = Field(1, ge=1)
    """Answers of each contestant to a prompt that take part, each against the other's of the same number."""
    margin: float = Field(0.02, ge=0, le=1)
    """The embedded judge compares its rewards, 0..1: a smaller difference is a tie. 0.02 is a fifth of what one of nine
    dimensions can decide."""
    weights: Weights = Weights()
    """What each dimension counts in the embedded judge's reward."""
    renormalise: bool = True
    """Divide that reward by the weight of the dimensions that apply."""
    rounds: int = Field(1000, ge=100)
    """Bootstrap rounds behind each interval; prompts are resampled."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Share of the resampled ratings that an interval holds."""
    shown: int = aside(10, ge=0)
    """Battles that are sent out as events while it runs."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    folders: Mapping[str, Path] = context.inputs["answers"]
    if fault := differing({name: read_sheet(folder) for name, folder in folders.items()}):
        raise ConfigError(*fault)
    asked = _pairings(folders, config)
    if not asked and len(folders) > 1:
        raise DataError(
            "There is nothing to compare: no held-out prompt was answered.",
            "",
            "Hold prompts back (`heldout` of the prompts step) and have them answered (`heldout` of the answers).",
        )
    bill: Row = {}
    who = {"kind": config.judge.kind, "model": offline.MODEL}
    with _arbiter(context, asked, who, bill) as decide:

        def work(pairing: Row) -> Row:
            if known := rule(pairing):
                return settle(pairing, [game("a", *known), game("b", *known)])
            return settle(pairing, decide(pairing))

        path = context.out / BATTLES
        fanout(context, asked, work, path, config.judge.threads, each=_show_first(context))
    found = _result(context, path, list(folders), who)
    write_json(context.out / "ratings.json", found["ratings"])
    write_json(context.out / "tournament.json", found)
    return {name: found[name] for name in ("ratings", "coverage", "judge", "notes")} | bill


def _pairings(folders: Mapping[str, Path], config: Config) -> list[Row]:
    return list(pairings({name: read_rows(path / "rows.jsonl") for name, path in folders.items()}, config.samples))


@contextmanager
def _arbiter(context: Context, asked: list[Row], who: Row, bill: Row) -> Iterator[Arbiter]:
    """Who decides, for the length of the step; what it is called and what it cost go into `who` and `bill`."""
    config: Config = context.config
    if config.judge.kind == "offline":
        yield by_reward(config.weights, config.renormalise, config.margin)
        return
    for name in _idle(config):
        why = "a remote judge names a winner and gives no scores"
        context.in_effect(name, str(getattr(config, name)), None, why)
    open_ones = [pairing for pairing in asked if rule(pairing) is None]
    with open_account(config.judge, context, calls=2 * len(open_ones)) as account:
        arbiter = RemoteArbiter(account)
        arbiter.prefetch(open_ones)
        yield arbiter
        who["model"] = config.judge.model
        bill["spend"] = account.summary()


def _show_first(context: Context) -> Callable[[Row], None]:
    left = [context.config.shown]

    def show(row: Row) -> None:
        if left[0] > 0:
            left[0] -= 1
            kept = ("prompt_id", "category", "model_a", "model_b", "winner", "outcome")
            context.emit.item("battle", **{key: row[key] for key in kept}, why=row["games"][0]["why"])

    return show


def _result(context: Context, path: Path, names: list[str], who: Row) -> Row:
    """tournament.json of all battles on disk, those of earlier attempts too."""
    config: Config = context.config
    standing, models = Standing(names), dict[str, None]()
    for row in read_rows(path):
        models |= dict.fromkeys(game["model"] for game in row["games"] if "model" in game)
        if row["winner"] is None:
            standing.leave_out(row["outcome"])
        else:
            standing.add(read_battle(row))
    _check_judge(path)
    named = who | {"model": ", ".join(models) or who["model"]}
    found = standing.to_row(named, Resampling(context.seed, config.rounds, config.confidence))
    found["notes"] = [*unheld(read_rows(path), names), *found["notes"]]
    if config.judge.kind == "offline":
        found["notes"].append("The embedded judge marks each answer alone, so that the order plays no part in it.")
    if len(models) > 1:
        context.emit.alert("More than one version of the judge has answered.", models=list(models))
    for note in found["notes"]:
        context.emit.alert(note, level="note")
    return found


def _check_judge(path: Path) -> None:
    """Raises StageFailed where a judge was asked and not one of its verdicts can be used."""
    games = [game for row in read_rows(path) for game in row["games"]]
    failed = [game["why"] for game in games if game["why"].startswith("the judge: ")]
    if failed and not any(game["outcome"] == "judged" for game in games):
        raise StageFailed(
            f"The judge gave no verdict that can be used on any of {len(failed)} games.",
            failed[0][:200],
            f"See the reasons in {path}, then change the judge or its limit.",
        )


def _idle(config: Config) -> list[str]:
    """Settings that were given and that a remote judge has no use for."""
    return [name for name in EMBEDDED_ONLY if name in config.model_fields_set]


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    several = context.several.get("answers", {})
    if fault := differing({name: dict(told) for name, told in several.items() if "limits" in told}):
        findings.append(Finding("fault", " ".join(fault[:2]), fault[2]))
    if "answers" in context.inputs and len(context.inputs["answers"]) < 2:
        text = "There is one contestant, and nobody to meet."
        findings.append(Finding("warning", text, "Name more answers steps in `from`."))
    if config.judge.kind != "offline":
        findings += [
            Finding("warning", f"`{name}` has no effect on a remote judge: it names a winner.", "Leave it out.")
            for name in _idle(config)
        ]
    battles, games, letters = _measure(context)
    loads = [game_load(games, letters // games)] if games and config.judge.kind != "offline" else []
    findings += foresee(config.judge, "judge", loads, context.root, os.environ)
    if battles:
        findings.append(Finding("note", f"{battles} battles, each judged in both orders.", data={"battles": battles}))
    return findings


def _measure(context: PlanContext) -> tuple[int, int, int]:
    """(battles, games to ask about, letters of all of them); assumed where the answers are not there yet."""
    config: Config = context.config
    if "answers" in context.inputs:
        asked = _pairings(context.inputs["answers"], config)
        letters = [_letters(pairing) for pairing in asked if rule(pairing) is None]
        return len(asked), 2 * len(letters), 2 * sum(letters)
    told = context.several.get("answers", {})
    prompts = max((one.get("sets", {}).get("heldout", {}).get("prompts", 0) for one in told.values()), default=0)
    battles = prompts * len(told) * (len(told) - 1) // 2 * config.samples
    return battles, 2 * battles, 2 * battles * TYPICAL_LETTERS


def _letters(pairing: Row) -> int:
    turns = sum(len(turn["content"]) for turn in pairing["messages"])
    return turns + len(pairing["a"]["answer"]) + len(pairing["b"]["answer"])


def pins(config: Config) -> dict[str, str]:
    """Another judge, or other words to it, is another result."""
    if config.judge.kind == "offline":
        return {"judge": offline.MODEL, "rubric": rubric_hash()}
    return {"question": compare_hash()}


STAGE = Stage(
    "tournament", Config, takes={"answers": "answers+"}, makes="tournament", run=run, plan=plan, pins=pins
)  # fmt: skip
