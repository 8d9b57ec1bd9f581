"""The rungs of the ladder: what comes down in which order, the effective batch and whole groups kept on each."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.engine.rows import Row
from pipeline.training.rungs import Lengths, Rung, next_rung
from pipeline.training.settings import GRPOSettings, TrainerSettings


def descent(config: TrainerSettings, lengths: Lengths | None = None, never: tuple[str, ...] = ()) -> list[str]:
    """Every rung from the first to the last; each must leave valid settings and the effective batch as it was."""
    taken: list[Rung] = []
    while rung := next_rung(config, taken, lengths, never):
        taken.append(rung)
        values = {setting: value for setting, (_, value) in rung.changes.items()}
        below = type(config).model_validate({**config.model_dump(), **values})
        assert below.step_size == config.step_size and below != config
        config = below
        if lengths and "max_seq_length" in values:
            lengths = Lengths(lengths.shortest, values["max_seq_length"])
    return [str(rung) for rung in taken]


def test_sft_goes_down_to_one_row_then_to_checkpointing_then_to_shorter_sequences() -> None:
    config = TrainerSettings(batch_size=4, gradient_accumulation=2, gradient_checkpointing=False)
    assert descent(config, Lengths(20, 900)) == [
        "batch_size 4 -> 2, gradient_accumulation 2 -> 4",
        "batch_size 2 -> 1, gradient_accumulation 4 -> 8",
        "gradient_checkpointing False -> True",
        "max_seq_length 2048 -> 450",
        "max_seq_length 450 -> 225",
    ]
    assert descent(TrainerSettings(), Lengths(600, 900)) == ["max_seq_length 2048 -> 600"], "a row must be left"
    assert descent(TrainerSettings(), Lengths(600, 600)) == []
    assert descent(TrainerSettings(), Lengths(20, 900), never=("max_seq_length",)) == []


def test_a_batch_goes_down_by_whole_factors() -> None:
    config = TrainerSettings(batch_size=15, gradient_accumulation=2)
    assert descent(config) == [
        "batch_size 15 -> 5, gradient_accumulation 2 -> 6",
        "batch_size 5 -> 1, gradient_accumulation 6 -> 30",
    ]


def test_grpo_goes_down_with_whole_groups_on_every_rung() -> None:
    config = GRPOSettings(batch_size=2, gradient_accumulation=8, gradient_checkpointing=False)
    assert descent(config) == [
        "batch_size 2 -> 1, gradient_accumulation 8 -> 16",
        "gradient_checkpointing False -> True",
        "generation_parts 1 -> 2",
        "generation_parts 2 -> 4",
        "max_completion_length 1024 -> 512",
        "max_completion_length 512 -> 256",
        "num_generations 4 -> 2",
        "generation_parts 4 -> 8",
    ]
    reused = descent(GRPOSettings(num_iterations=2))
    assert not any("generation_parts" in rung for rung in reused) and reused[-1] == "num_generations 4 -> 2"
    assert not any("generation_parts" in rung for rung in descent(GRPOSettings(scale_rewards="batch")))
    assert descent(GRPOSettings(num_generations=8, num_iterations=2))[-2:] == [
        "num_generations 8 -> 4", "num_generations 4 -> 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"generation_parts": 3}, "not a multiple"),
        ({"generation_parts": 4}, "whole groups"),
        ({"generation_parts": 2, "num_iterations": 2}, "drawn at once"),
    ],
)
def test_parts_that_break_the_arithmetic_of_groups_are_refused(asked: Row, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        GRPOSettings.model_validate(asked)
