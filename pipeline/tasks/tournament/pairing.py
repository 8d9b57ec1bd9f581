"""Who meets whom: every pair of contestants on every held-out prompt, and the battles that no judge is needed for.

The thought is left out: what a person gets is the answer, and a longer thought would win by its length or tell whose it
is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.tournament.battles import Side, similar

UNHELD = {"length": "cut off", "blocked": "blocked", "invalid": "invalid"}
"""How an answer ended -> what becomes of its battles: nobody can say what it would have been, so nobody wins them."""
JUDGED = "judged"
"""The outcome of a game that a judge decided."""


def pairings(answers: Mapping[str, Iterable[Row]], samples: int) -> Iterator[Row]:
    """Battles to be: {"id", "prompt_id", "category", "sample", "model_a", "model_b", "messages", "truth", "a", "b"}.

    `answers`: contestant -> rows of its answers, of which the first `samples` to each held-out prompt take part, each
    against the other's of the same number. `a` and `b` are rows, or None where a contestant has none.
    """
    known: dict[str, dict[tuple[str, int], Row]] = {}
    prompts: dict[str, Row] = {}
    for name, rows in answers.items():
        own = known.setdefault(name, {})
        for row in rows:
            if row["set"] == "heldout" and row["sample"] < samples:
                own[row["prompt_id"], row["sample"]] = row
                prompts.setdefault(row["prompt_id"], row)
    for prompt, asked in prompts.items():
        for model_a, model_b in combinations(known, 2):
            for sample in range(samples):
                yield {
                    "id": f"{model_a}/{model_b}/{prompt}/{sample}",
                    "prompt_id": prompt,
                    "category": asked["category"],
                    "sample": sample,
                    "model_a": model_a,
                    "model_b": model_b,
                    "messages": asked["messages"],
                    "truth": asked.get("truth"),
                    "a": known[model_a].get((prompt, sample)),
                    "b": known[model_b].get((prompt, sample)),
                }


def rule(pairing: Row) -> tuple[Side | None, str, str] | None:
    """(winner, outcome of both games, why) of a battle that needs no judge; None where one has to be asked."""
    sides = {side: pairing[side] for side in ("a", "b")}
    if lacking := [side for side, row in sides.items() if row is None]:
        return None, "missing", f"{_models(pairing, lacking)} did not answer"
    for finish, outcome in UNHELD.items():
        if ended := [side for side, row in sides.items() if row["finish"] == finish]:
            return None, outcome, f"{outcome}: the answer of {_models(pairing, ended)}"
    texts = {side: row["answer"].strip() for side, row in sides.items()}
    if texts["a"] == texts["b"]:
        return "tie", "same answer", "both answer the same"
    if empty := [side for side, text in texts.items() if not text]:
        winner: Side = "b" if empty == ["a"] else "a"
        return winner, "empty", f"{_models(pairing, empty)} ended its turn without an answer"
    return None


def _models(pairing: Row, sides: Sequence[str]) -> str:
    return " and ".join(str(pairing[f"model_{side}"]) for side in sides)


def settle(pairing: Row, games: Sequence[Row]) -> Row:
    """The row of battles.jsonl: both games agree, or it is a tie; where one was not decided, nobody wins."""
    winners = [game["winner"] for game in games]
    if None in winners:
        winner, outcome = None, next(game["outcome"] for game in games if game["winner"] is None)
    elif winners[0] != winners[1]:
        winner, outcome = "tie", "inconsistent"
    else:
        winner = winners[0]
        outcome = "same answer" if games[0]["outcome"] == "same answer" else "tie" if winner == "tie" else "decided"
    kept = ("id", "prompt_id", "category", "sample", "model_a", "model_b")
    rows = pairing["a"], pairing["b"]
    a, b = (len(row["answer"]) if row else None for row in rows)
    return {
        **{key: pairing[key] for key in kept},
        "games": list(games),
        "winner": f"model_{winner}" if winner in ("a", "b") else winner,
        "outcome": outcome,
        "lengths": {"a": a, "b": b},
        "similar_length": a is not None and b is not None and similar(a, b),
    }


def game(first: Side, winner: Side | None, outcome: str, why: str) -> Row:
    return {"first": first, "winner": winner, "outcome": outcome, "why": why}


def unheld(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """A note for each contestant with battles that nobody won or tied."""
    fought, lost = dict.fromkeys(names, 0), {name: dict[str, int]() for name in names}
    for row in rows:
        for name in (row["model_a"], row["model_b"]):
            fought[name] += 1
            if row["winner"] is None:
                lost[name][row["outcome"]] = lost[name].get(row["outcome"], 0) + 1
    return [
        f"{name}: {sum(counts.values())} of {fought[name]} battles have no result "
        f"({', '.join(f'{outcome} {count}' for outcome, count in counts.items())}); its rating rests on the others."
        for name, counts in lost.items()
        if counts
    ]
