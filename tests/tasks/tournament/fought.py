"""Battles for tests, in few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.tasks.tournament.battles import Battle
from pipeline.tasks.tournament.table import Table


def battle(model_a: str, model_b: str, winner: str, prompt: str = "", similar: bool | None = None) -> Battle:
    return Battle(model_a, model_b, winner, "tie" if winner == "tie" else "decided", prompt, (), similar)


def record(model_a: str, model_b: str, won: int, lost: int, tied: int = 0) -> list[Battle]:
    """So many battles of two, as model_a came out of them."""
    results = ["a"] * won + ["b"] * lost + ["tie"] * tied
    return [battle(model_a, model_b, result) for result in results]


def table(battles: Iterable[Battle], names: Sequence[str] = ()) -> Table:
    found = Table(names)
    for one in battles:
        found.add(one)
    return found
