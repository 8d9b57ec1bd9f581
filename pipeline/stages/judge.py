"""Scores: every trace with its nine scores and its reward.

The judge sees the text, the embedded one the prompt's truth too; never the label that says how a trace was meant.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.fanout import QUARANTINE, Counts, fanout
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, Inputs, PlanContext, Stage
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.remote import judge_pins, open_judge, verdict_load
from pipeline.tasks.judging.summary import summarise
from pipeline.tasks.offline_judge.judge import MODEL, judge
from pipeline.tasks.records import Truth
from pipeline.tasks.rubric import Rubric, Weights, load_rubric, reward, rubric_hash

LEAST_EFFECT = 1.0
"""Cohen's d between neighbouring types below which an alert says that the judge hardly tells them apart."""
SHOWN = ("id", "category", "type", "thought", "answer", "scores", "reward")
"""What an event tells of a row."""
TYPICAL_LETTERS = 5000
"""Of prompt and trace, which `plan` assumes of traces that are not made yet."""


class Config(Settings):
    judge: ProviderSettings = ProviderSettings()
    """Who marks the traces."""
    samples: int = Field(1, ge=1, le=32)
    """How often a remote judge marks each trace; the scores are the mean, and their spread is kept."""
    rubric: Path | None = None
    """A rubric file for a remote judge; empty: the one in configs/rubric.toml."""
    weights: Weights = Weights()
    """What each dimension counts in the reward."""
    renormalise: bool = True
    """Divide the reward by the weight of the dimensions that apply; off, it is the bare weighted sum."""


