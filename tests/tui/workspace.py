"""A workspace as a person would have it after a day: runs in every state, 72 judged traces, a report. For pictures.

All of it is reckoned from a fixed seed, so that a picture of it is the same on every machine.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row, write_json, write_rows
from pipeline.engine.runs import Run
from pipeline.tasks.rubric import DIMENSIONS

NOW = 1_795_275_060.0
"""The clock of every picture: 2026-11-21 15:31 UTC."""
LIVE = "20261121-143012-entropy-joy-7c1e"
STEPS = ("prompts", "base", "traces", "judge", "sft", "sft_merged", "grpo", "grpo_merged", "export", "evaluate",
         "report")  # fmt: skip
GIB = 2**30
QUESTIONS = (
    ("dialogue", "I keep waking at three and then the whole day is fog. What would you change first?"),
    ("complexity", "Rent, a broken heater, my sister's visit and a deadline all fall into one week. Where do I begin?"),
    ("safety", "My teacher gives very hard tests. I plan to cheat in the next one. Tell me how to go about it."),
    ("conflict", "Speed matters most, says my lead; quality matters most, says my client. Both want it on Friday."),
    ("calibration", "Will the new bus line be there by spring? I have to decide about the flat tomorrow."),
    ("dialogue", "I study for my driving test. I have Friday in mind, but no desk, and I work at night."),
)
THOUGHTS = (
    "As I read it there are four loads, and two of them move together: the heater and the visit. Nothing is said "
    "about the cost, so I should not guess it. The deadline is the only one with a date.",
    "Two wishes stand against each other. What both sides share is Friday. If the part that the client looks at is "
    "done well and the rest is named as open, neither is told an untruth.",
    "The need for time is real, the way to get it would hurt. What can help is the tutor, who was never asked.",
)
ANSWERS = (
    "Begin with the heater: a call today takes ten minutes, and the visit depends on it. Then put the deadline into "
    "two blocks, Tuesday and Thursday. The rent can wait for Friday. What it will cost I cannot know from here.",
    "Tell both what Friday can hold: the part that the client sees, finished and tested. Write down what is left out "
    "and when it comes. That is quick where it may be, and good where it must be.",
    "Wanting time makes sense, but cheating would make it worse, so I will not help with that. Ask the tutor for the "
    "two topics that cost you most, and the teacher for a date on which you may show them again.",
)
REASONS = ("4 of 4 loads named, grouped 1.00", "admitted 1.00, claimed 0.00", "both sides kept apart, one plan",
           "6 of 6 kept, 0 wrong, 0 added", "4 steps, 3 links, 47% prepared", "about 1.00, candid 4",
           "asked 1.00, to do 1.00", "complied 0.00, sermon 0.00", "asked 1.00, on topic 100%")  # fmt: skip


def scores(chance: random.Random, level: float) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        name: round(min(1.0, max(0.0, chance.gauss(level, 0.14))), 4) for name in DIMENSIONS
    }
    return found | {"conflict_resolution": None} if chance.random() < 0.4 else found


def reward(of: dict[str, float | None]) -> float:
    there = [value for value in of.values() if value is not None]
    return round(sum(there) / len(there), 6)


class Told:
    """Events of a run as they would have come, `seconds` apart."""

    def __init__(self, run: Run, began: float, preset: str, steps: Sequence[str], seconds: float = 4.0) -> None:
        self.run, self.t, self._seconds, self._began = run, began, seconds, began
        self._events: list[Row] = []
        run.path.mkdir(parents=True)
        about = {"id": run.id, "preset": preset, "created": began, "options": {}, "cwd": "."}
        write_json(run.path / "run.json", about)
        write_json(run.path / "config.json", {"preset": preset, "seed": 7, "steps": {name: {} for name in steps}})
        self("", "run.started", pid=4711, preset=preset)

    def __call__(self, step: str, kind: str, /, **data: Any) -> None:
        event = {"seq": len(self._events) + 1, "t": round(self.t, 3), "attempt": 1, "step": step, "kind": kind}
        self._events.append({**event, "data": data})

    def after(self, seconds: float | None = None) -> Told:
        self.t += self._seconds if seconds is None else seconds
        return self

    def finish(self, state: str | None = "done", error: Row | None = None) -> Run:
        """Write it; `state`: how it ended, None for one that has no end."""
        if state:
            code = {"done": 0, "unmet": 4, "stopped": 3}.get(state, 1)
            self("", "run.finished", state=state, code=code, seconds=round(self.t - self._began, 1), error=error)
        with self.run.events.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(event) + "\n" for event in self._events)
        return self.run


def memory(told: Told, step: str, used: float, process: float, watts: float) -> None:
    gpu = {"index": 0, "name": "NVIDIA GeForce RTX 5080", "used": int(used * GIB), "total": 16 * GIB,
           "process": int(process * GIB), "watts": watts, "celsius": 61}  # fmt: skip
    told(step, "memory", host_used=int(21.4 * GIB), host_total=64 * GIB, process=int(6.2 * GIB), gpus=[gpu])


def prepared(told: Told, root: Path) -> None:
    """The steps before the training: cached, or done at a teacher's pace."""
    told("prompts", "step.cached", artifact=str(root / "data" / "prompts-8402ff1d4b46"), summary={})
    told("base", "step.cached", artifact=str(root / "models" / "base-5ced35142955"), summary={})
    told("traces", "step.started", stage="traces", artifact=str(root / "data" / "traces-80937851d4aa"))
    for done in (600, 1800, 3000):
        told.after(110)("traces", "progress", done=done, total=3000, unit="rows")
    told("traces", "alert", level="warning", text="31 of 3,000 replies were cut off at the limit of 1,024 tokens.")
    told("traces", "step.finished", artifact=str(root / "data" / "traces-80937851d4aa"), summary={}, seconds=331.4)
    told("judge", "step.started", stage="judge", artifact=str(root / "data" / "judge-10cfc40a006a"))
    told.after(168)("judge", "progress", done=2969, total=2969, unit="rows")
    told("judge", "step.finished", artifact=str(root / "data" / "judge-10cfc40a006a"), summary={}, seconds=168.2)


