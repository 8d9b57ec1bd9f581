import random

import pytest
import torch
from pydantic import ValidationError

from pipeline.training.tiny import Sizes, build, count_parameters
from pipeline.training.tokenizer import train_tokenizer

SIZES = Sizes(width=64, heads=2, head_size=32, feed_forward=64, vocabulary=400, context=256)


@pytest.fixture(scope="module")
def tokenizer():
    words = ["".join(random.Random(n).choices("abcdefgh", k=5)) for n in range(60)]
    return train_tokenizer([" ".join(words)] * 5, 400, 256)


def test_the_seed_alone_decides_the_weights(tokenizer):
    one, same, other = (build(SIZES, tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_building_leaves_the_random_state_alone(tokenizer):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(SIZES, tokenizer, 1)
    assert torch.equal(torch.rand(3), expected)


def test_parameters_are_counted_right(tokenizer):
    model = build(SIZES, tokenizer, 1)
    full = SIZES.model_copy(update={"vocabulary": len(tokenizer)})
    assert model.num_parameters() == count_parameters(full)


def test_an_untrained_model_copies_what_it_never_saw(tokenizer):
    """Twice the same random tokens: the second half follows from the first, and from nothing else."""
    model = build(Sizes(vocabulary=400), tokenizer, 1).eval()
    draw = random.Random(3)
    hits = total = 0
    for _ in range(8):
        once = draw.sample(range(len(tokenizer)), 40)
        ids = torch.tensor([once + once])
        with torch.no_grad():
            said = model(input_ids=ids).logits[0].argmax(-1)
        hits += sum(int(said[at] == ids[0, at + 1]) for at in range(42, 79))
        total += 37
    assert hits / total > 0.8


def test_a_head_too_narrow_for_the_circuit_is_refused():
    with pytest.raises(ValidationError, match="quarter of the width"):
        Sizes(width=256, head_size=32)
