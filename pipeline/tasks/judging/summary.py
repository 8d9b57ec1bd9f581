"""How the scores of a step came out: means by category and type, and how well the judge tells the types apart.

Rows are read one by one, for there may be a hundred thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES
from pipeline.tasks.rubric import Weights
from pipeline.tasks.statistics import cohens_d, mean


class Tally:
    """Of some rows: their rewards, and the sum of each dimension's scores where it applies."""

    def __init__(self) -> None:
        self.rewards: list[float] = []
        self.applies: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        self.rewards.append(row["reward"])
        for name, score in row["scores"].items():
            if score is not None:
                self.applies[name] += 1
                self.sums[name] += score

    def means(self) -> Row:
        """Mean reward, and mean score of every dimension over the rows where it applies; None where it does nowhere."""
        return {
            "count": len(self.rewards),
            "reward": rounded(mean(self.rewards)),
            "dimensions": {
                name: rounded(self.sums[name] / self.applies[name]) if self.applies[name] else None
                for name in DIMENSIONS
            },
            "applies": {name: self.applies[name] for name in DIMENSIONS},
        }


def summarise(rows: Iterable[Row], weights: Weights) -> Row:
    """How scored rows came out.

    `traces`, `models` (as reported, and how many traces each has judged), `overall`, `categories` {category: {type}},
    `separation` of the categories that have all types, `unmarked` (no dimension with a weight applies), `unusable`
    (samples of these traces) and, of several samples, `spread` (mean standard deviation of each dimension).
    """
    overall, tallies = Tally(), dict[tuple[str, str], Tally]()
    models: Counter[str] = Counter()
    unmarked = unusable = 0
    spreads: dict[str, list[float]] = {name: [] for name in DIMENSIONS}
    for row in rows:
        overall.add(row)
        tallies.setdefault((row["category"], row.get("type") or "unlabelled"), Tally()).add(row)
        several = dict.fromkeys(sample["model"] for sample in row.get("samples", ()))
        models.update(list(several) or [row["judge"]["model"]])
        unmarked += all(mark is None or not weights.of(name) for name, mark in row["scores"].items())
        unusable += row["judge"].get("unusable", 0)
        for name, spread in row.get("spread", {}).items():
            if spread is not None:
                spreads[name].append(spread)
    categories: dict[str, dict[str, Tally]] = {}
    for category, kind in sorted(tallies, key=_place):
        categories.setdefault(category, {})[kind] = tallies[category, kind]
    summary: Row = {
        "traces": len(overall.rewards),
        "models": dict(models),
        "overall": overall.means(),
        "categories": {
            category: {kind: tally.means() for kind, tally in kinds.items()} for category, kinds in categories.items()
        },
        "separation": {
            category: separation({kind: kinds[kind].rewards for kind in TRACE_TYPES})
            for category, kinds in categories.items()
            if kinds.keys() >= set(TRACE_TYPES)
        },
        "unmarked": unmarked,
        "unusable": unusable,
    }
    if any(spreads.values()):
        summary["spread"] = {name: rounded(mean(some)) for name, some in spreads.items()}
    return summary


def _place(group: tuple[str, str]) -> list[tuple[int, str]]:
    """Sorts by the order in which we know categories and types; what we do not know comes behind, by name."""
    known: Sequence[Sequence[str]] = (CATEGORIES, TRACE_TYPES)
    return [
        (names.index(name) if name in names else len(names), name) for names, name in zip(known, group, strict=True)
    ]


def separation(rewards: Mapping[str, Sequence[float]]) -> Row:
    """Whether the mean rewards fall from type to type, and Cohen's d between neighbours."""
    means = {kind: sum(some) / len(some) for kind, some in rewards.items()}
    return {
        "ordered": all(means[better] > means[worse] for better, worse in pairwise(TRACE_TYPES)),
        "effect": {
            f"{better} over {worse}": rounded(cohens_d(rewards[better], rewards[worse]))
            for better, worse in pairwise(TRACE_TYPES)
        },
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
