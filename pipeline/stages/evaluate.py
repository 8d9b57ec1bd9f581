"""Every contestant's answers, judged and held side by side: the baseline first, the tuned one last.

A cut-off answer is judged as it stands, and counted as cut off: all contestants have the same limit, and to leave such
answers out would reward the model that only finishes what is easy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.fanout import fanout
from pipeline.engine.rows import Row, read_rows, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.examiner import open_examiner
from pipeline.scoring.remote import judge_pins, verdict_load
from pipeline.tasks.battery.battery import Battery, load_battery, scored_hash
from pipeline.tasks.battery.question import form_hash
from pipeline.tasks.battery.scoring import NAME as BATTERY
from pipeline.tasks.battery.tally import tally
from pipeline.tasks.calibration.figures import calibrate
from pipeline.tasks.calibration.stated import NAME as STATED
from pipeline.tasks.comparison import Bootstrap, compare
from pipeline.tasks.examination import differing, read_sheet
from pipeline.tasks.offline_judge.judge import MODEL
from pipeline.tasks.rubric import Weights, load_rubric

FORMAT = 2
SHOWN = ("contestant", "set", "prompt_id", "category", "sample", "thought", "answer", "outcome", "tokens", "scores",
         "reward")  # fmt: skip
TYPICAL_TEST = (400, 60)
"""Tokens of thought and verdict that `plan` assumes for a test of the battery."""
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
    with open_examiner(context, rows, bill) as examine:
        fanout(context, rows, examine, path, config.judge.threads, each=_show_first(context))
    names = list(folders)
    compared = compare(_of("heldout", path), names, Bootstrap(context.seed, config.rounds, config.confidence))
    for contestant, sheet in zip(compared["contestants"], sheets.values(), strict=True):
        contestant["model"] = sheet["contestant"]["model"]
    evaluation: Row = {
        "format": FORMAT,
        **_circumstances(config, next(iter(sheets.values()))),
        **compared,
        "battery": _tallied(load_battery(context.root), path, names, config.confidence),
        "calibration": calibrate(_of("calibration", path), names),
    }
    write_json(context.out / "evaluation.json", evaluation)
    return _summary(evaluation) | bill


def _of(set: str, path: Path) -> Iterator[Row]:
    return (row for row in read_rows(path) if row["set"] == set)


def _tallied(battery: Battery, path: Path, names: list[str], confidence: float) -> Row | None:
    """None where nobody was asked the battery."""
    rows = list(_of("battery", path))
    return tally(battery, rows, names, confidence) if rows else None


def _rows(name: str, folder: Path) -> Iterator[Row]:
    for row in read_rows(folder / "rows.jsonl"):
        yield {**row, "id": f"{name}/{row['id']}", "contestant": name}


def _show_first(context: Context) -> Callable[[Row], None]:
    """Sends the first held-out answers of each contestant as events."""
    shown: dict[str, int] = {}

    def show(row: Row) -> None:
        if row["set"] == "heldout" and shown.setdefault(row["contestant"], 0) < context.config.shown:
            shown[row["contestant"]] += 1
            context.emit.item("answer", prompt=row["messages"][-1]["content"], **{key: row[key] for key in SHOWN})

    return show


def _circumstances(config: Config, sheet: Row) -> Row:
    """What holds for every contestant alike."""
    limits = sheet["limits"]
    return {
        "split": "heldout",
        "samples": limits["heldout"],
        **{key: limits[key] for key in ("temperature", "top_p", "max_tokens", "thinking")},
        "rounds": config.rounds,
        "confidence": config.confidence,
        "prompts": sheet["sets"]["heldout"]["prompts"],
        "judge": {"kind": config.judge.kind, "model": config.judge.model or MODEL, "rubric": _rubric(config)},
    }


def _rubric(config: Config) -> str:
    return judge_pins(config.judge, config.rubric)["rubric"]


def _summary(evaluation: Row) -> dict[str, Any]:
    contestants, pairs = evaluation["contestants"], evaluation["pairs"]
    return {
        "prompts": evaluation["prompts"],
        "answers": sum(contestant["answers"] for contestant in contestants),
        "contestants": {
            entry["name"]: {"reward": entry["reward"], "outcomes": entry["outcomes"]} for entry in contestants
        },
        "pairs": [{key: pair[key] for key in ("contestant", "against", "reward")} for pair in pairs],
        "battery": evaluation["battery"] and evaluation["battery"]["totals"],
        "calibration": [
            {key: entry[key] for key in ("contestant", "asked", "stated", "n", "ece", "brier", "auroc", "why")}
            for entry in evaluation["calibration"]
        ],
    }


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    several = context.several.get("answers", {})
    if fault := differing({name: dict(told) for name, told in several.items() if "limits" in told}):
        findings.append(Finding("fault", " ".join(fault[:2]), fault[2]))
    if config.rubric and config.judge.kind == "offline":
        findings.append(Finding("warning", "`rubric` has no effect on the embedded judge.", "Leave it out."))
    loads = _loads(config, several.values(), load_battery(context.root))
    findings += foresee(config.judge, "judge", loads, context.root, os.environ)
    return findings


def _loads(config: Config, several: Iterable[Mapping[str, Any]], battery: Battery) -> list[Load]:
    """Calls of a remote judge: a verdict in nine dimensions for every held-out answer, one word for those tests of the
    battery that no program scores."""

    def count(name: str) -> int:
        return sum(told.get("sets", {}).get(name, {}).get("answers", 0) for told in several)

    several = list(several)
    judged = sum(test.kind == "judge" for test in battery.tests)
    calls = {"verdict": count("heldout"), "test": count("battery") * judged // max(1, len(battery.tests))}
    loads = []
    if calls["verdict"]:
        loads.append(verdict_load(load_rubric(config.rubric), calls["verdict"], TYPICAL_LETTERS))
    if calls["test"]:
        loads.append(Load("test", calls["test"], TYPICAL_LETTERS, *TYPICAL_TEST))
    return loads


def pins(config: Config) -> dict[str, str]:
    """Other marks, verdicts or readings under the same names are another result."""
    asked = {} if config.judge.kind == "offline" else {"test": form_hash()}
    return {**judge_pins(config.judge, config.rubric), **asked, "battery_scoring": BATTERY, "stated": STATED}


STAGE = Stage(
    name="evaluate",
    Config=Config,
    takes={"answers": "answers+"},
    makes="evaluation",
    run=run,
    plan=plan,
    pins=pins,
    reads=scored_hash,
    version=2,
)
