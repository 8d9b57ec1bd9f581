"""Prompts beyond the bank: what a provider is asked for, theme by theme, and how its reply is read.

Variety comes from who is to speak, where, and how, drawn from the seed: the same seed asks the same questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import content_hash
from pipeline.tasks.bank.compose import DRAW
from pipeline.tasks.board.language import control_tokens, refuses
from pipeline.tasks.expansion_texts import BRIEFS, DIALOGUES, LINES, MANNERS, PEOPLE, PLACES
from pipeline.tasks.near import Near
from pipeline.tasks.records import CATEGORIES, Category, Message, Prompt

SHORTEST, LONGEST = 40, 4000
"""Letters of a prompt; of a dialogue, of all its turns."""
TURNS = (5, 7, 9)
"""Of a dialogue with three to five user's turns."""


@dataclass(frozen=True)
class Wish:
    """One request for several prompts of a theme."""

    category: Category
    theme: str
    number: int
    """Counts the wishes of a category; two of one theme differ in who is to speak."""
    count: int

    @property
    def id(self) -> str:
        return f"{self.category}/{self.number:04d}"


def wishes(category: Category, missing: int, at_once: int, first: int, seed: int) -> list[Wish]:
    """As many as `missing` prompts take, `at_once` each, numbered from `first`, the category's themes in turn."""
    themes = sorted(DRAW[category][0])
    Random(f"{seed}/expansion/{category}").shuffle(themes)
    counts = [min(at_once, missing - done) for done in range(0, missing, at_once)]
    turn = islice(cycle(themes), first, first + len(counts))
    return [Wish(category, theme, first + index, counts[index]) for index, theme in enumerate(turn)]


def instruct(wish: Wish, seed: int) -> str:
    """The user's turn that asks for a wish."""
    random = Random(f"{seed}/{wish.id}/{wish.theme}")
    pairs = zip(random.sample(PEOPLE, wish.count), random.sample(PLACES, wish.count), strict=True)
    who = [f"{place}. {one}, {where}; {random.choice(MANNERS)}" for place, (one, where) in enumerate(pairs, 1)]
    what = "dialogues" if wish.category == "dialogue" else "requests"
    return "\n\n".join(
        [
            f"Write {wish.count} {what} about the theme: {wish.theme}.",
            BRIEFS[wish.category],
            "One from each of these people, in this order:\n" + "\n".join(who),
            "No two of them share a situation, a figure or their first words. The person need not say who they are.",
            DIALOGUES if wish.category == "dialogue" else LINES,
        ]
    )


def schema(category: Category) -> dict[str, Any]:
    """The JSON schema of the reply: strings, or for dialogues lists of turns."""
    line: dict[str, Any] = {"type": "string"}
    item = {"type": "array", "items": line} if category == "dialogue" else line
    return {
        "type": "object",
        "properties": {"prompts": {"type": "array", "items": item}},
        "required": ["prompts"],
        "additionalProperties": False,
    }


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Lines(_Reply):
    prompts: list[str]


class _Dialogues(_Reply):
    prompts: list[list[str]]


def read(text: str, category: Category) -> tuple[list[list[Message]], int]:
    """The prompts of a reply that are fit for use, and how many were not.

    Raises Quarantined: "blocked" for a refusal in words, "invalid" where the reply does not follow the schema or
    nothing in it is fit.
    """
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):  # servers without schemas wrap JSON so
        text = text.removeprefix("```json").strip("`")
    try:
        if category == "dialogue":
            items = _Dialogues.model_validate_json(text).prompts
        else:
            items = [[line] for line in _Lines.model_validate_json(text).prompts]
    except ValidationError as error:
        if refuses(text):
            raise Quarantined("blocked", "refused in words", text) from None
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise Quarantined("invalid", f"{place}: {fault['msg']}".removeprefix(": "), text) from None
    fit = [_messages(turns) for turns in items if _is_fit(turns, category)]
    if not fit:
        raise Quarantined("invalid", f"none of its {len(items)} prompts is fit for use", text)
    return fit, len(items) - len(fit)


def _is_fit(turns: list[str], category: Category) -> bool:
    whole = "".join(turns)
    return (
        len(turns) in (TURNS if category == "dialogue" else (1,))
        and all(turn.strip() for turn in turns)
        and SHORTEST <= len(whole.strip()) <= LONGEST
        and not control_tokens(whole)  # it could not be learnt from
        and not refuses(turns[0])
    )


def _messages(turns: list[str]) -> list[Message]:
    return [{"role": "assistant" if index % 2 else "user", "content": turn.strip()} for index, turn in enumerate(turns)]


class Filling:
    """Categories on their way to a number of new prompts each, none near another or one of the bank."""

    def __init__(self, bank: Iterable[Prompt], wanted: Mapping[Category, int], at_once: int, seed: int) -> None:
        self.taken: dict[Category, list[Prompt]] = {category: [] for category in CATEGORIES}
        self.near = 0
        """Prompts left out because one like them is there."""
        self.unfit = 0
        self._wanted, self._at_once, self._seed = wanted, at_once, seed
        self._asked = Counter[Category]()
        self._near = Near()
        for prompt in bank:
            self._near.add(_text(prompt["messages"]))

    def missing(self) -> dict[Category, int]:
        """How many each category still lacks; those that are full are left out."""
        gaps = {category: self._wanted.get(category, 0) - len(taken) for category, taken in self.taken.items()}
        return {category: gap for category, gap in gaps.items() if gap > 0}

    def wishes(self) -> list[Wish]:
        """What to ask for next, for all categories; none twice."""
        asked = []
        for category, gap in self.missing().items():
            some = wishes(category, gap, self._at_once, self._asked[category], self._seed)
            self._asked[category] += len(some)
            asked += some
        return asked

    def take(self, category: Category, theme: str, prompts: Iterable[list[Message]], unfit: int) -> None:
        """Add what a reply holds, as far as it is new and there is room."""
        self.unfit += unfit
        taken = self.taken[category]
        for messages in prompts:
            if len(taken) >= self._wanted[category]:
                return
            if self._near.add(_text(messages)) is not None:
                self.near += 1
                continue
            said = [[turn["role"], " ".join(turn["content"].lower().split())] for turn in messages]
            taken.append(
                {
                    "id": "",
                    "category": category,
                    "theme": theme,
                    "problem": content_hash(said)[:16],
                    "split": "train",
                    "messages": messages,
                    "truth": None,
                    "source": "provider",
                }
            )


def _text(messages: Iterable[Message]) -> str:
    return "\n".join(turn["content"] for turn in messages)
