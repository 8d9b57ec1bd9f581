"""Run directories made by hand for the screen's tests: events as a run would have written them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from pipeline.engine.artifacts import Workspace
from pipeline.engine.events import Event
from pipeline.engine.runs import Run
from pipeline.tasks.dimensions import DIMENSIONS
from tests.tui.settle import until
from tui.app import Cockpit

BEGAN = 1_795_000_000.0
SIZES = ((80, 24), (120, 40), (200, 60))
POISON = (
    "[INST] a [/INST] [/x]", "[@click=app.quit]x[/]", "\x1b]0;title\x07\x1b[2J", "\x9b31m", "a\u202eb\u2066c",
    "nul\x00", "lone \ud800 surrogate", "line\u2028para\u2029", "漢字" * 40, "e\u0301\u200b\u200d" * 40,
    "tab\tand\nnewline", "$x {y} \\[", "x" * 1_000_000, "",
)  # fmt: skip

Told = tuple[str, str, dict[str, Any]]
"""Step, kind, data."""


def made(root: Path, told: Sequence[Told], name: str = "20261121-100000-nano-0001", steps: Iterable[str] = ()) -> Run:
    """A run directory that tells these events, a second apart."""
    run = Run(Workspace(root).runs / name)
    run.path.mkdir(parents=True)
    names = [*steps] or list(dict.fromkeys(step for step, _, _ in told if step))
    (run.path / "config.json").write_text(json.dumps({"preset": "nano", "steps": {name: {} for name in names}}))
    (run.path / "run.json").write_text(json.dumps({"id": name, "preset": "nano", "created": BEGAN}))
    tell(run, [("", "run.started", {"pid": 1, "preset": "nano"}), *told])
    return run


def tell(run: Run, told: Sequence[Told], t: float = BEGAN) -> None:
    with run.events.open("a", encoding="utf-8", newline="\n") as file:
        for number, (step, kind, data) in enumerate(told):
            event = {"seq": number, "t": t + number, "attempt": 1, "step": step, "kind": kind, "data": data}
            file.write(json.dumps(event) + "\n")


def trained(steps: int = 8, *, state: str | None = "done", factor: float = 1.0) -> list[Told]:
    """A GRPO step of so many training steps, each with its figures, a completion and memory."""
    told: list[Told] = [
        ("prompts", "step.cached", {"artifact": "prompts-1", "summary": {}}),
        ("grpo", "step.started", {"stage": "grpo", "artifact": "grpo-1"}),
    ]
    for step in range(1, steps + 1):
        scores = {f"score/{name}": step / (steps + 1) for name in DIMENSIONS}
        told += [
            ("grpo", "metric", {"step": step, "loss": factor / step, "reward": factor * step / steps, **scores}),
            ("grpo", "progress", {"done": step, "total": steps, "unit": "steps"}),
            ("grpo", "item", {"what": "completion", "step": step, "prompt_id": f"p{step}", "text": f"said at {step}",
                              "reward": step / steps, "scores": dict.fromkeys(DIMENSIONS, 0.5)}),
            ("grpo", "memory", {"host_used": 2**30, "host_total": 2**34, "process": 2**28, "gpus": []}),
        ]  # fmt: skip
    if state == "done":
        told += [("grpo", "step.finished", {"seconds": 40.0, "summary": {}})]
        told += [("", "run.finished", {"state": "done", "code": 0, "seconds": 41.0, "error": None})]
    return told


def poisoned() -> list[Told]:
    """Every text that a run can tell, as bad as can be."""
    told: list[Told] = [("grpo", "step.started", {"stage": POISON[0], "artifact": "a"})]
    for number, text in enumerate(POISON):
        told += [
            ("grpo", "log", {"text": text}),
            ("grpo", "alert", {"level": "warning", "text": text, "mend": text}),
            ("grpo", "alert", {"level": text, "text": text}),
            ("grpo", "progress", {"done": number, "total": 20, "unit": text}),
            ("grpo", "metric", {"step": number + 1, text: 1.0, "loss": None}),
            ("grpo", "item", {"what": text, "step": number, "prompt": text, "text": text, "thought": text,
                              "prompt_id": text, "reward": 0.5, "scores": dict.fromkeys(DIMENSIONS, 0.5),
                              "reasons": dict.fromkeys(DIMENSIONS, text)}),
            ("grpo", "item", {"what": text, "other": text}),
            ("grpo", "memory", {"host_used": None, "host_total": 0, "process": None,
                                "gpus": [{"index": 0, "name": text, "used": None, "total": None, "watts": None}]}),
        ]  # fmt: skip
    error = {"type": "E", "what": POISON[0], "why": POISON[2], "mend": POISON[1]}
    return [*told, ("grpo", "step.failed", {"error": error}),
            ("", "run.finished", {"state": "failed", "code": 1, "seconds": 3.0, "error": error})]  # fmt: skip


async def caught_up(pilot: Pilot[Any], app: Cockpit) -> None:
    """Wait until the screen has the newest event of the selected run."""
    assert app.selected
    lines = app.selected.events.read_bytes().splitlines()
    newest = json.loads(lines[-1])["t"]
    await until(pilot, lambda: app.snapshot and not app.snapshot.behind and app.snapshot.last >= newest)
    await asyncio.sleep(0)


def seen(app: Cockpit) -> str:
    """The letters on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def event(step: str, kind: str, **data: Any) -> Event:
    return Event(1, BEGAN, 1, step, kind, data)