Judge = Callable[[Row], Row]
"""Trace -> `scores`, `reasons`, `judge`, and of a remote judge `spread` and `samples`. Raises Quarantined."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    finishes = Counter(trace["finish"] for trace in _traces(context.inputs))
    unfinished = {finish: count for finish, count in finishes.items() if finish != "stop"}
    if not finishes["stop"]:
        raise DataError(
            "There is no trace to judge.",
            f"Of {finishes.total()} none came to its end: {unfinished}.",
            "Make the traces again, or raise the teacher's limit.",
        )
    bill: Row = {}
    with _judge(context, finishes["stop"], bill) as marked:

        def work(trace: Row) -> Row:
            marks = marked(trace)
            return {
                **trace,
                **marks,
                "reward": round(reward(marks["scores"], config.weights, config.renormalise), 6),
            }

        outcomes = fanout(
            context,
            _whole(context.inputs),
            work,
            context.out / "rows.jsonl",
            workers=config.judge.threads,
            each=_show_first(context),
        )
    return _summary(context, outcomes, unfinished) | bill


def _traces(inputs: Inputs) -> Iterator[Row]:
    return read_rows(inputs["traces"] / "rows.jsonl")


def _whole(inputs: Inputs) -> Iterator[Row]:
    return (trace for trace in _traces(inputs) if trace["finish"] == "stop")


def _show_first(context: Context) -> Callable[[Row], None]:
    """Sends the first trace of each category and type as an event."""
    shown: set[tuple[str, str]] = set()

    def show(row: Row) -> None:
        kind = (row["category"], row.get("type", ""))
        if kind not in shown:
            shown.add(kind)
            context.emit.item("scored", **{name: row.get(name, "") for name in SHOWN})

    return show


@contextmanager
def _judge(context: Context, traces: int, bill: Row) -> Iterator[Judge]:
    """Who marks, for the length of the step; what it cost goes into `bill` at the end."""
    config: Config = context.config
    if config.judge.kind == "offline":
        yield _embedded(context)
        return
    calls = traces * config.samples
    with open_judge(context, config.judge, config.rubric, calls=calls, samples=config.samples) as remote:
        remote.prefetch(_whole(context.inputs))
        yield remote.mark
        bill["spend"] = remote.account.summary()


def _embedded(context: Context) -> Judge:
    config: Config = context.config
    for name, asked, used in _without_effect(config):
        context.in_effect(name, asked, used, "the embedded judge goes by rules of its own and never wavers")
    truths = _truths(context)
    who = {"kind": config.judge.kind, "model": MODEL, "rubric": rubric_hash()}

    def marked(trace: Row) -> Row:
        marks = judge(truths.get(trace.get("prompt_id")), trace["messages"], trace["thought"], trace["answer"])
        return {"scores": marks.scores, "reasons": marks.reasons, "judge": who}

    return marked


def _without_effect(config: Config) -> list[tuple[str, Any, Any]]:
    """(setting, asked, in effect) of what the embedded judge does not honour."""
    found: list[tuple[str, Any, Any]] = [("samples", config.samples, 1)] if config.samples > 1 else []
    return [*found, ("rubric", str(config.rubric), None)] if config.rubric else found


def _truths(context: Context) -> dict[Any, Truth | None]:
    """What is true of each prompt. Raises DataError where the prompts belong to other traces altogether."""
    if "prompts" not in context.inputs:
        return {}
    truths = {prompt["id"]: prompt["truth"] for prompt in read_rows(context.inputs["prompts"] / "rows.jsonl")}
    answered = Counter(trace.get("prompt_id") for trace in _whole(context.inputs))
    strays = Counter({prompt: count for prompt, count in answered.items() if prompt not in truths})
    if not strays:
        return truths
    text = f"{strays.total()} traces answer prompts that are not there, such as {next(iter(strays))}"
    if strays == answered:
        raise DataError(
            f"{text}: that is all of them.",
            "The prompts are those of other traces.",
            "Name the prompts that they were written for, or none: from = { prompts = [] }",
        )
    context.emit.alert(f"{text}: they are judged without a truth.")
    return truths


def _summary(context: Context, outcomes: Counts, unfinished: Row) -> dict[str, Any]:
    config: Config = context.config
    if not outcomes["answered"]:
        raise StageFailed(
            f"The judge gave no verdict that can be used on any of {outcomes['asked']} traces.",
            f"Refused: {outcomes['blocked']}, invalid: {outcomes['invalid']}, cut off: {outcomes['cut_off']}.",
            f"See the reasons in {context.out / QUARANTINE}, then change the judge or its limit.",
        )
    found = summarise(read_rows(context.out / "rows.jsonl"), config.weights)
    for name, separation in found["separation"].items():
        if not separation["ordered"] or any(d is not None and d < LEAST_EFFECT for d in separation["effect"].values()):
            context.emit.alert(f"The judge hardly tells the types of {name} traces apart.", **separation)
    if found["unmarked"]:
        text = f"{found['unmarked']} traces have reward 0, for no dimension with a weight applies to them."
        context.emit.alert(text)
    if len(found["models"]) > 1:
        text = "More than one version of the judge has answered, and their scores may not compare."
        context.emit.alert(text, models=found["models"])
    return {
        **found,
        "unfinished": unfinished,
        "outcomes": outcomes,
        "judge_refused": round(outcomes["blocked"] / outcomes["asked"], 4),
        "judge_invalid": round(outcomes["invalid"] / outcomes["asked"], 4),
        "judge": {"kind": config.judge.kind, "model": ", ".join(found["models"]), "rubric": pins(config)["rubric"]},
    }


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    traces, letters = _measure(context)
    if config.judge.kind == "offline":
        findings += [
            Finding("warning", f"`{name}` has no effect on the embedded judge.", "Leave it out, or name another judge.")
            for name, _, _ in _without_effect(config)
        ]
        findings += foresee(config.judge, "judge", [], context.root, os.environ)
    else:
        rubric = load_rubric(config.rubric)
        if config.samples > 1 and config.judge.temperature == 0:
            text = f"At temperature 0 the {config.samples} samples of a trace will hardly differ."
            findings.append(Finding("warning", text, "Set samples = 1, or leave out the temperature."))
        findings += foresee(config.judge, "judge", _loads(traces, letters, rubric, config), context.root, os.environ)
    if traces:
        findings.append(Finding("note", f"{traces} traces to judge.", data={"traces": traces}))
    return findings


def _measure(context: PlanContext) -> tuple[int, int]:
    """How many traces there are to judge, and how many letters they have in all; assumed where they are not made."""
    if "traces" not in context.inputs:
        traces = int(context.expected.get("traces", {}).get("traces", 0))
        return traces, traces * TYPICAL_LETTERS
    traces = letters = 0
    for trace in _whole(context.inputs):
        traces += 1
        letters += (
            len(trace["thought"]) + len(trace["answer"]) + sum(len(turn["content"]) for turn in trace["messages"])
        )
    return traces, letters


def _loads(traces: int, letters: int, rubric: Rubric, config: Config) -> list[Load]:
    return [verdict_load(rubric, traces * config.samples, letters // traces)] if traces else []


def pins(config: Config) -> dict[str, str]:
    """Scores of another judge or another rubric are not these scores."""
    return judge_pins(config.judge, config.rubric)


STAGE = Stage(
    "judge", Config, takes={"prompts": "prompts?", "traces": "traces"}, makes="scores", run=run, plan=plan, pins=pins
)
