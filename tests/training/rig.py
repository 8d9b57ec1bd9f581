"""Inputs and contexts for trainings that take a second: a tiny model, a few traces, a few prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context
from tests.training.tiny_qwen import save_tiny_qwen

TIMINGS = (
    "step_time", "tokens_per_second", "time_generate", "time_score", "time_update", "prompts_seconds",
)  # fmt: skip
TRUTH: Row = {
    "variables": [{"name": "rivers", "terms": ["river", "rivers"]}],
    "groups": [],
    "conflict": None,
    "unknown": [],
    "answer": None,
    "request": ["name", "rivers"],
    "risk": None,
}


def trace(prompt: int, sample: int, **changes: Any) -> Row:
    """A row of a `scores` artifact, as much of it as SFT reads."""
    return {
        "id": f"p{prompt}/{sample}",
        "prompt_id": f"p{prompt}",
        "split": "train",
        "finish": "stop",
        "reward": 0.9 - sample / 10,
        "messages": [{"role": "user", "content": f"Name {prompt} rivers, please."}],
        "thought": f"It is {prompt} of the rivers.",
        "answer": f"the {prompt} rivers in {sample}",
        **changes,
    }


def prompt(number: int, **changes: Any) -> Row:
    """A row of a `prompts` artifact, as much of it as GRPO reads."""
    return {
        "id": f"p{number}",
        "split": "train",
        "messages": [{"role": "user", "content": f"Name {number} rivers, please."}],
        "truth": TRUTH,
        **changes,
    }


def inputs(folder: Path, width: int = 32) -> dict[str, Path]:
    """`model`, `scores` and `prompts`, as finished artifacts hold them."""
    model = save_tiny_qwen(folder / "model", width=width)
    scores, prompts = folder / "scores", folder / "prompts"
    write_rows(scores / "rows.jsonl", [trace(number, sample) for number in range(7) for sample in range(3)])
    write_rows(prompts / "rows.jsonl", [prompt(number) for number in range(5)])
    return {"model": model, "scores": scores, "prompts": prompts}


class Recorder:
    """Gathers events; may act on one, as a person or a power cut would."""

    def __init__(self, act: Callable[[str, Row], None] | None = None) -> None:
        self.events: list[tuple[str, Row]] = []
        self._act = act

    def __call__(self, kind: str, data: Row) -> None:
        self.events.append((kind, data))
        if self._act:
            self._act(kind, data)

    def of(self, kind: str) -> list[Row]:
        return [data for found, data in self.events if found == kind]


class PowerCut(Exception):
    pass


def power_cut() -> None:
    raise PowerCut


def at_step(step: int, act: Callable[[], None]) -> Recorder:
    """A recorder that acts when the metrics of `step` go out, which is before its checkpoint is saved."""

    def on_event(kind: str, data: Row) -> None:
        if kind == "metric" and data["step"] == step:
            act()

    return Recorder(on_event)


def context_of(config: Settings, inputs: dict[str, Path], out: Path, recorder: Recorder | None = None) -> Context:
    out.mkdir(parents=True, exist_ok=True)
    emit = Emitter(recorder or Recorder())
    return Context(config=config, inputs=inputs, out=out, seed=7, emit=emit, stop_file=out.parent / f"{out.name}.stop")


def metrics(out: Path) -> list[Row]:
    """The metrics of a training without what no two runs share."""
    return [
        {name: value for name, value in row.items() if name not in TIMINGS} for row in read_rows(out / "metrics.jsonl")
    ]
