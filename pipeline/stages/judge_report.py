"""How far a judge can be trusted: what its scores show by themselves, against people, and on being asked again."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import DataError
from pipeline.engine.fanout import QUARANTINE, Counts, fanout
from pipeline.engine.fingerprints import describe
from pipeline.engine.rows import Row, read_rows, write_bytes, write_json
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, Inputs, Marks, PlanContext, Stage
from pipeline.providers.foresee import foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.remote import judge_pins, open_judge, verdict_load
from pipeline.tasks.judge_health import canaries
from pipeline.tasks.judge_health.compare import people, same_family
from pipeline.tasks.judge_health.figures import digest, failures, histogram, length_slope, retest
from pipeline.tasks.judge_health.findings import judge_findings
from pipeline.tasks.judge_health.origin import check_origin
from pipeline.tasks.judge_health.page import render_page
from pipeline.tasks.judge_health.probes import Probes
from pipeline.tasks.judging.verdict import Judgment
from pipeline.tasks.marks import key_of, read_marks, state_of
from pipeline.tasks.offline_judge.judge import MODEL, judge
from pipeline.tasks.records import Truth
from pipeline.tasks.rubric import load_rubric
from pipeline.tasks.selection import Weighting

FORMAT = 1
ANEW = 1000
"""Samples of an occasion are numbered from here on, so that no earlier answer is taken for a new one."""
ONCE = "Each trace was marked once; samples = 3 on the judge step tells how steady the judge is."


class Config(Settings):
    judge: ProviderSettings = ProviderSettings()
    """The judge that made the scores, to be asked again."""
    rubric: Path | None = None
    """The rubric file that the scores were made with; empty: the one in configs/rubric.toml."""
    canaries: int = Field(5, ge=0)
    """Canaries of each kind that the judge is asked about: texts that deserve nothing. 0: none."""
    drift_items: int = Field(50, ge=0)
    """Traces that the judge marks once more, the same whenever it is asked; 0: none."""
    occasion: int = Field(0, ge=0)
    """Which time this is measured; another number asks about canaries and drift again."""
    audit: ProviderSettings | None = None
    """A second judge, of another family, that marks a share of the traces too."""
    audit_share: float = Field(0.1, gt=0, le=1)
    """The share of the traces that `audit` marks."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    _check(context.inputs, config)
    path = context.inputs["scores"] / "rows.jsonl"
    weighting = Weighting.of(context.inputs["scores"])
    judged = [digest(row, weighting.reward) for row in read_rows(path)]
    if not judged:
        raise DataError(f"{path} holds no scores.", "", "Judge some traces first.")
    audited = config.audit_share if config.audit else 0.0
    probes = Probes.of(judged, lambda: read_rows(path), config.canaries, config.drift_items, audited)
    bill: Row = {}
    outcomes = _ask(context, probes.rows, weighting, bill)
    answers = list(read_rows(context.out / "rows.jsonl"))
    lost, seed = path.with_name(QUARANTINE), context.seed
    report: Row = {
        "format": FORMAT,
        "judge": _named(judged, config),
        "rows": len(judged),
        "prompts": len({row["prompt_id"] for row in judged}),
        "occasion": config.occasion,
        "retest": retest(judged, weighting.reward, seed=seed) or {"why": ONCE},
        "histogram": histogram(judged),
        "failures": failures(judged, read_rows(lost) if lost.is_file() else []),
        "people": people(judged, context.marks.get("scores", {}), seed=seed),
        "length": length_slope(judged, seed=seed),
        "canaries": probes.weigh_canaries(answers, seed),
        "drift": probes.compare("drift", answers, "drift_items is 0.", seed)
        | {"exact": config.judge.kind == "offline", "occasion": config.occasion},
        "audit": probes.compare("audit", answers, "No second judge was named as audit.", seed)
        | {"same_family": _same_family(config)},
        "outcomes": outcomes,
    }
    report["findings"] = judge_findings(report)
    write_json(context.out / "judge_report.json", report)
    write_bytes(context.out / "judge_report.md", render_page(report).encode("utf-8", "replace"))
    return _summary(context, report) | bill


def _ask(context: Context, rows: Sequence[Row], weighting: Weighting, bill: Row) -> Counts:
    """Put every probe to its judge; the answers stand in `rows.jsonl`."""
    config: Config = context.config
    judges = {"judge": config.judge, "audit": config.audit}
    with ExitStack() as stack:
        ask = {
            role: stack.enter_context(_judge(context, role, settings, own, bill))
            for role, settings in judges.items()
            if settings and (own := [row for row in rows if _role(row) == role])
        }

        def work(row: Row) -> Row:
            verdict = ask[_role(row)](row)
            return row | verdict | {"reward": weighting.reward(verdict["scores"])}

        return fanout(
            context,
            rows,
            work,
            context.out / "rows.jsonl",
            workers=max(judge.threads for judge in judges.values() if judge),
        )


def _role(probe: Row) -> str:
    return "audit" if probe["what"] == "audit" else "judge"


