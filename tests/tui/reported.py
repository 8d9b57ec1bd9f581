"""A report of a run and what the commands of the pipeline answer, for pictures: the shapes of docs/formats.md."""

from __future__ import annotations

import random
from pathlib import Path

from pipeline.engine.rows import Row, write_json
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.report.answers import battery_answers
from tests.tasks.examined import battery_of, calibration_of, tournament_of
from tests.tui.workspace import ANSWERS, QUESTIONS, STEPS, THOUGHTS, reward, scores

CONTESTANTS = ("base", "sft_merged", "grpo_merged")


def estimate(mean: float, wide: float, n: int = 60) -> Row:
    return {"mean": round(mean, 4), "low": round(mean - wide, 4), "high": round(mean + wide, 4), "n": n}


def report() -> Row:
    chance = random.Random(5)
    table = []
    for name in ("reward", *DIMENSIONS):
        before, gain = 0.31 + chance.uniform(-0.08, 0.1), chance.uniform(-0.02, 0.42)
        table.append(
            {
                "name": name,
                "baseline": estimate(before, 0.03),
                "tuned": estimate(before + gain, 0.03),
                "difference": estimate(gain, 0.045),
            }
        )
    criteria = [
        (
            "reward",
            "Is the reward of the tuned model higher than that of its baseline?",
            "met",
            "+0.301, 95 % between +0.256 and +0.346, over 60 prompts.",
            0.301,
        ),
        (
            "refusals",
            "Does it refuse no more than before?",
            "met",
            "1.7 % of answers against 2.1 %: at most 1.2 points more.",
            -0.4,
        ),
        (
            "format",
            "Are its thoughts closed and structured?",
            "not met",
            "91 % of 60 answers, 95 % between 82 % and 96 %: at least 95 % were asked.",
            0.91,
        ),
        (
            "canaries",
            "Would an empty thought earn as much?",
            "not measurable",
            "GRPO saved fewer than three times.",
            None,
        ),
    ]
    battery, answers = battery_of(CONTESTANTS)
    outcomes = {"answered": 2985, "cut off": 11, "blocked": 3, "invalid": 1, "not yet asked": 0}
    return {
        "format": 2,
        "headline": [
            {"name": "reward over the baseline", "value": "+0.301", "note": "[+0.256, +0.346]"},
            {"name": "battery", "value": "41 of 60", "note": "baseline 15"},
            {"name": "rating", "value": "1077", "note": "[1039, 1118], rank 1 of 3"},
        ],
        "battery_answers": battery_answers(answers),
        "tournament": tournament_of(CONTESTANTS),
        "coverage": [
            {"what": "traces", "asked": 3000, "parts": outcomes, "whole": True},
            {"what": "tournament", "asked": 240, "parts": {"decided": 169, "tie": 71}, "whole": True},
        ],
        "costs": [
            {
                "step": name,
                "artifact": f"{name}-{4572 + 31 * place:x}",
                "run": "20261121-091500-entropy-joy-a1b2",
                "seconds": 12.0 * (place + 1) ** 2,
                "calls": 0,
                "tokens": {},
                "cost": None,
                "lost": 0,
                "bound": None,
            }
            for place, name in enumerate(STEPS)
        ],
        "judges": [{"step": "evaluation", "kind": "offline", "model": "offline-1", "rubric": "011a176a78ce"}],
        "traces": [],
        "verdict": {
            "asked": "entropy-joy",
            "outcome": "not met",
            "met": False,
            "criteria": [
                dict(zip(("name", "question", "outcome", "why", "figure"), one, strict=True)) for one in criteria
            ],
        },
        "table": table,
        "last_table": [],
        "evaluation": {
            "format": 2,
            "battery": battery,
            "calibration": calibration_of(CONTESTANTS),
            "split": "heldout",
            "samples": 1,
            "temperature": 0.7,
            "prompts": 60,
            "confidence": 0.95,
            "contestants": [
                {
                    "name": name,
                    "prompts": 60,
                    "answers": 60,
                    "unscored": 0,
                    "thoughts": 60 * (place > 0),
                    "outcomes": {"answered": 57 + place, "cut off": 3 - place, "empty": 0, "blocked": 0, "invalid": 0},
                    "tokens": {"mean": 204.1, "median": 198.0 + 9 * place, "p95": 384.0},
                    "reward": estimate(0.312 + 0.15 * place, 0.031),
                    "model": f"merge-{place}",
                }
                for place, name in enumerate(CONTESTANTS)
            ],
            "pairs": [
                {"contestant": "sft_merged", "against": "base", "reward": estimate(0.151, 0.041)},
                {"contestant": "grpo_merged", "against": "base", "reward": estimate(0.301, 0.045)},
                {"contestant": "grpo_merged", "against": "sft_merged", "reward": estimate(0.150, 0.039)},
            ],
        },
        "answers": [answered(chance, number, *QUESTIONS[number % len(QUESTIONS)]) for number in range(24)],
        "training": [{"name": "grpo", "stage": "grpo", "curves": {"step": [1.0], "reward": [0.3]}}],
        "gguf": "models/export-4572f57f4780/entropy-joy-Q8_0.gguf",
        "chat": "python -m pipeline chat models/export-4572f57f4780/entropy-joy-Q8_0.gguf",
        "steps": [
            {
                "name": name,
                "artifact": f"{name}-{4572 + 31 * place:x}",
                "stage": name,
                "seconds": 12.0 * (place + 1) ** 2,
                "inputs": {"model": {STEPS[place - 1]: {"path": f"{STEPS[place - 1]}-{4541 + 31 * place:x}"}}}
                if place
                else {},
                "effective": {"backend": {"asked": "auto", "in_effect": "standard", "why": "Unsloth is not installed."}}
                if name in ("sft", "grpo")
                else {},
            }
            for place, name in enumerate(STEPS)
        ],
    }


def answered(chance: random.Random, number: int, category: str, prompt: str) -> Row:
    given = []
    for place, name in enumerate(CONTESTANTS):
        found = scores(chance, 0.3 + 0.25 * place)
        given.append(
            {
                "contestant": name,
                "sample": 0,
                "outcome": "answered",
                "tokens": 160 + 17 * place,
                "scores": found,
                "reward": reward(found),
                "thought": THOUGHTS[(number + place) % 3] if place else "",
                "answer": ANSWERS[(number + place) % 3],
            }
        )
    return {
        "prompt_id": f"{category}-{number + 1:04}",
        "category": category,
        "messages": [{"role": "user", "content": prompt}],
        "answers": given,
    }


def with_report(root: Path) -> Path:
    folder = root / "data" / "report-88b11309b196"
    folder.mkdir(parents=True)
    write_json(folder / "report.json", report())
    return folder
