"""The verdict and the report, from finished artifacts alone: JSON for screens, Markdown and HTML for people."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.engine.artifacts import MADE
from pipeline.engine.lineage import lineage
from pipeline.engine.rows import Row, read_json, read_rows, write_bytes, write_json
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.report.provenance import Source
from pipeline.tasks.report.report import assemble
from pipeline.tasks.verdict.evidence import Sample, Thresholds, Training


class Config(Settings):
    criteria: Literal["none", "smoke", "quickstart", "entropy-joy", "curriculum", "chat-sft"] = "none"
    """What the verdict asks: `quickstart`, that the model got better; `smoke`, that training works on this machine;
    `entropy-joy`, the five of the plan: reasoning kept, redirection, thought, no more refusals, better dimensions;
    `curriculum`, that every sample is as exact as its `least` asks; `chat-sft`, the five points of phase 3a against the
    base: reasoning maintained, better instructions, tone, topic and context."""
    thresholds: Thresholds = Thresholds()
    """What the criteria demand."""
    per_category: int = Field(1, ge=0)
    """Prompts of each category that are shown with every model's answer, and traces of each category and type."""


def run(context: Context) -> dict[str, Any]:
    from pipeline.tasks.report.html import render_html
    from pipeline.tasks.report.markdown import render_markdown

    config: Config = context.config
    folder: Path | None = context.inputs.get("evaluation")
    pairs: Path | None = context.inputs.get("tournament")
    trained: dict[str, Path] = {**context.inputs.get("training", {}), **context.inputs.get("models", {})}
    gguf = _gguf_file(context.inputs.get("gguf"))
    sources = _sources(context)
    report = assemble(
        criteria=config.criteria,
        thresholds=config.thresholds,
        seed=context.seed,
        evaluation=read_json(folder / "evaluation.json") if folder else None,
        answers=list(read_rows(folder / "rows.jsonl")) if folder else [],
        tournament=read_json(pairs / "tournament.json") if pairs else None,
        trainings=[_training(name, path) for name, path in trained.items()],
        samples=[
            Sample(name, _made(path)["summary"], list(read_rows(path / "rows.jsonl")))
            for name, path in context.inputs.get("samples", {}).items()
        ],
        sources=sources,
        traces=_traces(sources, context.out.parent.parent),
        gguf=_below(gguf, context.out.parent.parent) if gguf else "",
        chat=_chat_line(_below(gguf, Path.cwd())) if gguf else "",
        per_category=config.per_category,
    )
    write_json(context.out / "report.json", report)
    write_bytes(context.out / "report.md", render_markdown(report).encode("utf-8"))
    write_bytes(context.out / "report.html", render_html(report).encode("utf-8"))
    context.emit.item("verdict", **report["verdict"])
    return {
        "verdict": report["verdict"] if report["verdict"]["criteria"] else None,
        "table": report["table"],
        "report": "report.html",
        "gguf": report["gguf"],
        "chat": report["chat"],
    }


def _training(name: str, path: Path) -> Training:
    made = _made(path)
    metrics = path / "metrics.jsonl"
    return Training(name, str(made.get("stage", "")), made, list(read_rows(metrics)) if metrics.is_file() else [])


def _made(path: Path) -> Row:
    """made.json; empty for a folder that this program did not make."""
    made: Row = read_json(path / "made.json") if (path / "made.json").is_file() else {}
    return {"settings": {}, "effective": {}, "summary": {}, **made}


def _sources(context: Context) -> list[Source]:
    """Every step that an input was made from, the earliest first, each once; an input made elsewhere by its name."""
    found: dict[str, Source] = {}
    for name, given in context.inputs.items():
        for reference, path in given.items() if isinstance(given, dict) else [("", given)]:
            behind = lineage(path, context.out.parent.parent) if (path / MADE).is_file() else []
            for made in behind:
                found.setdefault(made["artifact"], Source(str(made["step"]), made["artifact"], made))
            if not behind:
                found.setdefault(path.name, Source(reference or name, path.name, {}))
    return list(found.values())


def _traces(sources: list[Source], root: Path) -> Iterator[Row]:
    """Rows of the newest step that made something to learn from: judged ones before others."""
    of = {str(source.made.get("kind")): root / "data" / source.artifact / "rows.jsonl" for source in sources}
    path = of.get("scores") or of.get("traces")
    return read_rows(path) if path and path.is_file() else iter(())


def _gguf_file(folder: Path | None) -> Path | None:
    """The file to chat with: the first that the export made."""
    if folder is None or folder.is_file():
        return folder
    named = list(_made(folder)["summary"].get("files", {})) or sorted(path.name for path in folder.glob("*.gguf"))
    return folder / named[0] if named else None


def _chat_line(path: str) -> str:
    return f'python -m pipeline chat "{path}"' if " " in path else f"python -m pipeline chat {path}"


def _below(path: Path, place: Path) -> str:
    """The path as seen from a place above it, else in full."""
    path, place = path.resolve(), place.resolve()
    return path.relative_to(place).as_posix() if path.is_relative_to(place) else str(path)


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    if find_spec("matplotlib") is None:
        text = "matplotlib is not installed, and the report's figures are drawn with it."
        findings.append(Finding("fault", text, "Install it: pip install matplotlib"))
    if config.criteria == "none" and "thresholds" in config.model_fields_set:
        findings.append(
            Finding("warning", "`thresholds` has no effect without `criteria`.", "Set criteria, or remove it.")
        )
    return findings


STAGE = Stage(
    name="report",
    Config=Config,
    takes={
        "evaluation": "evaluation?",
        "tournament": "tournament?",
        "training": "adapter*",
        "gguf": "gguf?",
        "samples": "samples*",
        "models": "model*=",
    },
    makes="report",
    run=run,
    plan=plan,
    version=4,
)
