"""The data board of an artifact in words, from the JSON of `traces ARTIFACT --board --json`: red gates first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEVELS = {"red": "✗ red", "amber": "! amber", "green": "✓ green"}
PLAIN_LEVELS = {"red": "x red", "amber": "! amber", "green": "+ green"}
COUNTS = ("outcomes", "categories", "types", "splits", "languages", "quarantine")


def board_text(board: Mapping[str, Any], plain: bool = False) -> str:
    """Gates as a table, then what each gate that is not green found and how to mend it, then the figures."""
    return "\n".join(_lines(board, PLAIN_LEVELS if plain else LEVELS))


def _lines(board: Mapping[str, Any], levels: Mapping[str, str]) -> Iterator[str]:
    gates = board.get("gates") or []
    kind = board.get("kind") or "rows"
    yield f"{_count(board.get('read'))} of {_count(board.get('rows'))} {kind} are read for quality."
    yield f"\n{'gate':24} {'state':8} {'found':>14} {'share':>7} {'amber':>7} {'red':>7}"
    for gate in gates:
        shares = "".join(f" {_percent(gate.get(name)):>7}" for name in ("value", "amber", "red"))
        found = f"{_count(gate.get('hits'))} of {_count(gate.get('of'))}"
        yield f"{gate.get('name', ''):24} {levels.get(gate.get('level'), '?'):8} {found:>14}{shares}"
    for gate in gates:
        if gate.get("level") != "green":
            yield f"\n{levels.get(gate.get('level'), '?')}  {gate.get('name')}: {gate.get('what')}. {gate.get('why')}"
            yield f"  {gate.get('mend')}"
            if gate.get("examples"):
                yield f"  Such as {', '.join(map(str, gate['examples']))}."
    yield from _figures(board.get("figures") or {})


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    for name in COUNTS:
        if counts := figures.get(name):
            yield f"{name:12} " + ", ".join(f"{key} {_count(count)}" for key, count in counts.items())
    for part, lengths in (figures.get("words") or {}).items():
        yield f"words of {part}: " + ", ".join(f"{name} {value}" for name, value in lengths.items())
    for name in ("openings", "thought_openings"):
        if found := figures.get(name):
            yield f"{name.replace('_', ' ')}: " + ", ".join(f'"{one["words"]}" {one["share"]:.1%}' for one in found)
    rewards = figures.get("rewards") or {}
    if rewards.get("count"):
        yield f"mean reward {rewards['mean']} over {rewards['groups']} prompts"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _percent(share: Any) -> str:
    return f"{share:.1%}" if isinstance(share, int | float) else "–"
