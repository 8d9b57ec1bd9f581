"""A problem: what is asked, in words, and what is true of it. Every category draws these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.engine.rows import content_hash
from pipeline.tasks.records import Category, Conflict, Message, Risk, Truth, Unknown, Variable


@dataclass(frozen=True)
class Problem:
    category: Category
    theme: str
    messages: list[Message]
    truth: Truth

    @property
    def hash(self) -> str:
        """The same for two wordings of one problem: it reads what is true, not how it is told."""
        truth = self.truth
        return content_hash(
            [
                self.category,
                self.theme,
                sorted([variable["name"], variable.get("value", "")] for variable in truth["variables"]),
                sorted(sorted(group) for group in truth["groups"]),
                truth["conflict"],
                sorted(unknown["name"] for unknown in truth["unknown"]),
                truth["answer"],
                sorted(truth["request"]),
                truth["risk"],
            ]
        )[:16]


def told(*sentences: str) -> list[Message]:
    """One user's turn."""
    return [{"role": "user", "content": " ".join(sentence for sentence in sentences if sentence)}]


def variable(name: str, value: str = "") -> Variable:
    """A thing named by one word; a `value` counts as a mention of it too."""
    if value:
        return {"name": name, "terms": [name, value], "value": value}
    return {"name": name, "terms": [name]}


def truth(
    *,
    variables: Sequence[Variable],
    request: Sequence[str],
    groups: Sequence[Sequence[str]] = (),
    conflict: Conflict | None = None,
    unknown: Sequence[str] = (),
    answer: Sequence[str] | None = None,
    risk: Risk | None = None,
) -> Truth:
    gaps: list[Unknown] = [{"name": name, "terms": [name]} for name in unknown]
    return {
        "variables": list(variables),
        "groups": [list(group) for group in groups],
        "conflict": conflict,
        "unknown": gaps,
        "answer": None if answer is None else list(answer),
        "request": list(request),
        "risk": risk,
    }
