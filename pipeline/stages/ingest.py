"""Ingest: what was made elsewhere. Traces from files of other makers' formats, every row either taken or left out for a
reason that is told; and models, adapters and GGUF files, which then stand wherever one made here may."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from pipeline.engine.errors import DataError, PipelineError
from pipeline.engine.rows import Row, RowWriter, file_hash
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.ingest.conversation import REASONS, LeftOut
from pipeline.tasks.ingest.formats import Format, Reader, readers, recognise
from pipeline.tasks.ingest.intake import Intake
from pipeline.tasks.ingest.source import Item, encoding_of, read_items
from pipeline.tasks.ingest.source import files_of as trace_files
from pipeline.tasks.ingest.tally import NAMED, Tally
from pipeline.tasks.records import Category
from pipeline.training.fetch import bring
from pipeline.training.foreign import Kind, describe, files_of, kind_of

LEFT_OUT = "left_out.jsonl"
TRIED = 100
"""Rows at the beginning of a file by which its format is recognised."""


class Config(Settings):
    source: Path
    """A file, or a folder of files (JSONL, JSON, CSV), or an artifact of traces or scores; a folder with a Hugging Face
    model or a LoRA adapter; a .gguf file."""
    kind: Literal["auto", "traces", "model", "adapter", "gguf"] = "auto"
    """What comes of it; auto tells by what lies there."""
    format: Literal["auto"] | Format = "auto"
    """What the rows are: openai ({"messages": [...]}), sharegpt ({"conversations": [...]}), alpaca (instruction, input,
    output), traces (our own, with or without scores), csv (columns; in JSON objects too). auto tells by each file."""
    turns: Literal["last", "all"] = "last"
    """Of a conversation with several answers: the last is the trace's, or each gives a trace of its own."""
    heldout: float = Field(0.1, ge=0, lt=1)
    """Share of the problems that is kept from training, where a row does not say its `split`."""
    category: Category = "complexity"
    """The category of rows that name none of ours."""
    longest: int = Field(200_000, ge=1)
    """Most letters of a conversation, thoughts included."""
    strict: bool = False
    """The first row that cannot be used is an error instead of being left out; a second copy of a row is none."""
    prompt_column: str = ""
    """csv, alpaca: the column of the prompt; empty: prompt, instruction or question."""
    answer_column: str = ""
    """csv, alpaca: the column of the answer; empty: answer, response, output or completion."""
    system_column: str = ""
    """csv, alpaca: the column of the system prompt; empty: system or system_prompt, if there is one."""
    thought_column: str = ""
    """csv, alpaca: the column of the thought; empty: thought, reasoning or thinking, if there is one."""
    category_column: str = ""
    """csv, alpaca: the column of the category; empty: category, if there is one."""
    split_column: str = ""
    """csv, alpaca: the column that says train or heldout; empty: split, if there is one."""
    problem_column: str = ""
    """csv, alpaca: the column of what keeps rows on one side of the split; empty: problem, if there is one."""

    def columns(self) -> dict[str, str]:
        """What a column holds -> the name that was given for it."""
        held = ("prompt", "answer", "system", "thought", "category", "split", "problem")
        return {what: name for what in held if (name := getattr(self, f"{what}_column"))}


def kind_for(config: Config) -> str:
    """The kind of artifact that comes of it; settings that did not pass their check have no source."""
    if getattr(config, "kind", "auto") != "auto":
        return config.kind
    source = getattr(config, "source", None)
    return (kind_of(source) if source is not None else None) or "traces"


def run(context: Context) -> dict[str, Any]:
    kind = kind_for(context.config)
    return _read_traces(context) if kind == "traces" else _bring(context, cast(Kind, kind))


def _bring(context: Context, kind: Kind) -> dict[str, Any]:
    source = context.config.source
    files = files_of(kind, source)
    bring(files, context.out, lambda count: context.emit.progress(count, len(files), "files"))
    about = describe(kind, source)
    if kind == "gguf" and not about["chat_template"]:
        context.emit.alert("The file holds no chat template: it continues a text, and takes no turns.", level="note")
    return {"kind": kind, "source": str(source), "bytes": sum(path.stat().st_size for path in files), **about}


def _read_traces(context: Context) -> dict[str, Any]:
    config: Config = context.config
    known = readers(config.columns())
    files, passed_over = trace_files(config.source)
    if passed_over:
        names = ", ".join(path.name for path in passed_over[:NAMED])
        context.emit.alert(f"{len(passed_over)} files of another kind are passed over: {names}.", level="note")
    intake = Intake(config.turns == "all", config.longest, config.category, config.heldout, context.seed)
    tally, sources = Tally(), []
    rows_file, left_file = context.out / "rows.jsonl", context.out / LEFT_OUT
    for path in (rows_file, left_file):  # what a killed attempt left; to begin anew takes seconds
        path.unlink(missing_ok=True)
    with RowWriter(rows_file) as taken, RowWriter(left_file) as left:
        for path in files:
            name = path.relative_to(config.source).as_posix() if path != config.source else path.name
            before = (tally.rows, tally.traces)
            format, items = _opened(path, config, known)
            for line, item in items:
                _take(f"{name}:{line}", item, known[format], intake, tally, config.strict, taken, left)
                if tally.rows % 500 == 0:
                    context.emit.progress(tally.rows)
                    context.check_stop()
            sources.append(
                _lineage(path, name, format) | {"rows": tally.rows - before[0], "traces": tally.traces - before[1]}
            )
    context.emit.progress(tally.rows, tally.rows)
    if not tally.traces:
        raise DataError(
            f"{config.source} gives no trace.",
            f"Of {tally.rows} rows none can be used: {tally.left_out_in_words()}.",
            "Check the file's format; `--format` says it where it is not recognised.",
        )
    _tell(context, tally, intake)
    return {
        "traces": tally.traces,
        "rows": tally.rows,
        "prompts": len(intake.samples),
        "train": tally.by["split"]["train"],
        "heldout": tally.by["split"]["heldout"],
        "categories": tally.by["category"],
        "types": tally.by["type"],
        "thoughts": tally.thoughts,
        "left_out": tally.left_out,
        "first": tally.first,
        "ignored": tally.ignored,
        "sources": sources,
    }


