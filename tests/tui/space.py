"""Runs written by hand for the screens' tests: every state, known figures, poison where it is asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pipeline.engine.rows import write_json
from pipeline.engine.runs import Run
from tui.app import Cockpit

BEGAN = 1_763_000_000.0
POISON = "[INST] a [/INST] [/x] \x1b]0;t\x07\x1b[31m \u202e \x00 \ud800 \u2028 \u200b 漢字 😀 " + "y" * 5000


def make_run(
    root: Path, name: str, state: str = "done", *, reward: float = 0.5, loss: float = 1.0, tags: tuple[str, ...] = (),
    note: str = "", said: str = "", created: float = BEGAN,
) -> Run:  # fmt: skip
    """A run of two steps; `state` is how it ended, `died` for one that has no end, `waiting` for one that waits."""
    run = Run(root / "data" / "runs" / name)
    run.path.mkdir(parents=True)
    preset = name.split("-")[1]
    about = {"id": name, "preset": preset, "created": created, "options": {}, "cwd": str(root)}
    write_json(run.path / "run.json", about)
    write_json(run.path / "config.json", {"preset": preset, "seed": 1, "steps": {"sft": {"loss": loss}, "grpo": {}}})
    if tags or note:
        (run.path / "notes.json").write_text(json.dumps({"tags": tags, "note": note}), encoding="utf-8")
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("", "run.started", {"pid": 1, "preset": preset}),
        ("sft", "step.started", {"stage": "sft", "artifact": "x"}),
        ("sft", "metric", {"step": 1, "loss": loss}),
        ("sft", "step.finished", {"artifact": "x", "summary": {}, "seconds": 3.0}),
        ("grpo", "step.started", {"stage": "grpo", "artifact": "y"}),
        ("grpo", "metric", {"step": 1, "reward": reward}),
    ]
    if said:
        kinds.append(("grpo", "log", {"text": said}))
    if state == "waiting":
        kinds.append(("grpo", "wait", {"reason": said or "quota", "until": time.time() + 7200}))
    elif state != "died":
        error = {"what": "boom", "why": "", "mend": ""} if state == "failed" else None
        kinds.append(("", "run.finished", {"state": state, "code": 0, "seconds": 65.0, "error": error}))
    with run.events.open("w", encoding="utf-8") as file:
        for seq, (step, kind, data) in enumerate(kinds, 1):
            event = {"seq": seq, "t": created + seq, "attempt": 1, "step": step, "kind": kind, "data": data}
            file.write(json.dumps(event) + "\n")
    return run


def cockpit(root: Path) -> Cockpit:
    return Cockpit(root, home=root / "home")
