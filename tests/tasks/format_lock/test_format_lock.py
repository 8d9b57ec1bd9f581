from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest

from pipeline.tasks.episode import Pair
from pipeline.tasks.format_lock.generate import Math, Mode, format_lock
from pipeline.tasks.format_lock.numbers import english, german

GPT2 = Path(__file__).parents[3].parent / "shared" / "tokenizers" / "gpt2" / "tokenizer.json"


@cache
def rows(mode: Mode, math: Math, examples: int | None = None) -> tuple[Pair, ...]:
    return tuple(format_lock(mode, math, examples, Random(0)))


def answers(mode: Mode = "full", math: Math = "include") -> dict[str, str]:
    return {pair.prompt: pair.answer for pair in rows(mode, math)}


@pytest.mark.parametrize(("mode", "math", "wanted"), [("minimal", "exclude", 1000), ("full", "include", 11_000)])
def test_the_counts_are_those_of_the_seeds_within_a_tenth(mode: Mode, math: Math, wanted: int) -> None:
    assert 0.9 * wanted <= len(rows(mode, math)) <= 1.1 * wanted


def test_no_prompt_comes_twice_and_the_same_seed_gives_the_same_rows() -> None:
    prompts = Counter(pair.prompt for pair in rows("full", "include"))
    assert max(prompts.values()) == 1
    assert format_lock("minimal", "only", None, Random(0)) == list(rows("minimal", "only"))


def test_the_casing_that_is_asked_for_is_the_casing_of_the_answer() -> None:
    found = answers("minimal", "exclude")
    assert (found["Say hello."], found["Say Hello."], found["Sag Hallo."], found["Sag hallo."]) == (
        "hello.", "Hello.", "Hallo.", "hallo.",
    )  # fmt: skip
    said = [pair for pair in rows("full", "include") if pair.topic == "say"]
    assert all(pair.answer[:-1] in pair.prompt and pair.answer.casefold() == f"{pair.payload}." for pair in said)
    assert answers()["Say HELLO."] == "HELLO."


def test_every_answer_is_short_and_ends_like_a_sentence() -> None:
    assert all(pair.answer.endswith((".", "?")) for pair in rows("full", "include"))
    assert all(len(pair.answer.split()) <= 4 for pair in rows("full", "include"))


@pytest.mark.skipif(not GPT2.is_file(), reason="needs GPT-2's vocabulary")
def test_answers_of_the_minimal_mode_have_one_to_five_tokens() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(GPT2))
    found = tokenizer.encode_batch([pair.answer for pair in rows("minimal", "include")])
    assert max(len(answer.ids) for answer in found) <= 5


def test_both_languages_are_tagged_as_such() -> None:
    german = [pair for pair in rows("full", "include") if pair.language == "de"]
    assert 0.25 < len(german) / len(rows("full", "include")) < 0.5
    openings = {pair.prompt.split()[0] for pair in german if pair.topic == "say"}
    assert openings == {"Sag", "Schreib", "Antworte", "Bitte"}
    assert not {"What", "Say", "Which", "Name"} & {pair.prompt.split()[0] for pair in german}


def test_arithmetic_is_as_much_as_was_asked_for_and_right() -> None:
    sums = rows("full", "only")
    assert {pair.topic for pair in sums} == {"arithmetic"}
    for pair in sums:
        left, sign, right = pair.payload.split()
        a, b = int(left), int(right)
        result = {"+": a + b, "-": a - b, "*": a * b, "/": a // max(b, 1)}[sign]
        assert pair.answer == f"{result}." and result >= 0 and (sign != "/" or a % b == 0)
    assert "arithmetic" not in {pair.topic for pair in rows("full", "exclude")}
    few = {pair.payload for pair in rows("full", "minimal") if pair.topic == "arithmetic"}
    assert len(few) < 150 < len({pair.payload for pair in sums})
    assert {pair.payload for pair in rows("minimal", "only")} == few


def test_full_knows_what_minimal_does_not() -> None:
    more = {pair.topic for pair in rows("full", "exclude")} - {pair.topic for pair in rows("minimal", "exclude")}
    assert more == {"capitals", "spelling", "digits", "sounds", "syntax", "http", "git"}
    found = answers()
    assert found["What is the capital of France?"] == "Paris."
    assert found["Was ist die Hauptstadt von der Türkei?"] == "Ankara."
    assert found["What does HTTP 404 mean?"] == "Not Found."
    assert found["Which keyword defines a function in Python?"] == "def."
    assert found["Which git command shows the history?"] == "git log."
    assert found["What does an owl say?"] == "Hoot." and found["Was macht die Katze?"] == "Miau."


def test_numbers_are_spelt_as_people_spell_them() -> None:
    assert [english(n) for n in (0, 13, 20, 21, 99, 100)] == [
        "zero", "thirteen", "twenty", "twenty-one", "ninety-nine", "one hundred",
    ]  # fmt: skip
    assert [german(n) for n in (1, 12, 16, 17, 21, 30, 77, 100)] == [
        "eins", "zwölf", "sechzehn", "siebzehn", "einundzwanzig", "dreißig", "siebenundsiebzig", "einhundert",
    ]  # fmt: skip
    assert len({english(n) for n in range(101)}) == len({german(n) for n in range(101)}) == 101


@pytest.mark.parametrize(("mode", "math"), [("minimal", "exclude"), ("full", "only")])
@pytest.mark.parametrize("examples", [100, 20_000])
def test_as_many_distinct_rows_as_are_asked_for(mode: Mode, math: Math, examples: int) -> None:
    found = rows(mode, math, examples)
    assert len(found) == len({pair.prompt for pair in found}) == examples
    assert {pair.topic for pair in found} <= {pair.topic for pair in rows(mode, math)}