def _opened(path: Path, config: Config, known: dict[Format, Reader]) -> tuple[Format, Iterator[Item]]:
    """A file's format and all its rows. Raises DataError where the format is not recognised."""
    items = read_items(path)
    if config.format != "auto":
        return config.format, items
    tried = list(islice(items, TRIED))
    objects = [item for _, item in tried if not isinstance(item, LeftOut)]
    found = next((format for item in objects if (format := recognise(item, known))), None)
    if found is None:
        fields = ", ".join(list(objects[0])[:10]) if objects else ""
        why = f"Its first row has the fields: {fields}." if fields else "None of its first rows can be read."
        raise DataError(
            f"{path}: the format is not recognised.", why,
            "Say which it is with --format, or the columns with --prompt-column and --answer-column.",
        )  # fmt: skip
    return found, chain(tried, items)


def _take(
    where: str, item: Row | LeftOut, reader: Reader, intake: Intake, tally: Tally, strict: bool, taken: RowWriter,
    left: RowWriter,
) -> None:  # fmt: skip
    tally.rows += 1
    try:
        if isinstance(item, LeftOut):
            raise item
        traces = intake.traces(reader.read(item), where)
    except LeftOut as fault:
        if strict and fault.reason != "duplicate":
            raise DataError(f"{where}: {REASONS[fault.reason]}", fault.detail, "Mend or remove that row.") from None
        tally.leave_out(where, fault.reason)
        left.write({"at": where, "reason": fault.reason, "detail": fault.detail})
        return
    tally.ignore(reader.unread(item))
    for trace in traces:
        taken.write(trace)
        tally.take(trace)


def _lineage(path: Path, name: str, format: str) -> Row:
    return {
        "name": name,
        "bytes": path.stat().st_size,
        "sha256": file_hash(path),
        "format": format,
        "encoding": encoding_of(path),
    }


def _tell(context: Context, tally: Tally, intake: Intake) -> None:
    """What a person should know of what was not read as it stands."""
    if tally.left_out:
        text = (
            f"{tally.left_out.total()} of {tally.rows} rows are left out, see {LEFT_OUT}: {tally.left_out_in_words()}."
        )
        context.emit.alert(text, level="note", **tally.left_out)
    if tally.ignored:
        context.emit.alert(f"Nothing is read from {', '.join(name[:40] for name in tally.ignored)}.", level="note")
    if intake.foreign:
        names = ", ".join(f"{name} ({count})" for name, count in intake.foreign.most_common(10))
        context.emit.alert(f"Categories that are none of ours are taken as {intake.category}: {names}.", level="note")


def plan(context: PlanContext) -> list[Finding]:
    kind = kind_for(context.config)
    return _plan_traces(context) if kind == "traces" else _plan_model(context.config, cast(Kind, kind))


def _plan_model(config: Config, kind: Kind) -> list[Finding]:
    if kind == "gguf" and find_spec("gguf") is None:
        return [Finding("fault", "gguf is not installed.", 'Install the extra: pip install -e ".[gguf]"')]
    try:
        size = sum(path.stat().st_size for path in files_of(kind, config.source))
    except PipelineError as error:
        return [Finding("fault", f"{error.what} {error.why}".strip(), error.mend)]
    idle = sorted(config.model_fields_set - {"source", "kind"})
    findings = [Finding("warning", f"`{name}` has no effect on a {kind}.", "Remove it.") for name in idle]
    return [*findings, Finding("note", f"{kind} of {size / 1e9:.2f} GB.", data={"bytes": size, "kind": kind})]


def _plan_traces(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    known = readers(config.columns())
    formats = set()
    try:
        files = trace_files(config.source)[0]
        for path in files:
            formats.add(_opened(path, config, known)[0])
    except PipelineError as error:
        return [Finding("fault", error.what, f"{error.why} {error.mend}".strip())]
    size = sum(path.stat().st_size for path in files)
    data = {"files": len(files), "bytes": size, "formats": sorted(formats)}
    findings = [Finding("note", f"{len(files)} files, {size / 1e6:.1f} MB: {', '.join(sorted(formats))}.", data=data)]
    if config.columns() and not formats & {"csv", "alpaca"}:
        names = ", ".join(f"{what}_column" for what in config.columns())
        findings.append(Finding("warning", f"{names}: no effect on files without columns.", "Remove them."))
    if formats == {"traces"}:
        for name in sorted(config.model_fields_set & {"heldout", "category", "turns"}):
            findings.append(Finding("warning", f"`{name}` has no effect on traces of our own.", "Remove it."))
    return findings


STAGE = Stage(
    "ingest", Config, takes={}, makes="traces|model|adapter|gguf", run=run, plan=plan, chooses=kind_for,
    home=lambda config: "data" if kind_for(config) == "traces" else "models",
)  # fmt: skip
