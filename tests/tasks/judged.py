"""Rows of scores made up for tests: every mark as it is wished, the texts as short as can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.judge_health.figures import digest
from pipeline.tasks.rubric import Weights, reward


def scores(value: float | None = 0.5, **some: float | None) -> Scores:
    return dict.fromkeys(DIMENSIONS, value) | some


def earned(marks: Mapping[str, float | None]) -> float:
    return reward(marks, Weights())


def scored(
    place: str, marks: Scores, samples: Sequence[Scores] = (), kind: str = "chosen", words: int = 10, **more: Any
) -> Row:
    """A row of scores; `place` is "<prompt>/<sample>"."""
    prompt = place.split("/")[0]
    row: Row = {
        "id": place,
        "prompt_id": prompt,
        "category": "conflict",
        "split": "train",
        "type": kind,
        "messages": [{"role": "user", "content": f"The question of {prompt}."}],
        "thought": "",
        "answer": " ".join([place, *["word"] * (words - 1)]),
        "model": "writer-1",
        "scores": marks,
        "reasons": {},
        "reward": earned(marks),
        "judge": {"kind": "offline", "model": "offline-1", "rubric": "0" * 12},
    }
    if samples:
        row["samples"] = [{"scores": one, "reasons": {}} for one in samples]
    return row | more


def digests(*rows: Row) -> list[Row]:
    return [digest(row, earned) for row in rows]
