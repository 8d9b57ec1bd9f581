"""A million battles of a hundred models, rated with a hundred bootstrap rounds. Run: python -m tests.benchmarks.ratings

Three runs of the stage from the file on; beside it choix, fitting the same resampled counts in the same process.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import tempfile
import time
from pathlib import Path

import choix
import numpy as np

from pipeline.engine.events import Emitter
from pipeline.engine.rows import read_json
from pipeline.engine.stage import Context
from pipeline.stages.ratings import STAGE, Config
from pipeline.tasks.tournament.bradley_terry import strengths

BATTLES, MODELS, ROUNDS, REPEATS = 1_000_000, 100, 100, 3


def write(path: Path) -> None:
    draw = random.Random(1)
    theta = [draw.gauss(0, 1) for _ in range(MODELS)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(BATTLES):
            one, other = draw.sample(range(MODELS), 2)
            won = draw.random() < 1 / (1 + math.exp(theta[other] - theta[one]))
            winner = "tie" if draw.random() < 0.1 else "model_a" if won else "model_b"
            file.write(json.dumps({"model_a": f"m{one}", "model_b": f"m{other}", "winner": winner}) + "\n")


def rate(path: Path, out: Path) -> float:
    out.mkdir()
    began = time.perf_counter()
    STAGE.run(Context(Config(battles=path, rounds=ROUNDS), {}, out, 7, Emitter(lambda *_: None)))
    return time.perf_counter() - began


def fits(wins: np.ndarray) -> dict[str, float]:
    """Seconds for the same ROUNDS fits; both begin from nothing, and are held against each other."""
    draw = np.random.default_rng(7)
    drawn = [draw.poisson(wins).astype(float) for _ in range(ROUNDS)]
    began = time.perf_counter()
    ours = [strengths(counts, counts + counts.T > 0)[0] for counts in drawn]
    between = time.perf_counter()
    theirs = [choix.ilsr_pairwise_dense(counts) for counts in drawn]
    ended = time.perf_counter()
    apart = max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))
    return {"ours": between - began, "choix": ended - between, "largest difference": apart}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "battles.jsonl"
        write(path)
        seconds = [rate(path, Path(folder) / str(number)) for number in range(REPEATS)]
        print(
            f"{BATTLES:,} battles, {MODELS} models, {ROUNDS} rounds: median {statistics.median(seconds):.1f} s of",
            seconds,
        )
        wins = np.array(read_json(Path(folder) / "0" / "tournament.json")["matrix"]["wins"])
    repeats = [fits(wins) for _ in range(REPEATS)]
    for name in repeats[0]:
        print(f"{ROUNDS} fits, {name}: median {statistics.median(one[name] for one in repeats):.3g}")


if __name__ == "__main__":
    main()
