"""The bank: as many problems a category as asked for, no two alike, and the split into train and held-out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import content_hash
from pipeline.tasks.bank import calibration, complexity, conflict, conflict_themes, dialogue, safety
from pipeline.tasks.bank.problem import Problem
from pipeline.tasks.records import CATEGORIES, Category, Prompt

DRAW: dict[Category, tuple[Iterable[str], Callable[[str, Random], Problem]]] = {
    "safety": (safety.THEMES, safety.draw),
    "complexity": (complexity.THEMES, complexity.draw),
    "dialogue": (dialogue.THEMES, dialogue.draw),
    "conflict": (conflict_themes.THEMES, conflict.draw),
    "calibration": (calibration.THEMES, calibration.draw),
}
TRIES = 200


def compose(counts: Mapping[Category, int], seed: int) -> Iterator[Problem]:
    """Category by category, themes in turn. A smaller count yields the first problems of a larger one.

    Raises ConfigError where a category holds too few different problems.
    """
    for category in CATEGORIES:
        themes, draw = DRAW[category]
        order = sorted(themes)
        Random(f"{seed}/{category}").shuffle(order)
        seen: set[str] = set()
        for index in range(counts.get(category, 0)):
            for attempt in range(TRIES):
                problem = draw(order[index % len(order)], Random(f"{seed}/{category}/{index}/{attempt}"))
                if problem.hash not in seen:
                    break
            else:
                raise ConfigError(
                    f"The bank holds too few {category} problems for {counts[category]} of them.",
                    f"After {index} no new one was found in {TRIES} tries.",
                    f"Ask for fewer: --set prompts.{category}={index}",
                )
            seen.add(problem.hash)
            yield problem


def split(prompts: Iterable[Prompt], share: float, seed: int) -> list[Prompt]:
    """The same prompts, in order, with `split` set: of each category that share of its problems is held out, chosen by
    the hash of the problem, so that all rows of one problem stay together. A problem in two categories counts once."""
    prompts = list(prompts)
    owner: dict[str, Category] = {}
    for prompt in prompts:
        owner.setdefault(prompt["problem"], prompt["category"])
    heldout: set[str] = set()
    for category in CATEGORIES:
        problems = [problem for problem, of in owner.items() if of == category]
        problems.sort(key=lambda problem: content_hash([seed, problem]))
        heldout.update(problems[: round(share * len(problems))])
    return [{**prompt, "split": "heldout" if prompt["problem"] in heldout else "train"} for prompt in prompts]
