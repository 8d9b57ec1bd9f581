"""Workspaces in the states of which there are pictures; each says which run is selected, and whether it lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.engine.runs import Run
from tests.tui import made, traced, tracked
from tests.tui.reported import with_report
from tests.tui.workspace import Told, live, past, several, traces

Made = tuple[Run | None, bool]


def empty(_root: Path) -> Made:
    return None, False


def running(root: Path, last: Callable[[Told], None] = lambda _: None, ago: float = 4.0) -> Made:
    several(root)
    traces(root)
    told = live(root, ago=ago)
    last(told)
    return told.finish(None), True


def silent(root: Path) -> Made:
    return running(root, ago=540.0)


def waiting(root: Path) -> Made:
    several(root)
    return past(root, "20261121-120000-entropy-joy-77aa", None, told_last="waits", day=0.15), True


def died(root: Path) -> Made:
    return running(root, ago=900.0)[0], False


def ended(state: str) -> Callable[[Path], Made]:
    def prepare(root: Path) -> Made:
        several(root)
        return past(root, "20261121-120000-entropy-joy-77aa", state, day=0.15), False

    return prepare


def finished(root: Path) -> Made:
    several(root)
    traces(root)
    told = live(root, "20261121-120408-entropy-joy-e3b0", ago=7200.0)
    told("grpo", "step.finished", artifact=str(root / "models" / "grpo-9d94d5f6ca22"), summary={}, seconds=1007.0)
    for step in ("grpo_merged", "export", "evaluate"):
        told(step, "step.started", stage=step, artifact=str(root / "models" / f"{step}-2"))
        told.after(21.5)(step, "step.finished", artifact=str(root / "models" / f"{step}-2"), summary={}, seconds=21.5)
    told("report", "step.started", stage="report", artifact=str(with_report(root)))
    summary = {"verdict": {"outcome": "not met", "met": False}}
    told("report", "step.finished", artifact=str(root / "data" / "report-88b11309b196"), summary=summary, seconds=2.1)
    return told.finish("unmet"), False


def track_running(root: Path) -> Made:
    return tracked.training(root), True


def track_finished(root: Path) -> Made:
    return tracked.through(root), False


def poisoned(root: Path) -> Made:
    return made.made(root, made.poisoned()), False


def long_text(root: Path) -> Made:
    def last(told: Told) -> None:
        words = "One sentence of a long completion that does not come to its end. " * 60
        told("grpo", "item", what="completion", step=86, prompt_id="complexity-0126-with-a-long-name", reward=0.21,
             prompt=words, text=words, scores={"helpfulness": 0.2}, reasons={"helpfulness": words})  # fmt: skip
        told("grpo", "log", text=words)

    return running(root, last)


def of_traces(root: Path) -> Made:
    traces(root)
    return None, False


def poisoned_traces(root: Path) -> Made:
    traced.space(root, traced.poisoned())
    return None, False
