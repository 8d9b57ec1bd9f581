from __future__ import annotations

import pytest


def test_ties_on_numbers_worked_out_by_hand() -> None:
    import torch

    from pipeline.training.deltas import combine

    first = torch.tensor([[4.0, -1.0, 2.0], [0.5, -3.0, 0.1]])
    second = torch.tensor([[2.0, 3.0, -5.0], [0.2, -1.0, 0.3]])
    # Half of six entries each: [4 . 2 | . -3 .] and [2 3 -5 | . . .] with -1 beyond the third of the second.
    # Elected signs: + + - | . - . and the mean of what agrees: (4+2)/2, 3, -5, nothing, -3, nothing.
    expected = torch.tensor([[3.0, 3.0, -5.0], [0.0, -3.0, 0.0]])
    assert torch.equal(combine([first, second], "ties", 0.5, 0), expected)
    # The second three times as heavy, and negative: [4 . 2 | . -3 .] and [-6 -9 15 | . . .].
    turned = torch.tensor([[-6.0, -9.0, 8.5], [0.0, -3.0, 0.0]])
    assert torch.equal(combine([first, -3 * second], "ties", 0.5, 0), turned)
    assert torch.equal(combine([first, second], "linear", 0.5, 0), first + second)


def test_dare_keeps_a_share_and_scales_it_up() -> None:
    import torch

    from pipeline.training.deltas import combine

    drawn = combine([torch.ones(200, 200)], "dare_ties", 0.25, 7)
    assert set(drawn.unique().tolist()) == {0.0, 4.0}
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.05)
    before = torch.random.get_rng_state()
    assert torch.equal(drawn, combine([torch.ones(200, 200)], "dare_ties", 0.25, 7))
    assert torch.equal(before, torch.random.get_rng_state())
