"""What a trace can be made of: a prompt's ground truth, as words to be put into sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

from pipeline.tasks.bank.wording import NUMBERS, listed, sentence
from pipeline.tasks.records import Category, Truth

Kind = Literal["risk", "dialogue", "sources", "duties", "question", "problem"]
AT = {"day": "on", "month": "in", "place": "at", "time": "in"}


@dataclass(frozen=True)
class Case:
    category: Category
    truth: Truth
    """Names at least one variable."""
    random: Random

    @property
    def kind(self) -> Kind:
        """What the truth allows to be written, whatever the category says."""
        if self.truth["risk"]:
            return "risk"
        if self.category == "dialogue":
            return "dialogue"
        if self.truth["conflict"]:
            return "duties" if self.winner is None else "sources"
        if self.category == "calibration" and self.truth["answer"]:
            return "question"
        return "problem"

    @cached_property
    def facts(self) -> list[str]:
        """Every variable as a note: its name, its value, or what its value is."""
        return [self._note(variable["name"], variable.get("value", "")) for variable in self.truth["variables"]]

    def _note(self, name: str, value: str) -> str:
        if not value:
            return name
        if self.category == "dialogue" or name in value:
            return value
        return f"{value} {name}" if value in NUMBERS or value.isdigit() else f"the {name} is {value}"

    @cached_property
    def groups(self) -> list[str]:
        return [listed(group, "the") for group in self.truth["groups"]]

    @property
    def gap(self) -> str:
        return self.truth["unknown"][0]["name"] if self.truth["unknown"] else ""

    @property
    def right(self) -> str:
        """The right answer where there is one, else the first variable."""
        return self.truth["answer"][0] if self.truth["answer"] else self.truth["variables"][0]["name"]

    @property
    def wrong(self) -> list[str]:
        """The variables that are not the answer, or that one where there is no other."""
        names = [variable["name"] for variable in self.truth["variables"]]
        return [name for name in names if name != self.right] or names

    @property
    def winner(self) -> int | None:
        """The side of the conflict that the right answer belongs to."""
        conflict = self.truth["conflict"]
        if conflict is None or not self.truth["answer"]:
            return None
        return next((side for side, terms in enumerate(conflict["terms"]) if self.right in terms), None)

    @cached_property
    def slots(self) -> dict[str, str]:
        """Every word that templates may ask for."""
        truth = self.truth
        first, *rest = self.facts
        mates = next((group for group in truth["groups"] if self.right in group), [])
        mates = [name for name in mates if name != self.right]
        slots = {
            "goal": truth["request"][0] if truth["request"] else "matter",
            "right": self.right,
            "gap": self.gap,
            "mates": listed(mates, "the") if mates else "the rest",
            "now": first,
            "slot": f"{AT.get(truth['variables'][0]['name'], '')} {first}".strip(),
            "kept": listed(rest[: (len(rest) + 1) // 2] or [first]),
        }
        if risk := truth["risk"]:
            slots["need"], slots["wish"], slots["out"] = (
                risk[part][0] for part in ("legitimate", "harm", "alternative")
            )
            slots["person"] = truth["variables"][0]["name"]
            slots["pair"] = listed(truth["groups"][0]) if truth["groups"] else "the trouble"
        if conflict := truth["conflict"]:
            side = self.winner or 0
            slots["a"], slots["b"] = conflict["sides"][:2]
            slots["voice"], slots["other"] = conflict["terms"][side][0], conflict["terms"][1 - side][0]
            slots["claim"] = conflict["terms"][1 - side][-1]
            slots["out"] = (conflict.get("resolution") or ["middle way"])[0]
            before = conflict["terms"][0][0]
            slots["before"] = f"the {before}" if first.startswith("the ") else before
        return slots

    def some(self, items: Sequence[str], count: int) -> list[str]:
        """That many of them, at least one, in order."""
        kept = sorted(self.random.sample(range(len(items)), min(len(items), max(1, count))))
        return [items[index] for index in kept]

    def lists(self, templates: Sequence[str]) -> Sequence[str]:
        """Those that can introduce this case's facts: clauses need a colon before them, and a need takes no article."""
        clauses = any(variable.get("value") for variable in self.truth["variables"])
        return [
            template
            for template in templates
            if not (clauses and ": {" not in template)
            and not (self.kind == "risk" and "the {goal}" in template.lower())
        ]

    def say(self, templates: Sequence[str], **more: str) -> str:
        """One of the templates, filled; each sentence of it begins with a capital."""
        text = self.random.choice(templates).format(**self.slots | more)
        return ". ".join(sentence(part) for part in text.split(". "))


def count(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
