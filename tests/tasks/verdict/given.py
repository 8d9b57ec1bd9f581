"""Evaluations and trainings as a verdict is given them."""

import random

from pipeline.tasks.comparison import Bootstrap, compare
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.verdict.evidence import Evidence, Thresholds, Training

THRESHOLDS = Thresholds()


def evaluation(gains, *, prompts=80, spread=0.1, dimension_gains=None, applies=None, **circumstances):
    """An evaluation whose contestants gain so much over the first; every prompt differs by a seeded spread."""
    draw = random.Random("verdict")
    rows = []
    for name, gain in gains.items():
        for number in range(prompts):
            scores = {
                dimension: 0.4 + (dimension_gains or {}).get(name, {}).get(dimension, gain) + draw.gauss(0, spread)
                if number < (applies or {}).get(dimension, prompts)
                else None
                for dimension in DIMENSIONS
            }
            rows.append(
                {
                    "contestant": name,
                    "prompt_id": f"p{number}",
                    "category": "conflict",
                    "thought": "",
                    "outcome": "answered",
                    "tokens": 9,
                    "scores": scores,
                    "reward": 0.4 + gain + draw.gauss(0, spread),
                }
            )
    compared = compare(rows, list(gains), Bootstrap(7, 1000, circumstances.get("confidence", 0.95)))
    return {"split": "heldout", "confidence": 0.95, **compared, **circumstances}


def evidence(gains, **options):
    return Evidence(evaluation(gains, **options), [])


def grpo(rewards):
    rows = [{"step": step, "loss": 0.0, "reward": reward} for step, reward in enumerate(rewards, 1)]
    return Evidence(None, [Training("grpo", "grpo", {}, rows)], seed=7)


def climbing(steps, slope, noise=0.05):
    draw = random.Random("climb")
    return [0.4 + slope * step / steps + draw.gauss(0, noise) for step in range(steps)]
