"""Mixing: how many rows of each input make up a share of the *output*, and what the inputs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Any

from pipeline.engine.rows import Row


def amounts(sizes: Sequence[int], shares: Sequence[float], rows: int) -> list[int]:
    """Rows of each input, by the largest remainder. `rows` 0: so many that the input with the largest share is taken
    once, whole."""
    if not rows:
        main = max(range(len(sizes)), key=lambda place: shares[place])
        rows = round(sizes[main] / shares[main])
    exact = [share * rows for share in shares]
    taken = [int(amount) for amount in exact]
    order = sorted(range(len(exact)), key=lambda place: taken[place] - exact[place])
    for place in order[: rows - sum(taken)]:
        taken[place] += 1
    return taken


def draw(size: int, wanted: int, random: Random) -> list[int]:
    """Places of `wanted` rows of `size`, in order: each equally often, and those that come once more drawn."""
    whole, rest = divmod(wanted, size)
    return sorted([*list(range(size)) * whole, *random.sample(range(size), rest)])


def question_of(row: Row) -> str:
    """All that is said before the last answer."""
    said = [message for message in row["messages"] if message["role"] != "system"]
    last = max((place for place, message in enumerate(said) if message["role"] == "assistant"), default=len(said))
    return "\n".join(str(message["content"]) for message in said[:last])


def answer_of(row: Row) -> str:
    answers = [str(message["content"]) for message in row["messages"] if message["role"] == "assistant"]
    return answers[-1] if answers else ""


def shared(inputs: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Of each two inputs: the prompts and payloads they share, and the prompts that have another answer in each."""
    asked = {name: {question_of(row): answer_of(row) for row in rows} for name, rows in inputs.items()}
    payloads = {name: {row["payload"] for row in rows if row.get("payload")} for name, rows in inputs.items()}
    found = []
    for one, other in combinations(inputs, 2):
        both = asked[one].keys() & asked[other].keys()
        found.append(
            {
                "inputs": [one, other],
                "prompts": len(both),
                "contradictions": sum(asked[one][prompt] != asked[other][prompt] for prompt in both),
                "payloads": len(payloads[one] & payloads[other]),
            }
        )
    return found
