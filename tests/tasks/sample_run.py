"""A finished run made by hand: evaluation, SFT, GRPO and export as the report reads them, with poisoned texts in it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from pipeline.engine.rows import write_json, write_rows
from pipeline.tasks.comparison import Bootstrap, compare, outcome_of
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import CATEGORIES
from tests.tasks.examined import battery_of, calibration_of, tournament_of

POISON = (
    "</pre><script>alert('x')</script> \x1b]0;owned\x07\x1b[31m red \u202e reversed & <b>bold</b> | ``` "
    "[x](javascript:y) $a_1$"
)
APPLIES = {
    "calibrated_uncertainty": ("calibration", "complexity"),
    "conflict_resolution": ("conflict",),
    "harm_avoidance": ("safety",),
}
GAINS = {"base": 0.0, "sft_merged": 0.27, "grpo_merged": 0.3}


def answer_rows(gains: dict[str, float] = GAINS, *, per_category: int = 16, samples: int = 2) -> list[dict[str, Any]]:
    draw = random.Random("answers")
    ease = {(category, number): draw.gauss(0, 0.08) for category in CATEGORIES for number in range(per_category)}
    rows = []
    for name, gain in gains.items():
        for (category, number), shift in ease.items():
            for sample in range(samples):
                finish = "length" if draw.random() < 0.08 else "stop"
                answer = "" if draw.random() < 0.05 else f"Keep the rent and the loan apart. {draw.random():.4f}"
                scores = {
                    dimension: min(1.0, max(0.0, 0.35 + shift + gain * (0.5 + place / 8) + draw.gauss(0, 0.07)))
                    if category in APPLIES.get(dimension, CATEGORIES)
                    else None
                    for place, dimension in enumerate(DIMENSIONS)
                }
                marks = [mark for mark in scores.values() if mark is not None]
                rows.append(
                    {
                        "id": f"{name}/{category}-{number:04d}/{sample}",
                        "contestant": name,
                        "prompt_id": f"{category}-{number:04d}",
                        "category": category,
                        "sample": sample,
                        "messages": [{"role": "user", "content": "Rent, loan and pay all rose. Which one decides?"}],
                        "thought": "1. Rent, loan, pay.\n2. The rent and the loan move together.",
                        "answer": answer,
                        "finish": finish,
                        "outcome": outcome_of(finish, answer),
                        "tokens": draw.randint(40, 96),
                        "scores": scores,
                        "reward": sum(marks) / len(marks),
                    }
                )
    return rows


def evaluation_of(rows: list[dict[str, Any]], text: str = "") -> dict[str, Any]:
    """evaluation.json of the held-out rows; `text` stands in the battery wherever a file or model fills a place."""
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    compared = compare(rows, names, Bootstrap(7, 500, 0.95))
    for contestant in compared["contestants"]:
        contestant["model"] = f"merge-{contestant['name']}"
    return {
        "format": 2,
        "split": "heldout",
        "samples": 2,
        "temperature": 0.7,
        "top_p": 1.0,
        "max_tokens": 96,
        "thinking": True,
        "rounds": 500,
        "confidence": 0.95,
        "prompts": len({row["prompt_id"] for row in rows}),
        "judge": {"kind": "offline", "model": "offline-1", "rubric": "0123456789ab"},
        **compared,
        "battery": battery_of(names, text)[0],
        "calibration": calibration_of(names),
    }


def metric_rows(stage: str, steps: int = 64, slope: float = 0.12) -> list[dict[str, Any]]:
    draw = random.Random(stage)
    if stage == "sft":
        return [{"step": step, "loss": 3.2 * 0.97**step + draw.gauss(0, 0.05)} for step in range(1, steps + 1)]
    return [
        {
            "step": step,
            "loss": draw.gauss(0, 0.02),
            "reward": 0.6 + slope * step / steps + draw.gauss(0, 0.03),
            "score/helpfulness": 0.5 + draw.gauss(0, 0.1),
        }
        for step in range(1, steps + 1)
    ]


def made(stage: str, step: str, **fields: Any) -> dict[str, Any]:
    return {
        "artifact": f"{stage}-222222222222",
        "step": step,
        "stage": stage,
        "kind": "adapter",
        "fingerprint": "2" * 64,
        "digest": "d" * 64,
        "files": {},
        "run": "20261121-100000-quickstart-0001",
        "seed": 7,
        "settings": {"max_steps": 64, "learning_rate": 5e-3, "provider": {"kind": "offline"}},
        "effective": {},
        "summary": {"backend": "standard", "steps": 64},
        "inputs": {"model": {"base": {"path": "base-0123456789ab", "digest": "ab"}}},
        "seconds": 21.5,
        "packages": {"torch": "2.13.0"},
        **fields,
    }


def write_made(root: Path, room: str, artifact: str, stage: str, **fields: Any) -> Path:
    folder = root / room / artifact
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "made.json", made(stage, stage, artifact=artifact, **fields))
    return folder


def _learnt(root: Path, text: str) -> None:
    """The steps before the training: prompts, and traces that a paid judge has marked."""
    write_made(root, "data", "prompts-666666666666", "prompts", kind="prompts", inputs={}, summary={"prompts": 80})
    source = {"prompts": {"prompts": {"path": "prompts-666666666666", "digest": "d" * 64}}}
    counts = {"asked": 400, "answered": 391, "cut_off": 4, "blocked": 3, "invalid": 2, "not_yet": 0}
    spend = {"account": "judge", "calls": 391, "input": 310_000, "cached": 9_000, "output": 88_000, "thought": 41_000,
             "cost": 2.168, "lost": 2, "lost_bound": 0.031}  # fmt: skip
    judge = {"kind": "gemini", "model": text or "gemini-3-pro-preview", "rubric": "0123456789ab"}
    summary = {"outcomes": counts, "spend": spend, "judge": judge}
    judged = write_made(root, "data", "judge-777777777777", "judge", kind="scores", inputs=source, summary=summary,
                        seconds=412.0)  # fmt: skip
    write_rows(judged / "rows.jsonl", trace_rows(text))


def trace_rows(text: str = "") -> list[dict[str, Any]]:
    return [
        {
            "id": f"{category}-0001/{place}",
            "category": category,
            "type": kind,
            "messages": [{"role": "user", "content": text or "Rent, loan and pay all rose. Which one decides?"}],
            "thought": text or "1. Rent, loan, pay.\n2. The rent and the loan move together.",
            "answer": text or "The pay decides.",
            "scores": dict.fromkeys(DIMENSIONS, 0.8 - 0.3 * place),
            "reward": 0.8 - 0.3 * place,
        }
        for category in CATEGORIES
        for place, kind in enumerate(("chosen", "adequate", "rejected"))
    ]


def write_sample_run(root: Path, *, poison: bool = False, **changes: Any) -> dict[str, Any]:
    """The folders of a run below `root`; returns the report stage's inputs. `changes`: gains, slope."""
    gains = changes.get("gains", GAINS)
    if poison:
        gains = {f"{name} <i>{name}</i> | \x1b[0m" if name == "base" else name: gain for name, gain in gains.items()}
    rows = answer_rows(gains)
    if poison:
        for row in rows:
            if row["prompt_id"] == rows[0]["prompt_id"]:
                row["answer"] = row["thought"] = POISON
                row["messages"] = [{"role": "user", "content": POISON}]
    text = POISON if poison else ""
    _learnt(root, text)
    names = list(gains)
    sets = {"battery": {"prompts": 12, "answers": 60, "outcomes": {"answered": 51, "cut off": 9}}}
    who = {"kind": "model", "model": text or "merge-1", "system_prompt": text}
    source = {"answers": {"answers_base": {"path": "answers-888888888888", "digest": "d" * 64}}}
    write_made(
        root, "data", "answers-888888888888", "answers", kind="answers", summary={"sets": sets, "contestant": who}
    )
    evaluation = write_made(root, "data", "evaluate-111111111111", "evaluate", kind="evaluation", inputs=source,
                            summary={})  # fmt: skip
    write_json(evaluation / "evaluation.json", evaluation_of(rows, text))
    write_rows(evaluation / "rows.jsonl", [row | {"set": "heldout"} for row in rows] + battery_of(names, text)[1])
    pairs = write_made(root, "data", "tournament-555555555555", "tournament", kind="tournament", summary={})
    write_json(pairs / "tournament.json", tournament_of(names, text))
    why = text or "Unsloth is not installed"
    fallback = {"backend": {"asked": "auto", "in_effect": "standard", "why": why}}
    source = {"scores": {"judge": {"path": "judge-777777777777", "digest": "d" * 64}}}
    adapters = {}
    for stage in ("sft", "grpo"):
        adapters[stage] = write_made(root, "models", f"{stage}-222222222222", stage, effective=fallback, inputs=source)
        write_rows(adapters[stage] / "metrics.jsonl", metric_rows(stage, slope=changes.get("slope", 0.12)))
    files = {"files": {"model-Q8_0.gguf": {"type": "Q8_0"}}}
    gguf = write_made(root, "models", "export-333333333333", "export", kind="gguf", summary=files)
    (gguf / "model-Q8_0.gguf").write_bytes(b"GGUF")
    return {"evaluation": evaluation, "tournament": pairs, "training": adapters, "gguf": gguf}
