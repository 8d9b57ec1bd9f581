from __future__ import annotations

from collections import Counter
from random import Random
from re import findall
from typing import Any

import pytest

from pipeline.tasks.coining import held_out, trained
from pipeline.tasks.echo.generate import Gibberish, echo
from pipeline.tasks.echo.prefixes import ANTI_ECHO, COMPOSED, ECHO, HELD_OUT, QUESTIONS
from pipeline.tasks.episode import LANGUAGES, Pair
from pipeline.tasks.format_lock.generate import format_lock


def rows(mode: Gibberish, examples: int | None = None, most: int | None = None, **changes: Any) -> list[Pair]:
    settings = {"anti_echo": 0.2, "contrast": 0.2, "templates": "all", "payloads": "all"} | changes
    return echo(mode, examples, most, Random(42), **settings)


@pytest.mark.parametrize(("mode", "most", "wanted"), [("exclude", 2500, 2500), ("only", None, 3500)])
def test_the_counts_are_those_of_the_seeds(mode: Gibberish, most: int | None, wanted: int) -> None:
    found = rows(mode, None, most)
    assert len(found) == len({pair.prompt for pair in found}) == wanted
    assert found == rows(mode, None, most)


def test_there_are_as_many_prefixes_as_the_notes_have() -> None:
    assert (len(set(ECHO["en"])), len(set(ECHO["de"]))) == (43, 34)
    used = {pair.template for pair in rows("exclude", None, 2500)}
    assert used == {*ECHO["en"], *ECHO["de"]}
    assert all(set(HELD_OUT[language]) < set(ECHO[language]) for language in ECHO)
    assert not {"Repeat: {}", "Echo: {}", "Say: {}"} & set(HELD_OUT["en"])


@pytest.mark.parametrize("mode", ["exclude", "include", "only"])
def test_what_follows_the_colon_is_the_answer_as_it_stands(mode: Gibberish) -> None:
    echoed = [pair for pair in rows(mode) if pair.template in {*ECHO["en"], *ECHO["de"]}]
    assert echoed and all(pair.prompt.split(": ", 1)[1] == pair.answer for pair in echoed)
    assert all(pair.payload == pair.answer.casefold() and not pair.fact for pair in echoed)
    assert all((pair.template in ECHO["de"]) == (pair.language == "de") for pair in echoed)


def test_words_phrases_codes_and_sentences_in_several_casings() -> None:
    found = rows("exclude")
    assert {pair.topic for pair in found} == {"word", "phrase", "code", "sentence"}
    words = [pair.answer for pair in found if pair.topic == "word"]
    assert all(any(test(word) for word in words) for test in (str.islower, str.istitle, str.isupper))
    assert all(len(answer.split()) == 1 for answer in words)


def test_gibberish_is_one_to_three_words_and_a_fifth_each_is_not_copied_or_contrasted() -> None:
    found = rows("only")
    topics = Counter(pair.topic for pair in found)
    assert topics == {"gibberish": 2100, "anti_echo": 700, "contrast": 700}
    assert {len(pair.payload.split()) for pair in found} == {1, 2, 3}
    assert {pair.answer for pair in found if pair.topic == "anti_echo"} == {"Okay.", "In Ordnung."}
    assert {pair.template for pair in found if pair.topic == "anti_echo"} == {*ANTI_ECHO["en"], *ANTI_ECHO["de"]}
    asked = [pair.payload for pair in found if pair.template in {*QUESTIONS["en"], *QUESTIONS["de"]}]
    both = [pair.payload for pair in found if pair.topic == "contrast" and pair.payload == pair.answer.casefold()]
    assert len(asked) == 350 and sorted(asked) == sorted(both), "each is echoed once and asked about once"
    assert {pair.source for pair in found} == {"gibberish"}
    assert {pair.topic for pair in rows("only", anti_echo=0, contrast=0)} == {"gibberish"}


def test_included_gibberish_stands_beside_what_people_write() -> None:
    assert Counter(pair.source for pair in rows("include")) == {"echo": 5000, "gibberish": 3500}


def test_fifty_thousand_distinct_rows_mostly_of_new_words() -> None:
    found = rows("only", 50_000, anti_echo=0, contrast=0)
    assert len({pair.prompt for pair in found}) == 50_000
    assert len({pair.payload for pair in found}) > 35_000


@pytest.mark.parametrize("mode", ["exclude", "only"])
def test_what_is_held_out_is_never_trained_on(mode: Gibberish) -> None:
    learnt = rows(mode, 1000, templates="train", payloads="train", anti_echo=0, contrast=0)
    kept = rows(mode, 300, templates="heldout", payloads="heldout", anti_echo=0, contrast=0)
    assert all(map(trained, (pair.payload for pair in learnt))) and all(map(held_out, (p.payload for p in kept)))
    assert not {pair.template for pair in learnt} & {pair.template for pair in kept}
    assert {pair.template for pair in kept} == {*HELD_OUT["en"], *HELD_OUT["de"]}


@pytest.mark.parametrize("mode", ["exclude", "only"])
def test_no_word_that_is_held_out_stands_anywhere_in_the_curriculum(mode: Gibberish) -> None:
    taught = [*format_lock("minimal", "exclude", None, Random(3)), *format_lock("full", "minimal", None, Random(3))]
    taught += rows(mode, 3000, templates="train", payloads="train", composed=True)
    kept = rows(mode, 1000, templates="heldout", payloads="heldout", anti_echo=0, contrast=0)
    seen = set().union(*(_words(pair.prompt) | _words(pair.answer) for pair in taught))
    assert not seen & set().union(*(_words(pair.payload) for pair in kept))


def _words(text: str) -> set[str]:
    """In small letters; the one or two of a code are none."""
    return {word for word in findall(r"[^\W\d_]+", text.casefold()) if len(word) > 2}


def test_composed_prefixes_are_many_and_none_is_held_out() -> None:
    asked = {language: set(texts) for language, texts in COMPOSED.items()}
    assert len(asked["en"]) > 1000 and len(asked["de"]) > 700
    for language in LANGUAGES:
        assert not asked[language] & {*HELD_OUT[language], *ANTI_ECHO[language]}
    found = {row.template for row in rows("only", 4000, templates="train", composed=True, anti_echo=0, contrast=0)}
    assert len(found - {*ECHO["en"], *ECHO["de"]}) > 1000
