"""What the command line shows: a run as it goes, its end, tables, plans and errors. Data never reaches it as markup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipeline.engine.errors import PipelineError
from pipeline.engine.events import Event, Tail
from pipeline.engine.planner import Planned
from pipeline.engine.runs import Run
from pipeline.engine.text import safe_text
from pipeline.engine.view import RunView

POLL_SECONDS = 0.1
PLAIN_PROGRESS_SECONDS = 10.0
LEVELS = {"note": "dim", "warning": "yellow", "error": "red", "fault": "red"}
NOTABLE = ("loss", "reward", "eval_loss")
"""Metrics worth a place beside a progress bar."""

console = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """One paragraph; whatever a file or model put into it is shown, never obeyed."""
    console.print(Text(safe_text(text), style=style))


def aside(text: str, level: str = "note") -> None:
    """A paragraph for whoever watches, apart from what the command yields."""
    stderr.print(Text(safe_text(text), style=LEVELS[level]))


def show_error(error: PipelineError) -> None:
    stderr.print(Text(safe_text(error.what), style="bold red"))
    for line in (error.why, error.mend):
        if line:
            stderr.print(Text(safe_text(line)))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    grid = Table(*columns, title=Text(title) if title else None, title_justify="left", header_style="bold")
    for row in rows:
        grid.add_row(*(Text(safe_text(cell if isinstance(cell, str) else shorten(cell))) for cell in row))
    console.print(grid)


def shorten(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def gigabytes(size: float) -> str:
    """A size in bytes as people read it: "1.5 GiB", "12.0 KiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


class Follower:
    """Shows events as they come: a progress bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._bars = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", style="cyan"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self._bars,
        )
        self._task: TaskID | None = None
        self._last_line = 0.0

    def __enter__(self) -> Follower:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: Event, view: RunView) -> None:
        data, step = event.data, event.step
        match event.kind:
            case "step.started":
                self._bar(step)
                if not self._bars:
                    say(f"{step}: started")
            case "step.cached":
                say(f"✓ {step}: already there, {data['artifact']}", "dim")
            case "step.finished":
                self._bar(None)
                say(f"✓ {step}: done in {data['seconds']:.1f} s")
            case "step.failed":
                self._bar(None)
                say(f"✗ {step}: failed", "red")
            case "progress" | "metric" if step in view.steps:
                self._figures(event.t, view, step)
            case "log" if step:
                say(f"{step}: {data['text']}", "dim")
            case "alert":
                say(f"{step}: {data['text']}", LEVELS.get(data["level"], ""))
            case "wait":
                until = time.strftime(" until %H:%M:%S", time.localtime(data["until"])) if data["until"] else ""
                say(f"{step}: waiting{until}: {data['reason']}", "yellow")

    def _bar(self, step: str | None) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(safe_text(step), total=None, figures="") if step else None

    def _figures(self, t: float, view: RunView, step: str) -> None:
        state = view.steps[step]
        figures = " ".join(f"{name} {shorten(state.metrics[name])}" for name in NOTABLE if name in state.metrics)
        if self._task is not None and self._bars:
            self._progress.update(self._task, completed=state.done, total=state.total, figures=figures)
        elif not self._bars and t - self._last_line >= PLAIN_PROGRESS_SECONDS:
            self._last_line = t
            say(f"{step}: {state.done} of {state.total or '?'} {state.unit} {figures}".rstrip())


def follow(run: Run, ended: Callable[[], bool], skip: int = 0) -> RunView:
    """Show a run until it ends; `skip` events are folded in silence.

    Ctrl-C asks the run to stop; a second one leaves it to itself.
    """
    tail, view, asked = Tail(run.events), RunView(), False
    for event in tail.read(skip) if skip else []:
        view.apply(event)
    with Follower() as follower:
        while True:
            try:
                over = ended()  # asked before reading, so that the last events are still seen
                for event in tail.read():
                    view.apply(event)
                    follower.show(event, view)
                if over:
                    return view
                time.sleep(POLL_SECONDS)
            except KeyboardInterrupt:
                if asked:
                    say(f"Left. The run goes on until its next safe point; see: python -m pipeline show {run.id}")
                    return view
                asked = True
                run.ask_stop()
                say(
                    "Stopping at the next safe point, with everything saved. Ctrl-C again leaves it to itself.",
                    "yellow",
                )


def show_end(run: Run, view: RunView) -> int:
    """Say how a run ended and what came of it; returns the exit code."""
    finished = view.finished
    if finished is None:
        if run.is_alive():
            return 3
        say(f"The run died without a word; its log ends so:\n{last_lines(run)}", "red")
        say(f"Go on from what is saved with: python -m pipeline resume {run.id}")
        return 1
    if finished["error"]:
        show_error(PipelineError(finished["error"]["what"], finished["error"]["why"], finished["error"]["mend"]))
    for step in view.steps.values():
        show_summary(step.summary, Path(step.artifact))
    if finished["state"] == "stopped":
        say(f"Stopped, all saved. Go on with: python -m pipeline resume {run.id}", "yellow")
    say(f"{run.id}: {finished['state']} after {finished['seconds']:.1f} s", "bold")
    return int(finished["code"])


def show_summary(summary: Mapping[str, Any], artifact: Path) -> None:
    """What of a summary is for a person's eyes: table, files, ratings, answers, verdict, report, GGUF, chat line."""
    if summary.get("table"):
        table(
            ("dimension", "baseline", "tuned", "difference [95 % interval]"),
            [
                (row["name"], _mean(row["baseline"]), _mean(row["tuned"]), estimate(row["difference"]))
                for row in summary["table"]
            ],
        )
    if isinstance(files := summary.get("files"), dict):
        table(("file", "MB", "tensors by the type in effect", "divergence in nats"), map(_gguf_row, files.items()))
    if isinstance(ratings := summary.get("ratings"), list) and ratings:
        table(("contestant", "rating", "interval", "games"), map(_rating_row, ratings))
    if isinstance(answers := summary.get("answers"), dict):
        _show_answers(answers, summary)
    verdict = summary.get("verdict")
    if isinstance(verdict, dict) and verdict["met"] is not None:
        say(f"Verdict: {'met' if verdict['met'] else 'NOT met'}", "bold green" if verdict["met"] else "bold red")
        for criterion in verdict["criteria"]:
            say(f"  {criterion['outcome']}: {criterion['name']}: {criterion['why']}")
    if isinstance(summary.get("report"), str):
        say(f"Report: {artifact / summary['report']}")
        if summary.get("gguf"):
            say(f"GGUF: {summary['gguf']}\nChat with it: {summary['chat']}")