@contextmanager
def _judge(
    context: Context, role: str, settings: ProviderSettings, rows: Sequence[Row], bill: Row
) -> Iterator[Callable[[Row], Row]]:
    """Probe -> `scores`, `reasons`, `model`, for the length of the step; what it cost goes into `bill` at the end."""
    config: Config = context.config
    if settings.kind == "offline":
        truths = _truths(context.inputs)
        yield lambda row: _embedded(row, truths.get(row["prompt_id"]))
        return
    sample = 0 if role == "audit" else ANEW + config.occasion
    with open_judge(context, settings, config.rubric, calls=len(rows)) as remote:
        if settings.batch:
            remote.account.prefetch([remote.request(row, sample) for row in rows])
        yield lambda row: _told(*remote.ask(row, sample))
        spend = remote.account.summary()
        # An account that both use has one bill; the audit's context is left first, when all is asked.
        if spend["account"] == bill.get("spend_audit", {}).get("account"):
            del bill["spend_audit"]
        bill["spend" if role == "judge" else "spend_audit"] = spend


def _truths(inputs: Inputs) -> dict[str, Truth | None]:
    if "prompts" not in inputs:
        return {}
    return {prompt["id"]: prompt["truth"] for prompt in read_rows(inputs["prompts"] / "rows.jsonl")}


def _embedded(row: Row, truth: Truth | None) -> Row:
    marks = judge(truth, row["messages"], row["thought"], row["answer"])
    return {"scores": marks.scores, "reasons": marks.reasons, "model": MODEL}


def _told(judgment: Judgment, model: str) -> Row:
    return {"scores": judgment.scores, "reasons": judgment.reasons, "model": model}


def _same_family(config: Config) -> bool:
    names = [settings.model or settings.kind for settings in (config.judge, config.audit) if settings]
    return len(names) == 2 and same_family(*names)


def _named(judged: Sequence[Row], config: Config) -> Row:
    """Who judged, as the scores have it; `own_writing`: its family wrote some of the traces, too."""
    writers = {row["model"] for row in judged}
    return {
        "kind": config.judge.kind,
        "models": sorted({row["judge"] for row in judged}),
        "rubric": pins(config)["rubric"],
        # The embedded judge knows no style that it could prefer.
        "own_writing": config.judge.kind != "offline"
        and any(same_family(config.judge.model, writer) for writer in writers),
    }


def _summary(context: Context, report: Row) -> dict[str, Any]:
    red = [row for row in report["findings"] if row["light"] == "red"]
    for row in red:
        context.emit.alert(f"Red: {row['check']}. {row['text']}", figure=row["figure"])
    return {
        "judge": report["judge"],
        "rows": report["rows"],
        "lights": Counter(row["light"] for row in report["findings"]),
        "red": [row["check"] for row in red],
        "findings": [{name: row[name] for name in ("check", "light", "figure")} for row in report["findings"]],
        "report": "judge_report.md",
        "outcomes": report["outcomes"],
    }


def _check(inputs: Inputs, config: Config) -> None:
    check_origin(inputs["scores"], describe(config.judge), pins(config)["rubric"], "prompts" in inputs)


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    if config.audit is None and "audit_share" in config.model_fields_set:
        findings.append(Finding("warning", "`audit_share` has no effect without `audit`.", "Name an audit judge."))
    if config.occasion and not config.drift_items and not config.canaries:
        findings.append(Finding("warning", "`occasion` has no effect: nothing is asked again.", "Leave it out."))
    kinds = {settings.kind for settings in (config.judge, config.audit) if settings}
    if config.rubric and kinds == {"offline"}:
        findings.append(Finding("warning", "`rubric` has no effect on the embedded judge.", "Leave it out."))
    if _same_family(config):
        text = "`audit` seems to be of the judge's own family, and may share its faults."
        findings.append(Finding("warning", text, "Name a model of another maker."))
    path: Path | None = context.inputs["scores"] / "rows.jsonl" if "scores" in context.inputs else None
    if path:
        _check(context.inputs, config)
    letters, count = _sizes(path) if path else (0, 0)
    calls = len(canaries.KINDS) * config.canaries + min(config.drift_items, count)
    rubric = load_rubric(None)
    audited = [verdict_load(rubric, math.ceil(config.audit_share * count), letters, "audit")] if count else []
    loads = [verdict_load(rubric, calls, letters)] if count and calls else []
    findings += foresee(config.judge, "judge", loads, context.root, os.environ)
    if config.audit:
        findings += foresee(config.audit, "audit", audited, context.root, os.environ)
    return findings


def _sizes(path: Path) -> tuple[int, int]:
    """(mean letters of prompt and trace, rows) of the scores."""
    letters = [
        len(row["thought"]) + len(row["answer"]) + sum(len(turn["content"]) for turn in row["messages"])
        for row in read_rows(path)
    ]
    return sum(letters) // max(1, len(letters)), len(letters)


def marks(root: Path, inputs: Inputs) -> Marks:
    """What people said of the scored traces, held-out ones included."""
    states = {key: state_of(some) for key, some in read_marks(root).items()}
    path: Path | None = inputs["scores"] / "rows.jsonl" if "scores" in inputs else None
    if path is None or not path.is_file() or not states:
        return Marks()
    found = {key: states[key] for key in map(key_of, read_rows(path)) if states.get(key)}
    return Marks({"scores": found} if found else {})


def pins(config: Config) -> dict[str, str]:
    """The figures of another judge or another rubric are not these figures."""
    return judge_pins(config.judge, config.rubric)


STAGE = Stage(
    "judge_report",
    Config,
    takes={"scores": "scores", "prompts": "prompts?"},
    makes="judge_report",
    run=run,
    plan=plan,
    pins=pins,
    marks=marks,
)
