"""Traces: several answers to every prompt, good, middling and bad on purpose, for a judge and a trainer to rank."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.fanout import QUARANTINE, Counts, fanout
from pipeline.engine.rows import Row, content_hash, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.account import Account, open_account
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.offline import Offline
from pipeline.providers.provider import ProviderSettings, Reply, Request, Thinking
from pipeline.tasks import teaching
from pipeline.tasks.offline_teacher.write import NAME, can_write, write
from pipeline.tasks.records import TRACE_TYPES, Prompt, TraceType


class Config(Settings):
    provider: ProviderSettings = ProviderSettings()
    """The teacher that writes them."""
    per_prompt: int = Field(6, ge=4, le=8)
    """Traces of each prompt, spread over chosen, adequate and rejected as evenly as it goes, chosen first."""
    system_chosen: str = teaching.CHOSEN
    """The system prompt of chosen traces; a system message of the prompt's own is added to it, as to the next two."""
    system_adequate: str = ""
    """The system prompt of adequate traces; empty: standard generation."""
    system_rejected: str = teaching.REJECTED
    """The system prompt of rejected traces."""
    thinking_chosen: Thinking = "high"
    """How long the teacher thinks on chosen traces; empty: as the provider is set, for models that know no levels."""
    thinking_adequate: Thinking = ""
    """The same of adequate traces."""
    thinking_rejected: Thinking = "low"
    """The same of rejected traces, which are to be rushed."""
    thought: Literal["service", "written"] = "service"
    """Where the thought comes from, which SFT teaches word for word. service: what the service gives, which is all of
    it with open models, a summary with Gemini (where a level is set), often nothing with other hosts. written: every
    system prompt also asks for the reasoning in a think block before the answer; a reply without one is asked for
    again."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    prompts = list(read_rows(context.inputs["prompts"] / "rows.jsonl"))
    if config.provider.kind == "offline" and (untold := _untold(prompts)):
        raise DataError(_told_of(untold), *UNTOLD)
    rows = [
        {"id": f"{prompt['id']}/{sample}", "prompt": prompt, "type": kind, "sample": sample}
        for prompt in prompts
        for sample, kind in enumerate(_types(config.per_prompt))
    ]
    path = context.out / "rows.jsonl"

    def ask_all(teacher: Account | Offline, workers: int) -> Counts:
        def work(row: Row) -> Row:
            return teacher.ask(_request(row, config), lambda reply: _trace(row, reply, config))

        return fanout(context, rows, work, path, workers, each=_show_first(context))

    spend: Row = {}
    if config.provider.kind == "offline":
        outcomes = ask_all(Offline(NAME, lambda request: _write(request.row, context.seed)), 1)
    else:
        with open_account(config.provider, context, len(rows)) as account:
            if config.provider.batch:
                account.prefetch([_request(row, config) for row in rows])
            outcomes = ask_all(account, config.provider.threads)
            spend = {"spend": account.summary()}
    if outcomes["asked"] and not outcomes["answered"]:
        raise _nothing(path.with_name(QUARANTINE), outcomes)
    summary = {"prompts": len(prompts), **_summary(read_rows(path)), "outcomes": outcomes, **spend}
    if missing := summary["without_thought"]:
        context.emit.alert(
            f"{missing} of {summary['traces']} traces have no thought: the service did not give it. SFT would learn to "
            'answer without one; `thought = "written"` asks the teacher to write it down.',
            missing=missing,
        )
    return summary


def _write(row: Row, seed: int) -> tuple[str, str]:
    return write(row["prompt"], row["type"], row["sample"], seed)


def _types(count: int) -> list[str]:
    return [TRACE_TYPES[sample % len(TRACE_TYPES)] for sample in range(count)]


def _request(row: Row, config: Config) -> Request:
    kind = row["type"]
    instructions: str = getattr(config, f"system_{kind}")
    system, turns = teaching.ask(row["prompt"]["messages"], instructions, config.thought == "written")
    return Request(turns, system, getattr(config, f"thinking_{kind}"), sample=row["sample"], row=row)


def _trace(row: Row, reply: Reply, config: Config) -> Row:
    """The trace that a reply makes. Raises Quarantined."""
    prompt: Row = row["prompt"]
    written = config.thought == "written"
    # Gemini's own is a summary, not what it was asked to write.
    own = "" if written and config.provider.kind == "gemini" else reply.thought
    thought, answer = teaching.read(reply.text, own, written)
    trace = {
        "id": row["id"],
        "prompt_id": prompt["id"],
        "category": prompt["category"],
        "split": prompt["split"],
        "type": row["type"],
        "sample": row["sample"],
        "messages": prompt["messages"],
        "thought": thought,
        "answer": answer,
        "finish": reply.finish,
        "provider": config.provider.kind,
        "model": reply.model,
    }
    if config.provider.kind != "offline":
        usage = reply.usage
        trace["tokens"] = {"input": usage.input, "output": usage.output, "thought": usage.thought}
    return trace


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


def _summary(traces: Iterable[Row]) -> dict[str, Any]:
    """Counts, and mean words of thought and answer by type, over rows that are read one at a time."""
    types, finish, missing = Counter[str](), Counter[str](), 0
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for trace in traces:
        types[trace["type"]] += 1
        finish[trace["finish"]] += 1
        missing += not trace["thought"]
        words[trace["type"]].update({part: len(trace[part].split()) for part in ("thought", "answer")})
    return {
        "traces": types.total(),
        "types": types,
        "finish": finish,
        "words": {
            kind: {part: round(words[kind][part] / max(1, types[kind]), 1) for part in ("thought", "answer")}
            for kind in TRACE_TYPES
        },
        "without_thought": missing,
    }


def _nothing(quarantine: Path, outcomes: Counts) -> StageFailed:
    first = next(read_rows(quarantine))
    return StageFailed(
        f"None of {outcomes['asked']} traces can be used.",
        f"The first of them: {first['outcome']}, {first['reason']}.",
        f"See {quarantine}, change the provider or its limit, and run again; what was answered is not paid for twice.",
    )


UNTOLD = (
    "It writes from the ground truth beside a prompt, and these have none, or no variables in it.",
    "Give them a `truth` with `variables`, remove them, or name another provider as the teacher.",
)


def _untold(prompts: list[Row]) -> list[str]:
    return [prompt["id"] for prompt in prompts if not can_write(cast(Prompt, prompt))]


def _told_of(untold: list[str]) -> str:
    some = ", ".join(untold[:3]) + (" and more" if len(untold) > 3 else "")
    return f"{len(untold)} prompts are not for the embedded teacher: {some}."


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    settings, findings = config.provider, list[Finding]()
    if settings.kind == "gemini" and config.thought == "service":
        text = "Gemini gives summaries of its thought, and SFT would learn to think in summaries."
        findings.append(Finding("warning", text, 'Set `thought = "written"` to have the reasoning written down.'))
    for name in NEEDS_MODEL if settings.kind == "offline" else NEEDS_LEVELS if settings.kind == "local" else ():
        if getattr(config, name) != Config.model_fields[name].default:
            text = f"`{name}` has no effect on a provider of kind {settings.kind}."
            findings.append(Finding("warning", text, "Leave it out."))
    count, letters = 0, LETTERS
    if "prompts" in context.inputs:
        rows = list(read_rows(context.inputs["prompts"] / "rows.jsonl"))
        count, letters = len(rows), sum(len(turn["content"]) for row in rows for turn in row["messages"])
        letters //= max(1, count)
        if settings.kind == "offline" and (untold := _untold(rows)):
            findings.append(Finding("fault", _told_of(untold), " ".join(UNTOLD)))
    elif expected := context.expected.get("prompts"):
        count = expected.get("prompts", 0)
        if settings.kind == "offline" and (number := expected.get("without_truth")):
            text = f"{number} of the {count} prompts will not be for the embedded teacher."
            findings.append(Finding("fault", text, " ".join(UNTOLD)))
    if count:
        traces = count * config.per_prompt
        findings.append(Finding("note", f"{traces} traces to write.", data={"traces": traces}))
    loads = [_load(config, kind, count, letters) for kind in TRACE_TYPES]
    return findings + foresee(settings, "provider", loads, context.root, os.environ)


NEEDS_LEVELS = ("thinking_chosen", "thinking_adequate", "thinking_rejected")
NEEDS_MODEL = ("system_chosen", "system_adequate", "system_rejected", *NEEDS_LEVELS, "thought")
LETTERS = 250
"""Of a prompt, about, as long as there is none."""


def _load(config: Config, kind: TraceType, prompts: int, letters: int) -> Load:
    """The calls for one type, for prompts of that mean length."""
    calls, system = prompts * _types(config.per_prompt).count(kind), len(getattr(config, f"system_{kind}"))
    thought, written, answer = teaching.TYPICAL[kind]
    return Load(kind, calls, letters + system, thought, answer + (written if config.thought == "written" else 0))


def pins(config: Config) -> dict[str, str]:
    """Traces of another embedded teacher, or of other words on the think block, are not these traces."""
    if config.provider.kind == "offline":
        return {"teacher": NAME}
    return {"form": content_hash(teaching.WRITTEN)[:12]} if config.thought == "written" else {}


STAGE = Stage("traces", Config, takes={"prompts": "prompts"}, makes="traces", run=run, plan=plan, pins=pins)
