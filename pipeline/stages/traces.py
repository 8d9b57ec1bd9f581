"""Traces: several answers to every prompt, good, middling and bad on purpose, for a judge and a trainer to rank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from pipeline.engine.errors import DataError
from pipeline.engine.fanout import fanout
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.offline import Offline
from pipeline.providers.provider import Provider, ProviderSettings, Request
from pipeline.tasks.offline_teacher.write import NAME, can_write, write
from pipeline.tasks.records import TRACE_TYPES, Prompt


class Config(Settings):
    provider: ProviderSettings = ProviderSettings()
    """The teacher that writes them."""
    per_prompt: int = Field(6, ge=4, le=8)
    """Traces of each prompt, spread over chosen, adequate and rejected as evenly as it goes, chosen first."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    prompts = list(read_rows(context.inputs["prompts"] / "rows.jsonl"))
    if untold := _untold(prompts):
        raise DataError(f"{len(untold)} prompts are not for the embedded teacher: {_some(untold)}.", *UNTOLD)
    teacher = _teacher(context.seed)
    rows = [
        {"id": f"{prompt['id']}/{sample}", "prompt": prompt, "type": kind, "sample": sample}
        for prompt in prompts
        for sample, kind in enumerate(_types(config.per_prompt))
    ]
    traces = fanout(
        context,
        rows,
        work=lambda row: _trace(row, teacher, config.provider),
        path=context.out / "rows.jsonl",
        workers=config.provider.workers,
        each=_show_first(context),
    )
    return {
        "traces": len(traces),
        "prompts": len(prompts),
        "types": Counter(trace["type"] for trace in traces),
        "finish": Counter(trace["finish"] for trace in traces),
        "words": {kind: _words(traces, kind) for kind in TRACE_TYPES},
    }


def _types(count: int) -> list[str]:
    return [TRACE_TYPES[sample % len(TRACE_TYPES)] for sample in range(count)]


def _show_first(context: Context) -> Callable[[Row], None]:
    """Sends the first trace of each category and type as an event."""
    shown: set[tuple[str, str]] = set()

    def show(trace: Row) -> None:
        kind = (trace["category"], trace["type"])
        if kind not in shown:
            shown.add(kind)
            fields = ("id", "category", "type", "thought", "answer")
            context.emit.item("trace", **{name: trace[name] for name in fields})

    return show


def _teacher(seed: int) -> Provider:
    def answer(request: Request) -> tuple[str, str]:
        row = request.row
        return write(row["prompt"], row["type"], request.sample, seed)

    return Offline(NAME, answer)


def _trace(row: Row, teacher: Provider, settings: ProviderSettings) -> Row:
    prompt: Row = row["prompt"]
    reply = teacher.ask(Request(messages=prompt["messages"], sample=row["sample"], row=row))
    return {
        "id": row["id"],
        "prompt_id": prompt["id"],
        "category": prompt["category"],
        "split": prompt["split"],
        "type": row["type"],
        "sample": row["sample"],
        "messages": prompt["messages"],
        "thought": reply.thought,
        "answer": reply.text,
        "finish": reply.finish,
        "provider": settings.kind,
        "model": reply.model,
    }


def _words(traces: list[Row], kind: str) -> dict[str, float]:
    """Mean words of thought and answer."""
    some = [trace for trace in traces if trace["type"] == kind]
    return {
        part: round(sum(len(trace[part].split()) for trace in some) / max(1, len(some)), 1)
        for part in ("thought", "answer")
    }


UNTOLD = (
    "It writes from the ground truth beside a prompt, and these have none, or no variables in it.",
    "Give them a `truth` with `variables`, or remove them.",
)


def _untold(prompts: list[Row]) -> list[str]:
    return [prompt["id"] for prompt in prompts if not can_write(cast(Prompt, prompt))]


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (" and more" if len(ids) > 3 else "")


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    if config.provider.model:
        text = "`provider.model` has no effect on the embedded teacher."
        findings.append(Finding("warning", text, "Leave it out of the provider."))
    prompts: Path | None = context.inputs.get("prompts")
    if prompts is not None:
        rows = list(read_rows(prompts / "rows.jsonl"))
        if untold := _untold(rows):
            text = f"{len(untold)} prompts are not for the embedded teacher: {_some(untold)}."
            findings.append(Finding("fault", text, " ".join(UNTOLD)))
        count = len(rows) * config.per_prompt
        findings.append(Finding("note", f"{count} traces to write.", data={"traces": count}))
    return findings


def pins(_: Config) -> dict[str, str]:
    """Traces of another teacher are not these traces."""
    return {"teacher": NAME}


STAGE = Stage("traces", Config, takes={"prompts": "prompts"}, makes="traces", run=run, plan=plan, pins=pins)
