"""Runs of the GPT track: beta in the midst of its training, and one that is through. For pictures."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.runs import Run
from pipeline.tasks.recall import decide_share
from pipeline.tasks.report.curriculum import curriculum
from pipeline.tasks.report.provenance import Source, steps
from pipeline.tasks.statistics import wilson
from pipeline.tasks.verdict.evidence import Sample
from tests.tasks.sample_run import made as source_of
from tests.tui.workspace import NOW, Told, memory

ASKED = (
    ("Say hello.", "hello.", "hello."), ("Sag Hallo.", "Hallo.", "Hallo."),
    ("Repeat: Hello world", "Hello world", "Hello world"), ("Say it back: Testing 123", "Testing 123", "Testing 123"),
    ("Echo this: Night train", "Night train", "night train"), ("Type exactly: AB-96", "AB-96", "AB-9"),
    ("Sprich nach: Der Zug kommt", "Der Zug kommt", "Der Zug Der Zug"), ("Write 7.", "7.", "7."),
    ("What does 'echo' mean?", "", "It is a sound."), ("Guten Tag!", "Guten Tag.", "Guten Tag."),
)  # fmt: skip
"""Prompt, what was expected, and what the model gives once it has learnt a while."""
WIRED: dict[str, Row] = {
    "base": {"stage": "base", "from": {}},
    "format_lock": {"stage": "format_lock", "from": {}},
    "echo": {"stage": "echo", "from": {}},
    "mix": {"stage": "mix", "from": {"inputs": ["echo", "format_lock"]}},
    "prepare": {"stage": "prepare", "from": {"rows": "mix", "tokenizer": "base"}},
    "train": {"stage": "train", "from": {"data": "prepare", "model": "base"}},
    "unseen": {"stage": "sample", "from": {"model": "train", "rows": "echo"}},
    "export": {"stage": "export", "from": {"model": "train"}},
    "report": {"stage": "report", "from": {"samples": ["unseen"], "models": ["train"]}},
}
MIXED = {
    "rows": 2941,
    "inputs": {
        "echo": {"of": 2500, "rows": 2500, "share": 0.85, "exposures": 1.0},
        "format_lock": {"of": 974, "rows": 441, "share": 0.15, "exposures": 0.4528},
    },
    "shared": [],
}
WATCH = {
    "verdict": "watch", "line": "broken_tags", "since": 1400, "restart": "the base model, through `tags` and `prepare`",
    "text": "Watch: the special tags are broken. 60% of 10 answers do not end as an answer ends, at a training loss of "
            "0.8113. Such as 'Say hello.' -> 'hello'; 'Sag Hallo.' -> 'Hallo'.",
}  # fmt: skip
GO_ON = {"verdict": "go on", "text": "Go on: no red line is crossed.", "line": "", "since": 0, "restart": ""}


def begun(root: Path, name: str, ago: float) -> Told:
    """The steps before the training."""
    preset = name.split("-", 2)[2].rsplit("-", 1)[0]
    told = Told(Run(root / "data" / "runs" / name), NOW - ago, preset, list(WIRED), 2.0)
    config = read_json(told.run.path / "config.json")
    write_json(told.run.path / "config.json", {**config, "steps": WIRED})
    told("base", "step.cached", artifact=str(root / "models" / "phase3a1_alpha"), summary={})
    for step, rows in (("format_lock", 974), ("echo", 2500), ("mix", 2941), ("prepare", 2941)):
        told(step, "step.started", stage=step, artifact=str(root / "data" / f"{step}-1"))
        told.after()(step, "progress", done=rows, total=rows, unit="rows")
        summary = {"mix": MIXED, "prepare": {"train": {"episodes": 2650}}}.get(step, {"rows": rows})
        told(step, "step.finished", artifact=str(root / "data" / f"{step}-1"), summary=summary, seconds=2.0)
    return told


def trained(told: Told, root: Path, steps: int, of: int = 2500, verdict: Row | None = None) -> None:
    """Training up to a step, an evaluation every hundred."""
    chance = random.Random(5)
    told("train", "step.started", stage="train", artifact=str(root / "models" / "train-1"))
    told(
        "train", "log", text="Using loss masking: the loss is on what the assistant says, its closing tag and the eot."
    )
    for step in range(10, steps + 1, 10):
        loss = 0.3 + 4.6 * math.exp(-step / 420) + chance.gauss(0, 0.08)
        low = 0.24 + 3.7 * math.exp(-step / 420)
        figures = {"loss": round(loss, 4), "learning_rate": 5e-5, "epoch": round(step * 16 / 2650, 3),
                   "tokens_per_second": 11_840, "expected_loss_low": low, "expected_loss_high": 1.4 * low,
                   "expected_validation_low": 1.3 * low, "expected_validation_high": 1.7 * low}  # fmt: skip
        if step % 100 == 0:
            figures |= {"validation_loss": round(0.42 + 4.4 * math.exp(-step / 430), 4), "prompts": 10}
        told.after(9.0)("train", "metric", step=step, **figures)
        told("train", "progress", done=step, total=of, unit="steps")
        if step % 100 == 0:
            memory(told, "train", 11.4, 9.9, 251)
            evaluated(told, step, verdict if verdict and step > steps - 200 else GO_ON)


def evaluated(told: Told, step: int, verdict: Row) -> None:
    told("train", "item", what="red_lines", step=step, **verdict)
    for number, answer in enumerate(ASKED):
        told("train", "item", what="prompted", step=step, **answered(number, *answer, late=step >= 600))


def answered(number: int, prompt: str, expected: str, given: str, late: bool = True) -> dict[str, Any]:
    given = given if late else "the the"
    same = given.casefold().strip(".") == expected.casefold().strip(".")
    return {"name": f"prompt_{number}", "prompt": prompt, "expected": expected, "given": given,
            "exact": bool(expected) and given == expected, "normalised": bool(expected) and same,
            "well_formed": given != "AB-9"}  # fmt: skip


def training(root: Path) -> Run:
    """Beta at iteration 1,500 of 2,500, with a verdict that asks to watch."""
    told = begun(root, "20261121-150814-phase3a1-beta-b17a", 1362.0)
    trained(told, root, 1500, verdict=WATCH)
    return told.finish(None)


def report(verdict: Row) -> Row:
    """Five samples of a chain, a phase that led to them, and what was wrong."""
    topics = {"word": {"exact": 240, "of": 242}, "phrase": {"exact": 163, "of": 168}, "number": {"exact": 88, "of": 90}}
    wrong = [{"topic": "phrase", "prompt": prompt, "expected": expected, "given": given, "exact": False}
             for prompt, expected, given in (ASKED[5], ASKED[6])]  # fmt: skip
    samples = []
    for name, exact, of in (("echo", 500, 500), ("unseen", 491, 500), ("coined", 430, 500), ("german", 96, 100)):
        share = wilson(exact, of).to_row()
        summary = {"exact": exact, "expected": of, "share": share, "topics": topics if name == "unseen" else {},
                   "verdict": decide_share(share, 0.95)}  # fmt: skip
        samples.append(Sample(name, summary, wrong if name == "unseen" else []))
    samples.append(Sample("free", {"exact": None, "expected": 0, "share": None, "topics": {}}, []))
    summary = {"base": "phase3a1_alpha", "steps": 2500, "exposures": 15.094, "loss_first_quarter": 2.5512,
               "loss_last_quarter": 0.3128, "validation": {"first": 3.0041, "last": 0.4331}, "red_lines": GO_ON,
               "evaluation": {"prompts": 12, "prompts_exact": 0.75}}  # fmt: skip
    phase = Source("train", "train-1", source_of("train", "train", summary=summary))
    return {"format": 2, "verdict": verdict, "curriculum": curriculum(samples, steps([phase]))}


def through(root: Path) -> Run:
    """A chain that is done: sampled on words it has not seen, exported and reported."""
    told = begun(root, "20261121-081503-phase3a1-beta-0c44", 26_000.0)
    trained(told, root, 2500)
    summary = {"exposures": 15.094, "red_lines": GO_ON}
    told("train", "step.finished", artifact=str(root / "models" / "train-1"), summary=summary, seconds=2253.0)
    told("unseen", "step.started", stage="sample", artifact=str(root / "data" / "sample-1"))
    for number, answer in enumerate(ASKED[2:7]):
        told("unseen", "item", what="prompted", topic="echo", raw="", tokens=4, **answered(number, *answer))
    share = {"mean": 0.982, "low": 0.9661, "high": 0.9906, "n": 500}
    verdict = {"asked": "exact answers", "outcome": "met", "met": True, "criteria": []}
    told("unseen", "step.finished", artifact=str(root / "data" / "sample-1"), seconds=21.0,
         summary={"exact": 491, "expected": 500, "share": share, "verdict": verdict})  # fmt: skip
    (root / "data" / "report-1").mkdir(parents=True)
    write_json(root / "data" / "report-1" / "report.json", report(verdict))
    for step in ("export", "report"):
        told(step, "step.started", stage=step, artifact=str(root / "data" / f"{step}-1"))
        told.after(8)(step, "step.finished", artifact=str(root / "data" / f"{step}-1"), seconds=8.0,
                      summary={"verdict": verdict} if step == "report" else {})  # fmt: skip
    return told.finish("done")