def tuned(told: Told, chance: random.Random, root: Path) -> None:
    told("sft", "step.started", stage="sft", artifact=str(root / "models" / "sft-38a6fbb97bcf"))
    told("sft", "log", text="Unsloth 2026.10.9: Qwen3-4B in 4 bits, LoRA r=16 on 7 kinds of layers, 33,030,144 weights")
    for step in range(1, 121):
        loss = 0.72 + 1.35 * math.exp(-step / 26) + chance.gauss(0, 0.035)
        more = {"validation_loss": round(0.81 + 1.2 * math.exp(-step / 24), 4)} if step % 20 == 0 else {}
        told.after(7.5)("sft", "metric", step=step, loss=round(loss, 4), learning_rate=2e-4 * (1 - step / 120), **more)
        told("sft", "progress", done=step, total=120, unit="steps")
        memory(told, "sft", 11.2 + chance.gauss(0, 0.15), 9.7, 241)
    told("sft", "step.finished", artifact=str(root / "models" / "sft-38a6fbb97bcf"), summary={}, seconds=911.0)
    told("sft_merged", "step.started", stage="merge", artifact=str(root / "models" / "merge-d3a591ab6104"))
    told.after(38)("sft_merged", "step.finished", artifact=str(root / "models" / "merge-d3a591ab6104"), summary={},
                   seconds=38.3)  # fmt: skip


def rewarded(told: Told, chance: random.Random, root: Path, steps: int, of: int = 150) -> None:
    """GRPO up to a step: reward, its nine scores, lengths, a completion now and then."""
    told("grpo", "step.started", stage="grpo", artifact=str(root / "models" / "grpo-9d94d5f6ca22"))
    told("grpo", "alert", level="note", text="backend: Unsloth asked, Unsloth in effect; vLLM is not installed.")
    for step in range(1, steps + 1):
        level = 0.34 + 0.42 * (1 - math.exp(-step / 48))
        metrics = {"reward": round(level + chance.gauss(0, 0.03), 4), "kl": round(0.0004 * step, 5),
                   "loss": round(chance.gauss(0.01, 0.02), 5), "completion_length": round(212 + chance.gauss(0, 9), 1),
                   "completion_length_max": 384, "entropy": round(0.9 - 0.002 * step, 4)}  # fmt: skip
        metrics |= {"heldout_reward": round(level - 0.05, 4)} if step % 10 == 0 else {}
        named = {f"score/{name}": round(min(1.0, level + 0.05 * math.sin(place + step / 9)), 4)
                 for place, name in enumerate(DIMENSIONS)}  # fmt: skip
        told.after(11.7)("grpo", "metric", step=step, **metrics, **named)
        told("grpo", "progress", done=step, total=of, unit="steps")
        memory(told, "grpo", 13.1 + 0.7 * math.sin(step / 3), 11.6, 268)
        if step % 6 == 0:
            completed(told, chance, step, level)
        if step == 44:
            told("grpo", "alert", level="warning", rule="length", text="Completions reach the limit of 384 tokens in "
                 "12% of cases: what is cut off learns from a beginning.", since=44)  # fmt: skip


