"""A training of the GPT track in small: settings, inputs and an evaluation prompts file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row
from pipeline.stages import train
from tests.gpt.prepared import ANSWERS, SYSTEM
from tests.training.rig import Recorder, context_of

SMALL: dict[str, Any] = {
    "n_layer": 1, "n_head": 2, "n_embd": 32, "block_size": 96, "max_iters": 10, "warmup_iters": 2, "batch_size": 3,
    "gradient_accumulation": 2, "learning_rate": 3e-3, "dropout": 0.1, "eval_interval": 4, "eval_iters": 0,
    "save_every": 2, "eval_share": 1,
}  # fmt: skip
"""16 episodes, 6 a step: 3 steps an epoch; dropout, so that the random state counts."""


def write_questions(path: Path, answers: Mapping[str, str] = ANSWERS) -> Path:
    content = {
        "description": "",
        "system_prompt": SYSTEM,
        "prompts": {str(place): prompt for place, prompt in enumerate(answers)},
        "expected_outputs": {str(place): answer for place, answer in enumerate(answers.values())},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def run_train(out: Path, inputs: dict[str, Path], recorder: Recorder | None = None, **settings: Any) -> Row:
    config = train.Config(**{**SMALL, **settings})
    return train.run(context_of(config, inputs, out, recorder))
