"""Every contestant's answers, judged and held side by side: the baseline first, the tuned one last.

A cut-off answer is judged as it stands, and counted as cut off: all contestants have the same limit, and to leave such
answers out would reward the model that only finishes what is easy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.fanout import Quarantined, fanout
from pipeline.engine.rows import Row, read_rows, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.remote import judge_pins, open_judge, verdict_load
from pipeline.tasks.comparison import Bootstrap, compare
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.examination import differing, read_sheet
from pipeline.tasks.offline_judge import judge as offline
from pipeline.tasks.rubric import Weights, load_rubric, reward

FORMAT = 2
SHOWN = ("contestant", "set", "prompt_id", "category", "sample", "thought", "answer", "outcome", "tokens", "scores",
         "reward")  # fmt: skip
TYPICAL_LETTERS = 3000
"""Of prompt, thought and answer, which `plan` assumes of answers that are not there yet."""


class Config(Settings):
    judge: ProviderSettings = ProviderSettings()
    """Who marks the answers."""
    rubric: Path | None = None
    """A rubric file for a remote judge; empty: the one in configs/rubric.toml."""
    weights: Weights = Weights()
    """What each dimension counts in the reward."""
    renormalise: bool = True
    """Divide the reward by the weight of the dimensions that apply."""
    rounds: int = Field(2000, ge=100)
    """Bootstrap rounds behind each interval."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Share of the bootstrap's means that an interval holds."""
    shown: int = aside(10, ge=0)
    """Answers per contestant that are sent out as events while it runs."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    folders: Mapping[str, Path] = context.inputs["answers"]
    sheets = {name: read_sheet(folder) for name, folder in folders.items()}
    if fault := differing(sheets):
        raise ConfigError(*fault)
    rows = [row for name, folder in folders.items() for row in _rows(name, folder)]
    if not any(row["set"] == "heldout" for row in rows):
        raise DataError(
            "There is nothing to evaluate: no held-out prompt was answered.",
            "",
            "Hold prompts back (`heldout` of the prompts step) and have them answered (`heldout` of the answers).",
        )
    path, bill = context.out / "rows.jsonl", Row()
    with _judge(context, rows, bill) as mark:

        def work(row: Row) -> Row:
            return _marked(row, mark, config)

        fanout(context, rows, work, path, config.judge.threads, each=_show_first(context))
    bootstrap = Bootstrap(context.seed, config.rounds, config.confidence)
    compared = compare((row for row in read_rows(path) if row["set"] == "heldout"), list(folders), bootstrap)
    for contestant, sheet in zip(compared["contestants"], sheets.values(), strict=True):
        contestant["model"] = sheet["contestant"]["model"]
    evaluation = {"format": FORMAT, **_circumstances(context, next(iter(sheets.values()))), **compared}
    write_json(context.out / "evaluation.json", evaluation)
    return _summary(evaluation) | bill


def _rows(name: str, folder: Path) -> Iterator[Row]:
    for row in read_rows(folder / "rows.jsonl"):
        yield {**row, "id": f"{name}/{row['id']}", "contestant": name}


Mark = Callable[[Row], Row]
"""Held-out answer -> `scores`, and of a remote judge what else it tells. Raises Quarantined."""


@contextmanager
def _judge(context: Context, rows: list[Row], bill: Row) -> Iterator[Mark]:
    """Who marks, for the length of the step; what it cost goes into `bill` at the end."""
    config: Config = context.config
    if config.judge.kind == "offline":
        yield lambda row: {"scores": offline.judge(row["truth"], row["messages"], row["thought"], row["answer"]).scores}
        return
    asked = [row for row in rows if _is_judged(row)]
    with open_judge(context, config.judge, config.rubric, calls=len(asked)) as judge:
        judge.prefetch(asked)
        yield judge.mark
        bill["spend"] = judge.account.summary()


def _is_judged(row: Row) -> bool:
    """Where nothing was written, there is nothing to mark."""
    return bool(row["set"] == "heldout" and row["finish"] not in ("blocked", "invalid"))


def _marked(row: Row, mark: Mark, config: Config) -> Row:
    """A row with its marks. What the judge could not mark is unscored, with the reason: it stays in every count."""
    kept = {key: value for key, value in row.items() if key != "truth"}
    if row["set"] != "heldout":
        return kept
    unscored = {"scores": dict.fromkeys(DIMENSIONS), "reward": None}
    if not _is_judged(row):
        return {**kept, **unscored}
    try:
        marks = mark(row)
    except Quarantined as error:
        return {**kept, **unscored, "why": f"the judge: {error}"}
    return {**kept, **marks, "reward": reward(marks["scores"], config.weights, config.renormalise)}


def _show_first(context: Context) -> Callable[[Row], None]:
    """Sends the first held-out answers of each contestant as events."""
    shown: dict[str, int] = {}

    def show(row: Row) -> None:
        if row["set"] == "heldout" and shown.setdefault(row["contestant"], 0) < context.config.shown:
            shown[row["contestant"]] += 1
            context.emit.item("answer", prompt=row["messages"][-1]["content"], **{key: row[key] for key in SHOWN})

    return show


def _circumstances(context: Context, sheet: Row) -> Row:
    """What holds for every contestant alike."""
    config: Config = context.config
    limits = sheet["limits"]
    return {
        "split": "heldout",
        "samples": limits["heldout"],
        **{key: limits[key] for key in ("temperature", "top_p", "max_tokens", "thinking")},
        "rounds": config.rounds,
        "confidence": config.confidence,
        "prompts": sheet["sets"]["heldout"]["prompts"],
        "judge": {"kind": config.judge.kind, "model": config.judge.model or offline.MODEL, **_rubric(config)},
    }


def _rubric(config: Config) -> Row:
    return {"rubric": judge_pins(config.judge, config.rubric)["rubric"]}


def _summary(evaluation: Row) -> dict[str, Any]:
    contestants, pairs = evaluation["contestants"], evaluation["pairs"]
    return {
        "prompts": evaluation["prompts"],
        "answers": sum(contestant["answers"] for contestant in contestants),
        "contestants": {
            entry["name"]: {"reward": entry["reward"], "outcomes": entry["outcomes"]} for entry in contestants
        },
        "pairs": [{key: pair[key] for key in ("contestant", "against", "reward")} for pair in pairs],
    }


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    several = context.several.get("answers", {})
    if fault := differing({name: dict(told) for name, told in several.items() if "limits" in told}):
        findings.append(Finding("fault", " ".join(fault[:2]), fault[2]))
    if config.rubric and config.judge.kind == "offline":
        findings.append(Finding("warning", "`rubric` has no effect on the embedded judge.", "Leave it out."))
    loads = _loads(config, several.values())
    findings += foresee(config.judge, "judge", loads, context.root, os.environ)
    return findings


def _loads(config: Config, several: Iterable[Mapping[str, Any]]) -> list[Load]:
    calls = sum(told.get("sets", {}).get("heldout", {}).get("answers", 0) for told in several)
    return [verdict_load(load_rubric(config.rubric), calls, TYPICAL_LETTERS)] if calls else []


def pins(config: Config) -> dict[str, str]:
    """Other marks of the same judge's name are another result."""
    return judge_pins(config.judge, config.rubric)


STAGE = Stage(
    name="evaluate",
    Config=Config,
    takes={"answers": "answers+"},
    makes="evaluation",
    run=run,
    plan=plan,
    pins=pins,
    version=2,
)
