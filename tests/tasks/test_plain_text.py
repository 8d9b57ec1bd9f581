from random import Random

import pytest

from pipeline.tasks.bank.compose import compose, split
from pipeline.tasks.plain_text import CLOSE, KINDS, MANY, OPEN, WEIGHTS, document, exercise, gather


@pytest.fixture(scope="module")
def prompts():
    counts = {"safety": 20, "complexity": 20, "dialogue": 20, "conflict": 20, "calibration": 20}
    return split(
        [
            {"id": str(number), "category": made.category, "theme": made.theme, "problem": made.hash,
             "split": "train", "messages": made.messages, "truth": made.truth}
            for number, made in enumerate(compose(counts, 3))
        ],
        0.2,
        3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(prompts):
    return gather(prompts)


def test_the_same_seed_yields_the_same_documents(source):
    def some(seed):
        random = Random(seed)
        return [document(random, source) for _ in range(100)]

    assert some("a") == some("a")
    assert some("a") != some("b")


def test_what_counts_as_copied_stands_further_up(source):
    random = Random("copied")
    for _ in range(300):
        made = exercise(random, source)
        for start, end in made.copied:
            word = made.text[start:end]
            assert word and word in made.text[:start], (word, made.text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_leaves_no_marks(source, kind):
    random = Random(kind.__name__)
    given, recall = kind(random, source)
    assert given
    assert (given + recall).count(OPEN) == (given + recall).count(CLOSE)
    assert WEIGHTS[KINDS.index(kind)] > 0
    for _ in range(50):
        text = document(random, source).text
        assert OPEN not in text and CLOSE not in text and "{}" not in text


def test_chats_hold_whole_turns_and_thoughts(source):
    random = Random("chats")
    chats = [text for text in (document(random, source).text for _ in range(400)) if "<|im_start|>" in text]
    assert 60 < len(chats) < 200
    assert any("<think>" in text for text in chats) and any("<think>" not in text for text in chats)
    for text in chats:
        assert text.count("<|im_start|>") == text.count("<|im_end|>") == 2
        assert text.count("<think>") == text.count("</think>") <= 1


def test_held_out_prompts_are_passed_over(prompts, source):
    told = {message["content"] for prompt in prompts if prompt["split"] == "heldout" for message in prompt["messages"]}
    users = set(source.prompts)
    assert len(users) == sum(prompt["split"] == "train" for prompt in prompts)
    assert not told & users


def test_without_prompts_there_is_plain_text_too():
    source = gather([])
    random = Random("alone")
    assert len(source.nouns) >= MANY
    assert all(document(random, source).text.strip() for _ in range(200))
