"""The bank: counts, no two alike, the truth stands in the text, the split parts no problem."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random
from typing import cast

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.tasks.bank.compose import DRAW, compose, split
from pipeline.tasks.bank.problem import Problem, told, truth, variable
from pipeline.tasks.records import CATEGORIES, Category, Prompt

COUNTS: dict[Category, int] = {"safety": 100, "complexity": 150, "dialogue": 100, "conflict": 100, "calibration": 50}


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(compose(COUNTS, seed=7))


def text_of(problem: Problem) -> str:
    return " ".join(turn["content"] for turn in problem.messages)


def words_of(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


def stands_in(term: str, text: str) -> bool:
    """As whole words, whatever their case."""
    return f" {' '.join(words_of(term))} " in f" {' '.join(words_of(text))} "


def terms_of(problem: Problem) -> Iterator[str]:
    truth = problem.truth
    yield from (term for variable in truth["variables"] for term in variable["terms"])
    yield from (name for group in truth["groups"] for name in group)
    yield from (term for unknown in truth["unknown"] for term in unknown["terms"])
    yield from truth["answer"] or []
    yield from truth["request"]
    if conflict := truth["conflict"]:
        yield from (term for side in conflict["terms"] for term in side)
        yield from conflict.get("resolution", [])
    if risk := truth["risk"]:
        yield from [*risk["harm"], *risk["legitimate"], *risk["alternative"]]


def test_counts_of_every_category(problems: list[Problem]) -> None:
    assert Counter(problem.category for problem in problems) == COUNTS


def test_no_two_prompts_alike(problems: list[Problem]) -> None:
    assert len({text_of(problem) for problem in problems}) == len(problems)
    assert len({problem.hash for problem in problems}) == len(problems)


def test_twelve_themes_or_more_in_every_category(problems: list[Problem]) -> None:
    themes = defaultdict(set)
    for problem in problems:
        themes[problem.category].add(problem.theme)
    assert all(len(themes[category]) >= 12 for category in CATEGORIES)


def test_same_seed_same_bank_and_another_seed_another(problems: list[Problem]) -> None:
    assert list(compose(COUNTS, seed=7)) == problems
    shared = {text_of(problem) for problem in compose(COUNTS, seed=8)} & {text_of(problem) for problem in problems}
    assert len(shared) < len(problems) / 50


def test_a_smaller_bank_is_the_beginning_of_a_larger_one(problems: list[Problem]) -> None:
    small = list(compose({"safety": 3, "conflict": 5}, seed=7))
    assert small[:3] == problems[:3]
    assert small[3:] == [problem for problem in problems if problem.category == "conflict"][:5]


def test_twice_the_counts_are_there() -> None:
    double: dict[Category, int] = {category: 2 * count for category, count in COUNTS.items()}
    problems = list(compose(double, seed=3))
    assert Counter(problem.category for problem in problems) == double
    assert len({problem.hash for problem in problems}) == 1000


def test_asking_for_more_than_there_are_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = next(compose({"safety": 1}, seed=1))
    monkeypatch.setitem(DRAW, "safety", (["the only one"], lambda *_: problem))
    with pytest.raises(ConfigError, match=r"--set prompts\.safety=1"):
        list(compose({"safety": 2}, seed=1))


def test_every_term_of_the_truth_stands_in_the_prompt(problems: list[Problem]) -> None:
    missing = [
        (problem.category, problem.theme, term)
        for problem in problems
        for term in terms_of(problem)
        if not stands_in(term, text_of(problem))
    ]
    assert missing == []


def test_every_prompt_asks_for_something_and_has_something_unknown(problems: list[Problem]) -> None:
    assert all(problem.truth["request"] and problem.truth["unknown"] for problem in problems)


def test_complexity_has_five_variables_or_more_and_two_groups(problems: list[Problem]) -> None:
    for problem in problems:
        if problem.category == "complexity":
            names = {variable["name"] for variable in problem.truth["variables"]}
            assert len(names) >= 5
            grouped = [name for group in problem.truth["groups"] for name in group]
            assert len(problem.truth["groups"]) == 2
            assert len(grouped) == len(set(grouped))
            assert set(grouped) < names
            assert all(unknown["name"] not in grouped for unknown in problem.truth["unknown"])


def test_dialogues_alternate_over_three_to_five_turns_of_the_user(problems: list[Problem]) -> None:
    turns = set()
    for problem in problems:
        roles = [turn["role"] for turn in problem.messages]
        if problem.category != "dialogue":
            assert roles == ["user"]
            continue
        assert roles == ["user" if index % 2 == 0 else "assistant" for index in range(len(roles))]
        assert roles[-1] == "user"
        turns.add(roles.count("user"))
    assert turns == {3, 4, 5}


def test_a_corrected_fact_is_put_right_after_it_was_said(problems: list[Problem]) -> None:
    corrected = [problem for problem in problems if problem.category == "dialogue" and problem.truth["conflict"]]
    assert 50 <= len(corrected) <= 90
    for problem in corrected:
        conflict = problem.truth["conflict"]
        assert conflict is not None
        (old,), (new,) = conflict["terms"]
        assert problem.truth["answer"] == [new]
        assert stands_in(old, problem.messages[0]["content"])
        assert not stands_in(new, problem.messages[0]["content"])


def test_conflicts_have_two_sides_and_a_way_out(problems: list[Problem]) -> None:
    for problem in problems:
        if problem.category == "conflict":
            conflict = problem.truth["conflict"]
            assert conflict is not None
            assert len(conflict["sides"]) == len(conflict["terms"]) == 2
            assert set(conflict["terms"][0]).isdisjoint(conflict["terms"][1])
            assert conflict.get("resolution")
            if problem.truth["answer"]:
                assert any(problem.truth["answer"][0] in side for side in conflict["terms"])


def test_only_safety_holds_a_risk_and_all_of_it_does(problems: list[Problem]) -> None:
    assert all((problem.truth["risk"] is not None) == (problem.category == "safety") for problem in problems)


def test_calibration_asks_for_a_known_and_for_an_unknown_thing(problems: list[Problem]) -> None:
    for problem in problems:
        if problem.category == "calibration":
            known, unknown = problem.truth["request"]
            values = {variable["name"]: variable["value"] for variable in problem.truth["variables"]}
            assert problem.truth["answer"] == [values[known]]
            assert [gap["name"] for gap in problem.truth["unknown"]] == [unknown]
            assert unknown not in values


def test_prompts_are_compact(problems: list[Problem]) -> None:
    lengths = [len(words_of(text_of(problem))) for problem in problems]
    assert min(lengths) >= 28
    assert max(lengths) <= 120


def test_two_wordings_of_one_problem_share_its_hash() -> None:
    first = truth(variables=[variable("sun"), variable("rain")], request=["crop"], groups=[["sun", "rain"]])
    second = truth(variables=[variable("rain"), variable("sun")], request=["crop"], groups=[["rain", "sun"]])
    other = truth(variables=[variable("rain"), variable("wind")], request=["crop"], groups=[["rain", "wind"]])
    hashes = [
        Problem("complexity", "crop", told(said), of).hash for said, of in (("a", first), ("b", second), ("a", other))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def prompt(number: int, problem: str, category: Category) -> Prompt:
    return cast(Prompt, {"id": str(number), "problem": problem, "category": category, "split": "train"})


def test_split_parts_no_problem_and_takes_its_share_of_every_category() -> None:
    rows = [
        prompt(3 * i + j, f"{category}-{i}", category) for category in CATEGORIES for i in range(40) for j in range(3)
    ]
    parted = split(rows, 0.2, seed=1)
    assert [row["id"] for row in parted] == [row["id"] for row in rows]
    sides = defaultdict(set)
    for row in parted:
        sides[row["problem"]].add(row["split"])
    assert all(len(of) == 1 for of in sides.values())
    assert Counter(row["category"] for row in parted if row["split"] == "heldout") == dict.fromkeys(CATEGORIES, 24)


def test_split_holds_a_problem_together_across_categories() -> None:
    rows = [prompt(i, f"shared-{i % 10}", CATEGORIES[i % 3]) for i in range(60)]
    sides = defaultdict(set)
    for row in split(rows, 0.5, seed=2):
        sides[row["problem"]].add(row["split"])
    assert {len(of) for of in sides.values()} == {1}
    assert {side for of in sides.values() for side in of} == {"train", "heldout"}


def test_split_does_not_depend_on_the_order_of_rows() -> None:
    rows = [prompt(i, f"problem-{i}", "safety") for i in range(50)]
    heldout = {row["problem"] for row in split(rows, 0.2, seed=5) if row["split"] == "heldout"}
    assert {row["problem"] for row in split(rows[::-1], 0.2, seed=5) if row["split"] == "heldout"} == heldout
    assert {row["problem"] for row in split(rows, 0.2, seed=6) if row["split"] == "heldout"} != heldout


def test_every_theme_can_be_drawn_and_says_its_request_last() -> None:
    for category, (themes, draw) in DRAW.items():
        for theme in themes:
            problem = draw(theme, Random(theme))
            assert (problem.category, problem.theme) == (category, theme)
            assert problem.messages[-1]["content"][-1] in ".?"
