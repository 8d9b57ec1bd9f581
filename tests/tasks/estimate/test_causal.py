from __future__ import annotations

from dataclasses import replace

from pipeline.engine.memory import Device
from pipeline.tasks.estimate.causal import Work, foresee, parts

SMALL = Work(1000, 2, 2, 8, 64, 16, batch=10, checkpointing=False, optimizer="adamw_torch", cuda=True)
LARGE = Work(695_000_000, 32, 20, 1280, 50304, 1024, 10, checkpointing=False, optimizer="adamw_torch", cuda=True)


def test_weights_gradients_and_moments_are_16_bytes_a_parameter() -> None:
    found = parts(replace(SMALL, cuda=False))
    assert found["weights"] + found["gradients"] + found["optimizer"] == 16 * SMALL.parameters
    assert parts(SMALL)["weights in 16 bits"] == 2 * SMALL.parameters


def test_activations_grow_with_rows_and_layers_and_shrink_when_they_are_computed_anew() -> None:
    once = parts(SMALL)["activations"]
    assert parts(replace(SMALL, batch=20))["activations"] == 2 * once
    assert parts(replace(SMALL, layers=4))["activations"] == 2 * once
    assert parts(replace(LARGE, checkpointing=True))["activations"] < parts(LARGE)["activations"] / 5


def test_what_does_not_fit_is_told_with_the_batch_that_does() -> None:
    memory = next(iter(foresee(LARGE, Device("GPU", 24 * 2**30, True), kept=True)))
    assert memory.level == "warning" and "does not fit" in memory.text
    assert "batch_size = " in memory.mend and "effective batch" in memory.mend
    assert next(iter(foresee(LARGE, Device("GPU", 141 * 2**30, True), kept=True))).level == "note"
    tiny = next(iter(foresee(LARGE, Device("GPU", 8 * 2**30, True), kept=True)))
    assert "smaller model" in tiny.mend