MOST_ANSWERS = 20
"""Answers of a sample that are printed; of more only the count."""


def _show_answers(answers: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    if len(answers) == 1:
        say(str(*answers.values()))
    elif len(answers) <= MOST_ANSWERS:
        table(("prompt", "answer"), answers.items())
    if summary.get("expected"):
        say(f"Exact: {summary['exact']} of {summary['expected']}, {estimate(summary.get('share'))}")


def _gguf_row(entry: tuple[str, Mapping[str, Any]]) -> tuple[str, str, str, str]:
    name, file = entry
    types = ", ".join(f"{kind} {count}" for kind, count in file["tensors"].items())
    divergence = f"{file['verified']['divergence']:.2g}" if "verified" in file else "-"
    return name, f"{file['bytes'] / 1e6:.1f}", types, divergence


def _rating_row(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    rating, low, high = ("" if row[name] is None else f"{row[name]:.0f}" for name in ("rating", "low", "high"))
    interval = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}" if high else "none"
    return row["model"], rating or "none", interval, str(row["games"])


def _mean(value: Mapping[str, Any] | None) -> str:
    return "-" if value is None or value.get("mean") is None else f"{value['mean']:.3f}"


def estimate(value: Mapping[str, Any] | None) -> str:
    """A mean with its 95 % interval, such as "0.512 [0.480, 0.541]"."""
    if value is None or value.get("mean") is None:
        return "-"
    low, high = value.get("low"), value.get("high")
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{value['mean']:.3f}{interval}"


def last_lines(run: Run, count: int = 15) -> str:
    try:
        return "\n".join(run.log.read_text("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return "(no log)"


def show_steps(view: RunView) -> None:
    rows = []
    for step in view.steps.values():
        of = f"{step.done} of {step.total or '?'} {step.unit}" if step.done else ""
        figures = " ".join(f"{name} {shorten(step.metrics[name])}" for name in NOTABLE if name in step.metrics)
        rows.append((step.name, step.state, step.seconds, of, figures))
    table(("step", "state", "seconds", "progress", "figures"), rows)


def show_plan(planned: Sequence[Planned]) -> None:
    table(
        ("step", "stage", "state", "why", "artifact"),
        [(entry.step.name, entry.step.stage.name, entry.state, entry.why, entry.artifact.name) for entry in planned],
    )
    for entry in planned:
        for finding in entry.findings:
            say(f"{entry.step.name}: {finding.text} {finding.mend}".rstrip(), LEVELS[finding.level])
