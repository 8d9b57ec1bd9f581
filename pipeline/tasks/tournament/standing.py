"""A tournament's result, `tournament.json`: ratings, matrix, what its games say of the judge, every battle counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.statistics import mean_interval
from pipeline.tasks.tournament.battles import OUTCOMES, Battle
from pipeline.tasks.tournament.ratings import Resampling, rate
from pipeline.tasks.tournament.table import Table

FORMAT = 1


class Standing:
    """Takes battles one by one, and keeps of each what a figure needs."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """`names`: contestants that are there though they may have fought no battle, the baseline first."""
        self.table, self.similar = Table(names), Table(names)
        self.lengths = 0
        """Battles of which the lengths of the answers are told."""
        self.counts: Counter[str] = Counter()
        self._disagreed: dict[int, list[int]] = {}
        self._first: dict[int, list[int]] = {}

    def add(self, battle: Battle) -> None:
        """A battle with a winner, or a tie."""
        self.counts[battle.outcome] += 1
        unit = self.table.add(battle)
        if battle.similar is not None:
            self.lengths += 1
            if battle.similar:
                self.similar.add(battle)
        if battle.games:
            one, other = battle.games
            self._disagreed.setdefault(unit, []).append(one.winner != other.winner)
            won = [int(game.winner == game.first) for game in battle.games if game.winner != "tie"]
            if won:
                self._first.setdefault(unit, []).extend(won)

    def leave_out(self, outcome: str) -> None:
        """A battle that has no winner, by one of OUTCOMES."""
        self.counts[outcome] += 1

    def to_row(self, judge: Row, resampling: Resampling, each: Callable[[int], None] = lambda _: None) -> Row:
        """tournament.json; `judge`: {"kind", "model"}, of whoever decided. `each` as `rate` has it."""
        rated, alike = rate(self.table, resampling, each), rate(self.similar, resampling)
        return {
            "format": FORMAT,
            "contestants": list(self.table.names),
            "ratings": rated.rows,
            "similar": {"ratings": alike.rows if len(self.similar) else [], "pairs": len(self.similar),
                        "of": self.lengths},
            "matrix": {"names": list(self.table.names), "wins": rated.wins, "games": rated.games},
            "judge": {
                **judge,
                "inconsistent": _share(self._disagreed, resampling),
                "first_slot": _share(self._first, resampling),
                "ties": self.counts["tie"],
            },
            "coverage": {"asked": self.counts.total(), **{outcome: self.counts[outcome] for outcome in OUTCOMES}},
            "rounds": resampling.rounds,
            "confidence": resampling.confidence,
            "notes": rated.notes + [f"Of similar length alone: {note}" for note in alike.notes if len(self.similar)],
        }  # fmt: skip


def _share(hits: dict[int, list[int]], resampling: Resampling) -> Row:
    """The mean over prompts of each one's share; `n` counts the prompts."""
    shares = [sum(found) / len(found) for found in hits.values()]
    return mean_interval(
        shares, seed=resampling.seed, rounds=resampling.rounds, confidence=resampling.confidence
    ).to_row()