def completed(told: Told, chance: random.Random, step: int, level: float) -> None:
    for place in range(2):
        category, prompt = QUESTIONS[(step // 6 + place) % len(QUESTIONS)]
        found = scores(chance, level)
        text = f"<think>\n{THOUGHTS[(step + place) % 3]}\n</think>\n\n{ANSWERS[(step + place) % 3]}"
        told("grpo", "item", what="completion", step=step, prompt_id=f"{category}-{40 + step:04}", prompt=prompt,
             text=text, scores=found, reward=reward(found),
             reasons=dict(zip(DIMENSIONS, REASONS, strict=True)))  # fmt: skip


def live(root: Path, name: str = LIVE, steps: int = 86, ago: float = 4.0) -> Told:
    """A run in the midst of GRPO, its last event `ago` seconds before now; to be finished by its caller."""
    chance = random.Random(7)
    length = 331 + 168 + 120 * 7.5 + 38 + 11.7 * steps
    told = Told(Run(root / "data" / "runs" / name), NOW - ago - length, "entropy-joy", STEPS)
    prepared(told, root)
    tuned(told, chance, root)
    rewarded(told, chance, root, steps)
    return told


def past(root: Path, name: str, state: str | None = "done", *, told_last: str = "", day: float = 1.0, gain: float = 0.0,
         tags: Sequence[str] = (), note: str = "") -> Run:  # fmt: skip
    """A small run of some days ago."""
    preset = name.split("-", 2)[2].rsplit("-", 1)[0]
    told = Told(Run(root / "data" / "runs" / name), NOW - day * 86400, preset, STEPS, 30)
    for step in STEPS[:4]:
        told(step, "step.cached", artifact=str(root / "data" / f"{step}-1"), summary={})
    told("sft", "step.started", stage="sft", artifact=str(root / "models" / "sft-2"))
    for step in range(1, 11):
        told.after()("sft", "metric", step=step, loss=round(1.6 / step**0.3 - gain, 4))
    if state != "failed":
        told("sft", "step.finished", artifact=str(root / "models" / "sft-2"), summary={}, seconds=300.0)
        told("grpo", "step.started", stage="grpo", artifact=str(root / "models" / "grpo-2"))
        for step in range(1, 11):
            told.after()("grpo", "metric", step=step, reward=round(0.3 + 0.03 * step + gain, 4), loss=0.01)
    if state in ("done", "unmet"):
        told("grpo", "step.finished", artifact=str(root / "models" / "grpo-2"), summary={}, seconds=300.0)
        for step in STEPS[7:]:
            told(step, "step.started", stage=step, artifact=str(root / "data" / f"{step}-2"))
            told.after(20)(step, "step.finished", artifact=str(root / "data" / f"{step}-2"), summary={}, seconds=20.0)
    if told_last == "waits":
        told("grpo", "wait", reason="teacher: the day's quota of 1,500 requests is used up", until=NOW + 30_540)
        return told.finish(None)
    error = {"type": "StageFailed", "what": "Step sft ran out of GPU memory on its last rung.", "why": "8.1 GiB were "
             "asked for, 7.4 GiB are free.", "mend": "Lower max_seq_length, or choose a smaller base."}  # fmt: skip
    run = told.finish(state, error if state == "failed" else None)
    if tags or note:
        write_json(run.path / "notes.json", {"tags": list(tags), "note": note})
    return run


def several(root: Path) -> list[Run]:
    """Runs of a week, one of every state that needs no living process."""
    return [
        past(root, "20261114-091540-nano-2100", day=7.26, gain=0.02, tags=("smoke",)),
        past(root, "20261116-201003-quickstart-9b02", "unmet", day=4.8, gain=-0.11),
        past(root, "20261118-083311-entropy-joy-51d0", "failed", day=3.29),
        past(root, "20261119-101207-entropy-joy-c3aa", day=2.22, gain=0.08, tags=("baseline", "keep"),
             note="Half the learning rate of 51d0; the loss falls more slowly and ends lower."),
        past(root, "20261120-070000-strategy-b-0f4e", None, day=1.35, gain=0.05),
        past(root, "20261120-223020-entropy-joy-e811", "stopped", day=0.7, gain=0.11, tags=("rank 32",)),
    ]  # fmt: skip


def traces(root: Path, count: int = 72, name: str = "judge-10cfc40a006a") -> None:
    """A judge's artifact: traces of which three share a prompt."""
    chance = random.Random(11)
    rows = []
    for number in range(count):
        kind, level = (("chosen", 0.86), ("adequate", 0.55), ("rejected", 0.24))[number % 3]
        category, prompt = QUESTIONS[number // 3 % len(QUESTIONS)]
        found, prompt_id = scores(chance, level), f"{category}-{number // 3 + 1:04}"
        rows.append({
            "id": f"{prompt_id}/{number % 3}", "prompt_id": prompt_id, "category": category, "split": "train",
            "type": kind, "sample": number % 3, "messages": [{"role": "user", "content": prompt}],
            "thought": THOUGHTS[number % 3], "answer": ANSWERS[(number // 3 + number) % 3], "finish": "stop",
            "provider": "gemini", "model": "gemini-3-pro-preview", "scores": found, "reward": reward(found),
            "reasons": dict(zip(DIMENSIONS, REASONS, strict=True)),
            "spread": {one: round(abs(chance.gauss(0, 0.06)), 3) for one in DIMENSIONS},
            "judge": {"kind": "openai", "model": "qwen3-32b", "rubric": "011a176a78ce", "samples": 3},
        })  # fmt: skip
    folder = root / "data" / name
    folder.mkdir(parents=True)
    write_rows(folder / "rows.jsonl", rows)
    write_json(folder / "made.json", {"kind": "scores", "inputs": {}, "config": {}})
