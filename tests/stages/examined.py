"""A workspace with prompts to be answered, a battery of two tests, and answers folders written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, write_json, write_rows
from pipeline.engine.stage import Context
from pipeline.tasks.comparison import OUTCOMES, outcome_of

BATTERY = """
[[tests]]
id = "UC-01"
title = "A river"
prompt = "Name a river."
passes = "It names a river."
fails = "It names none."
mentions = [["danube", "rhine"]]
at_least = 1

[[tests]]
id = "RQ-01"
title = "A rose"
prompt = "Do some roses fade?"
check = "does_not_follow"
"""
TRUTH = {
    "variables": [{"name": "colour", "terms": ["colour", "red"], "value": "red"}],
    "groups": [],
    "conflict": None,
    "unknown": [{"name": "age", "terms": ["age"]}],
    "answer": ["red"],
    "request": ["colour", "age"],
    "risk": None,
}
ASKED = [
    ("safety-0001", "safety", "heldout", "Why is the sky blue?"),
    ("safety-0002", "safety", "train", "Why?"),
    ("conflict-0001", "conflict", "heldout", "Name three rivers, please."),
    ("calibration-0001", "calibration", "heldout", "The cat is red. What is its colour and age?"),
]


def write_workspace(root: Path) -> Path:
    """`root` with prompts and configs/battery.toml below it; returns the prompts."""
    (root / "configs").mkdir(parents=True)
    (root / "configs" / "battery.toml").write_text(BATTERY, encoding="utf-8")
    rows = [
        {
            "id": name, "category": category, "theme": "t", "problem": name, "split": split,
            "messages": [{"role": "user", "content": text}], "truth": TRUTH if category == "calibration" else None,
        }
        for name, category, split, text in ASKED
    ]  # fmt: skip
    (root / "prompts").mkdir()
    write_rows(root / "prompts" / "rows.jsonl", rows)
    return root / "prompts"


def context(config: Any, inputs: Row, out: Path, root: Path, events: list[Any] | None = None) -> Context:
    out.mkdir(exist_ok=True)
    seen = events if events is not None else []
    emit = Emitter(lambda *event: seen.append(event))
    return Context(config, inputs, out, 7, emit, root=root, run="run", step=out.name)


LIMITS = {
    "heldout": 1, "battery": 1, "calibration": 1, "limit": 0,
    "temperature": 0.7, "top_p": 1.0, "max_tokens": 64, "thinking": True,
}  # fmt: skip


def answer_row(set: str, prompt_id: str, answer: str, **changes: Any) -> Row:
    finish = changes.pop("finish", "stop")
    sample = changes.pop("sample", 0)
    return {
        "id": f"{set}/{prompt_id}/{sample}",
        "set": set,
        "prompt_id": prompt_id,
        "category": prompt_id.partition("-")[0],
        "sample": sample,
        "messages": [{"role": "user", "content": "?"}],
        "truth": None,
        "thought": "Let me think.",
        "answer": answer,
        "finish": finish,
        "outcome": outcome_of(finish, answer),
        "tokens": 3,
        **changes,
    }


def write_answers(folder: Path, rows: list[Row], asked: str = "0123456789ab", **limits: Any) -> Path:
    """An answers artifact with these rows."""
    folder.mkdir()
    write_rows(folder / "rows.jsonl", rows)
    sets = {}
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        outcomes = {outcome: sum(row["outcome"] == outcome for row in own) for outcome in OUTCOMES}
        prompts = len({row["prompt_id"] for row in own})
        sets[name] = {"prompts": prompts, "answers": len(own), "outcomes": outcomes}
    sheet = {
        "format": 1,
        "contestant": {"kind": "model", "model": f"{folder.name}-0", "system_prompt": ""},
        "limits": {**LIMITS, **limits},
        "asked": asked,
        "sets": sets,
        "tokens": 3 * len(rows),
    }
    write_json(folder / "answers.json", sheet)
    return folder
