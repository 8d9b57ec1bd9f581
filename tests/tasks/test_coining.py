from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pipeline.tasks.coining import UNFIT, coin, held_out, trained

GPT2 = Path(__file__).parents[2].parent / "shared" / "tokenizers" / "gpt2" / "tokenizer.json"


def coined(count: int, seed: int = 1) -> list[str]:
    random = Random(seed)
    return [coin(random) for _ in range(count)]


def test_coined_words_are_short_many_and_the_same_for_a_seed() -> None:
    words = coined(20_000)
    assert words == coined(20_000)
    assert len(set(words)) > 14_000
    assert {len(word) for word in words} == {3, 4, 5, 6}
    assert not [word for word in words if any(part in word for part in UNFIT)]
    assert all(word.isascii() and word.islower() for word in words)


def test_a_tenth_of_all_words_is_held_out_whatever_the_seed_or_the_casing() -> None:
    words = coined(20_000, seed=2)
    share = sum(map(held_out, words)) / len(words)
    assert 0.08 < share < 0.12
    assert all(held_out(word) != trained(word) for word in words)
    assert all(held_out(word) == held_out(f"{word.capitalize()}.") for word in words[:100])
    out, kept = next(filter(held_out, words)), next(filter(trained, words))
    assert not held_out(f"{out} {kept}") and not trained(f"{out} {kept}"), "mixed texts are on neither side"


@pytest.mark.skipif(not GPT2.is_file(), reason="needs GPT-2's vocabulary")
def test_a_coined_word_has_at_most_four_tokens_of_gpt2() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(GPT2))
    for form in ("{}", " {}"):
        for words in (coined(5000), [word.capitalize() for word in coined(5000)]):
            sizes = [len(found.ids) for found in tokenizer.encode_batch([form.format(word) for word in words])]
            assert max(sizes) <= 4
