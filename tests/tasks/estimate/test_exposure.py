from __future__ import annotations

import random

import pytest

from pipeline.stages import grpo, sft
from pipeline.tasks.estimate import exposure
from pipeline.training import grpo as grpo_training
from pipeline.training import sft as sft_training


@pytest.mark.parametrize(("rows", "batch", "accumulation"), [(14, 2, 2), (16, 2, 4), (7, 3, 2), (1, 4, 8)])
def test_whole_epochs_see_every_row_once_each(rows: int, batch: int, accumulation: int) -> None:
    config = sft.Config(epochs=3, batch_size=batch, gradient_accumulation=accumulation)
    steps = sft_training.steps(config, rows)
    assert exposure.seen_in(steps, rows, batch, accumulation) == 3 * rows


def test_a_training_that_ends_early_says_how_much_is_never_seen() -> None:
    found = exposure.of_rows([10] * 100, [4] * 100, steps=5, batch=2, accumulation=5)
    told = found.data["exposures"]
    assert (told["each"], told["batch"], told["tokens"], told["loss_tokens"]) == (0.5, 10, 500, 200)
    assert "50% of them are never seen: raise max_steps, or leave it 0, to see all" in found.text
    of_a_gpt = exposure.of_rows([10] * 100, [4] * 100, 5, 2, 5, "max_iters").text
    assert "raise max_iters to see all" in of_a_gpt
    assert "never seen" not in exposure.of_rows([10] * 100, [4] * 100, steps=10, batch=2, accumulation=5).text


def test_prompts_are_seen_as_often_as_the_trainer_lays_them_out() -> None:
    config = grpo.Config(epochs=2, batch_size=2, gradient_accumulation=6, num_generations=4, num_iterations=2)
    steps = grpo_training.steps(config, 9)
    found = exposure.of_prompts(9, steps, 2, config.prompts_per_step, 4, 100).data["exposures"]
    places = grpo_training.order(9, steps // 2 * config.prompts_per_step, 7)
    assert steps == 12 and found["each"] == len(places) / 9 == 2
    assert found["completions"] == 4 * len(places)
    assert found["tokens_at_most"] == 100 * found["completions"]


def test_lengths_tell_what_would_lose_none_and_what_one_in_twenty() -> None:
    lengths = list(range(1, 101))
    random.Random(0).shuffle(lengths)
    found = exposure.of_lengths("examples", lengths, 90)
    assert found.level == "warning"
    assert found.data["lengths"] == {
        "median": 51, "p95": 95, "longest": 100, "max_seq_length": 90, "too_long": 10, "fully_masked": 0,
    }  # fmt: skip
    assert "max_seq_length = 100 would lose none, 95 one in twenty" in found.mend
    assert exposure.of_lengths("examples", lengths, 99).level == "note", "one in a hundred is no warning"
    whole = exposure.of_lengths("examples", lengths, 100)
    assert (whole.level, whole.mend) == ("note", "")
