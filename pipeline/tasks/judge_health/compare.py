"""The judge held against others: people who marked the same traces, itself at another time, another judge."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engine.rows import Row
from pipeline.tasks.agreement import (
    alpha_of,
    alpha_sums,
    auroc,
    bootstrap,
    bootstrap_sums,
    kappa_of,
    kappa_sums,
    table_of,
    weighted_kappa,
)
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.judge_health.figures import level
from pipeline.tasks.marks import State
from pipeline.tasks.statistics import Estimate, difference_of_means, mean, mean_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.tasks.agreement import Table

FAMILY_WISE = 1 - 0.05 / len(DIMENSIONS)
"""Confidence at which one of nine dimensions may be called changed, so that all nine together err once in twenty."""


def draw(rows: Iterable[Row], count: int) -> list[Row]:
    """`count` rows chosen by the hash of their content: the same set whatever their order and their ids."""
    return sorted(rows, key=lambda row: str(row["key"]))[:count]


def share(rows: Sequence[Row], part: float) -> list[Row]:
    """As `draw`, a part of them (0..1), at least one where it is not 0."""
    return draw(rows, math.ceil(part * len(rows)))


def family(model: str) -> str:
    """The leading word of a model's name, which tells who made it: "qwen" of "org/Qwen3-8B" or "models/qwen2.gguf"."""
    word = re.match(r"[^\W\d_]+", Path(model.replace("\\", "/")).name.lower())
    return word.group() if word else ""


def same_family(first: str, second: str) -> bool:
    """Whether two models seem to be of one maker: judges of one family share their tastes and faults."""
    return family(first) == family(second) != ""


def against(rows: Sequence[Row], others: Mapping[str, Scores], rewards: Mapping[str, float], *, seed: int) -> Row:
    """Stored scores against others of the same rows, both by id.

    {"items", "reward", "dimensions" {name}} with {"difference" (other - stored, an estimate over items), "alpha"
    (interval, an estimate), "changed" (whether 0 lies outside the difference's interval at FAMILY_WISE), "pairs",
    "null" (items where one of the two gave a score and the other none)} each; `rewards` are those of the others.
    """
    rows = [row for row in rows if row["id"] in others]

    def of(name: str) -> Row:
        return _both([(row["scores"][name], others[row["id"]][name]) for row in rows], seed)

    return {
        "items": len(rows),
        "reward": _both([(row["reward"], rewards[row["id"]]) for row in rows], seed),
        "dimensions": {name: of(name) for name in DIMENSIONS},
    }


def _both(pairs: Sequence[tuple[float | None, float | None]], seed: int) -> Row:
    gaps = [other - stored for stored, other in pairs if stored is not None and other is not None]
    wide = mean_interval(gaps, seed=seed, confidence=FAMILY_WISE)
    return {
        "difference": mean_interval(gaps, seed=seed).to_row(),
        "alpha": bootstrap_sums(alpha_sums(table_of(pairs)), alpha_of, seed=seed).to_row(),
        "changed": wide.low is not None and wide.high is not None and not wide.low <= 0 <= wide.high,
        "pairs": len(gaps),
        "null": sum((stored is None) != (other is None) for stored, other in pairs),
    }


def people(rows: Iterable[Row], states: Mapping[str, State], *, seed: int) -> Row:
    """The judge against what people marked; `states` is what their marks come to, by the key of a row.

    {"traces" (with a person's score), "pairs", "kappa" (quadratic, on levels, an estimate over traces), "dimensions"
    {name: {"pairs", "kappa", "difference" (mean of judge - person, 0..1)}}, "unjudged" (a person's scores where the
    judge gave none), "accepted", "rejected", "auroc" (reward of an accepted over that of a rejected one, an estimate),
    "reward" (difference of their two means, an estimate)}.
    """
    traces: list[dict[str, tuple[float, float]]] = []
    rewards: dict[str, list[float]] = {"accept": [], "reject": [], "edit": []}
    unjudged = 0
    for row in rows:
        state = states.get(row["key"], {})
        if verdict := state.get("verdict"):
            rewards[verdict].append(row["reward"])
        if scored := state.get("scores"):
            both = {name: (row["scores"][name], theirs) for name, theirs in scored.items()}
            traces.append({name: pair for name, pair in both.items() if pair[0] is not None})
            unjudged += len(both) - len(traces[-1])
    accepted, rejected = rewards["accept"], rewards["reject"]
    return {
        **_scored_by_people(traces, seed),
        "unjudged": unjudged,
        "accepted": len(accepted),
        "rejected": len(rejected),
        "auroc": _told_apart(accepted, rejected, seed).to_row(),
        "reward": difference_of_means(accepted, rejected, seed=seed).to_row(),
    }


def _scored_by_people(traces: Sequence[Mapping[str, tuple[float, float]]], seed: int) -> Row:
    """`traces`: of each, dimension -> (the judge's score, the person's)."""
    import numpy as np

    def levels(pairs: Iterable[tuple[float, float]]) -> Table:
        return table_of([[level(own), level(theirs)] for own, theirs in pairs]).reshape(-1, 2)

    def of(name: str) -> Row:
        pairs = [trace[name] for trace in traces if name in trace]
        kappa = weighted_kappa(levels(pairs))
        return {"pairs": len(pairs), "kappa": kappa, "difference": mean([own - theirs for own, theirs in pairs])}

    sums = np.array([kappa_sums(levels(trace.values())).sum(axis=0) for trace in traces])
    return {
        "traces": len(traces),
        "pairs": sum(map(len, traces)),
        "kappa": bootstrap_sums(sums, kappa_of, seed=seed).to_row(),
        "dimensions": {name: of(name) for name in DIMENSIONS},
    }


def _told_apart(accepted: Sequence[float], rejected: Sequence[float], seed: int) -> Estimate:
    import numpy as np

    if not accepted or not rejected:
        return Estimate(None, None, None, len(accepted) + len(rejected))
    better, worse = np.array(accepted), np.array(rejected)

    def of(times: NDArray[np.int64]) -> float | None:
        return auroc(np.repeat(better, times[: len(better)]), np.repeat(worse, times[len(better) :]))

    return bootstrap(of, len(better) + len(worse), seed=seed)
