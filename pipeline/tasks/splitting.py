"""Which rows validate: whole payloads, so that validation speaks of the unseen; a fact is learnt all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Unit:
    """What the split has to know of a row."""

    key: str
    """Rows that share it stay together."""
    fact: str = ""
    """Of a fact one row at least is trained on, or it could not be known."""


def held_out(units: Sequence[Unit], share: float, seed: int) -> set[int]:
    """Places of the rows that validate: as many whole groups as fit into `share` of all rows. Which ones follows from
    the keys and the seed, not from the order."""
    groups: dict[str, list[int]] = {}
    needed: dict[str, str] = {}
    drawn = {unit.key: sha256(f"{seed}/{unit.key}".encode("utf-8", "surrogatepass")).digest() for unit in units}
    for place, unit in enumerate(units):
        groups.setdefault(unit.key, []).append(place)
        if unit.fact:
            needed[unit.fact] = max(needed.get(unit.fact, unit.key), unit.key, key=drawn.__getitem__)
    kept = set(needed.values())
    room = round(len(units) * share)
    chosen: set[int] = set()
    for key in sorted(groups, key=drawn.__getitem__):
        if key not in kept and len(chosen) + len(groups[key]) <= room:
            chosen.update(groups[key])
    return chosen
