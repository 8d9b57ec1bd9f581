from __future__ import annotations

import numpy as np
import pytest

from pipeline.engine.errors import DataError
from pipeline.gpt.encoding import Encoder, preview
from pipeline.gpt.tokens import END, loss_mask, render
from tests.gpt.tokenizer import tiny_tokenizer

Said = list[dict[str, str]]


def said(user: str, assistant: str, system: str = "s") -> Said:
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
        {"role": "assistant", "content": assistant},
    ]


def test_a_batch_has_the_ids_of_each_rendered_text_and_its_mask() -> None:
    tokenizer = tiny_tokenizer()
    encoder = Encoder(tokenizer, 64)
    batch = [said("hé", "b c"), said("hé", "ddd"), said("x", "hé")]
    found = encoder.conversations(batch)
    whole = [tokenizer.encode(render(messages)).ids for messages in batch]
    assert found.tokens.tolist() == [number for ids in whole for number in ids]
    assert found.lengths.tolist() == [len(ids) for ids in whole] and found.cut == 0
    assert found.mask.tolist() == loss_mask(found.tokens, encoder.tags).tolist()
    assert (found.tokens.dtype, found.mask.dtype) == (np.uint32, np.uint8)


def test_many_texts_at_once_are_encoded_as_each_alone() -> None:
    tokenizer = tiny_tokenizer()
    texts = [f"text {number} é" for number in range(200)]
    batch = [said(text, f"{text}!") for text in texts]
    found = Encoder(tokenizer, 99).conversations(batch)
    assert found.tokens.tolist() == [n for messages in batch for n in tokenizer.encode(render(messages)).ids]


def test_a_long_episode_keeps_its_last_tokens_and_is_counted() -> None:
    tokenizer = tiny_tokenizer()
    short, long = said("a", "b"), said("a" * 30, "end")
    whole = Encoder(tokenizer, 64).conversations([long, short, long])
    found = Encoder(tokenizer, 16).conversations([long, short, long])
    assert found.cut == 2 and found.lengths.tolist() == [16, 10, 16]
    first = int(whole.lengths[0])
    assert found.tokens[:16].tolist() == whole.tokens[first - 16 : first].tolist()
    assert found.mask[:16].tolist() == whole.mask[first - 16 : first].tolist(), "the mask is that of the whole episode"
    assert found.tokens[16:26].tolist() == whole.tokens[first : first + 10].tolist()
    inside = Encoder(tokenizer, 16).conversations([said("a", "b" * 30)])
    assert inside.mask.tolist() == [1] * 16


def test_plain_text_is_parted_into_blocks_and_learnt_whole() -> None:
    tokenizer = tiny_tokenizer()
    encoder = Encoder(tokenizer, 8)
    parts = ["one two ", "three", " four five"]
    found = list(encoder.text(parts))
    ids = [number for part in found for number in part.tokens.tolist()]
    assert ids == [*tokenizer.encode("".join(parts)).ids, tokenizer.token_to_id(END)]
    lengths = [length for part in found for length in part.lengths.tolist()]
    assert set(lengths[:-1]) == {8} and 0 < lengths[-1] <= 8
    assert all(part.mask.all() for part in found)
    with pytest.raises(DataError, match="which only a tag may"):
        list(encoder.text(["a <myPT_user> b"]))
    assert [part.tokens.tolist() for part in encoder.text([])] == [[tokenizer.token_to_id(END)]]


def test_the_preview_shows_every_token_with_its_mask() -> None:
    encoder = Encoder(tiny_tokenizer(), 64)
    found = encoder.conversations([said("u", "a")])
    assert [(mask, text) for _, mask, text in preview(encoder.tokenizer, found.tokens, found.mask)] == [
        (0, "<myPT_system>"), (0, "s"), (0, "</myPT_system>"), (0, "<myPT_user>"), (0, "u"), (0, "</myPT_user>"),
        (0, "<myPT_assistant>"), (1, "a"), (1, "</myPT_assistant>"), (1, "<myPT_eot/>"),
    ]  # fmt: skip


def test_tokens_of_a_word_are_counted() -> None:
    assert Encoder(tiny_tokenizer(), 64).fertility(["abc", "abc", "defgh"]) == {
        "words": 2, "mean": 5.0, "most": 6, "above_four": 1,
    }  # fmt: skip
