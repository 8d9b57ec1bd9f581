from __future__ import annotations

import pytest

from pipeline.tasks.prompted import Answer, sum_up


def answer(given: str, expected: str = "hello.", well_formed: bool = True, name: str = "a") -> Answer:
    return Answer(name, "Say hello.", expected, given, well_formed)


@pytest.mark.parametrize(
    ("given", "exact", "normalised"),
    [("hello.", True, True), ("Hello", False, True), (" hello. ", False, True), ("hallo.", False, False)],
)
def test_exact_is_to_the_letter_and_normalised_is_not(given: str, exact: bool, normalised: bool) -> None:
    assert (answer(given).exact, answer(given).normalised) == (exact, normalised)


@pytest.mark.parametrize(
    ("given", "repeating"),
    [("no no no no", True), ("aaaaaaaaaa", True), ("No, no, no, NO.", True), ("no no no", False), ("1 2 3 4 5", False)],
)
def test_one_word_again_and_again_is_seen(given: str, repeating: bool) -> None:
    assert answer(given).repeating is repeating


def test_what_is_expected_of_nothing_is_in_no_share() -> None:
    told = sum_up([answer("hello."), answer("x", "y"), answer("free", "", well_formed=False)])
    assert (told["prompts"], told["prompts_exact"], told["prompts_expected"]) == (3, 0.5, 2)
    assert told["prompts_distinct"] == 3
    assert told["prompts_malformed"] == pytest.approx(1 / 3)
