"""Scorers that say what a test wants, and contexts for a reward without a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row
from pipeline.scoring.mixture import Mixture
from pipeline.scoring.reward import Reward
from pipeline.scoring.scorers import Scorer
from pipeline.stages.grpo import Config
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.rubric import Weights
from tests.training.rig import Recorder, context_of

ALL = dict.fromkeys(DIMENSIONS)


def scorer(says: Callable[[Row, str], float | None]) -> Scorer:
    """Gives all nine dimensions the same score."""

    def mark(rows: Sequence[Row], texts: Sequence[str]) -> list[Scores | None]:
        found = [says(row, text) for row, text in zip(rows, texts, strict=True)]
        return [None if score is None else dict.fromkeys(DIMENSIONS, score) for score in found]

    return mark


def reward_of(tmp_path: Path, says: Scorer, heldout: Scorer | None = None, **settings: Any) -> tuple[Reward, Recorder]:
    """A reward whose one scorer is `says`, and what it tells."""
    recorder = Recorder()
    looks_on = "judge" if heldout else ""
    judge = {"kind": "openai", "model": "none", "base_url": "http://127.0.0.1:9"}
    config = Config.model_validate({"heldout_scorer": looks_on, "judge": judge, **settings})
    context = context_of(config, {}, tmp_path / "grpo", recorder)
    mixture = Mixture({"offline": (says, 1.0)}, Weights())
    other = Mixture({"judge": (heldout, 1.0)}, Weights()) if heldout else None
    return Reward(context, mixture, other, None), recorder
