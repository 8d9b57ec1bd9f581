"""Near duplicates: what counts as near, what does not, and that the work stays linear."""

from __future__ import annotations

from random import Random

import pytest

from pipeline.tasks import near as module
from pipeline.tasks.near import Near, near_duplicates, similarity

WORDS = ["".join(Random(i).choices("abcdefghijklmnopqrstuvwxyz", k=3 + i % 7)) for i in range(3000)]


def text(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def changed(random: Random, original: str, words: int) -> str:
    parts = original.split()
    for place in random.sample(range(len(parts)), words):
        parts[place] = random.choice(WORDS)
    return " ".join(parts)


def jaccard(first: str, second: str) -> float:
    """By definition, on texts of plain words."""
    runs = [{part[i : i + 5] for i in range(len(part) - 4)} for part in (first, second)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_similarity_is_the_jaccard_index_exact_for_short_texts_and_close_for_long_ones() -> None:
    random = Random(1)
    for words, tolerance in ((20, 1e-12), (500, 0.1)):
        for replaced in (0, 1, words // 10, words // 3, words):
            first = text(random, words)
            second = changed(random, first, replaced)
            assert similarity(first, second) == pytest.approx(jaccard(first, second), abs=tolerance)


def test_case_spaces_and_punctuation_do_not_count() -> None:
    assert similarity("What is it?\n  Tell me!", "what IS it tell, me") == 1
    assert similarity("Straße", "STRASSE") == 1
    assert similarity("", "  ") == 1 and similarity("", "word") == 0


def test_texts_that_differ_in_a_word_are_found_and_others_are_not() -> None:
    random = Random(2)
    originals = [text(random, 60) for _ in range(300)]
    near = [changed(random, one, 2) for one in originals]
    far = [changed(random, one, 20) for one in originals]
    found = near_duplicates([*originals, *far, *near])
    assert {(first, second - 600) for first, second in found} <= {(i, i) for i in range(300)}
    assert len(found) >= 297


def test_a_chain_goes_back_to_its_first_text() -> None:
    near = Near()
    one = "the first of some long enough sentences about nothing in particular at all"
    assert [near.add(part) for part in (one, one + "!", "something else entirely", one.upper())] == [None, 0, None, 0]
    assert near_duplicates([]) == []


def test_the_threshold_is_honoured() -> None:
    random = Random(3)
    first = text(random, 100)
    second = changed(random, first, 12)
    share = similarity(first, second)
    assert 0.6 < share < 0.8
    assert near_duplicates([first, second], share - 0.01) == [(0, 1)]
    assert near_duplicates([first, second], share + 0.01) == []


@pytest.mark.parametrize("odd", ["", "\ud800", "\x00\x01", "😀" * 50, "字" * 2000, "a"])
def test_any_text_will_do(odd: str) -> None:
    assert near_duplicates([odd, "another text altogether", odd]) == [(0, 2)]


def test_find_names_all_that_are_near_and_keeps_nothing() -> None:
    near, one = Near(), "the first of some long enough sentences about nothing in particular at all"
    other = one.replace("nothing", "anything").replace("first", "last")
    assert [near.add(part) for part in (one, "something else", other)] == [None, None, None]
    assert near.find(one.replace("first", "last")) == [0, 2]
    assert near.find("yet another") == near.find("yet another") == []


def test_a_stock_phrase_in_every_text_does_not_make_it_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    shared = module._shared
    monkeypatch.setattr(module, "_shared", lambda *pair: compared.append(1) or shared(*pair))
    random = Random(4)
    stock = text(random, 60)
    texts = [f"{stock} {text(random, 40)}" for _ in range(3000)]
    assert near_duplicates(texts[:1000]) == []
    few = len(compared)
    assert few > 1000, "the stock phrase makes candidates"
    assert near_duplicates(texts) == []
    assert len(compared) - few < 5 * few, "three times the texts: nine times the work if it were quadratic"
