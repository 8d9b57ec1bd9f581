from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unsloth.child import Job, train

WEIGHTS = "adapter_model.safetensors"
SMALL: dict[str, Any] = {
    "max_steps": 6, "epochs": 99.0, "batch_size": 4, "gradient_accumulation": 1, "learning_rate": 1e-2,
    "save_every": 2, "max_seq_length": 512, "lora_dropout": 0.1,
}  # fmt: skip
GRPO: dict[str, Any] = {**SMALL, "max_completion_length": 16, "lora_dropout": 0.0}


@pytest.mark.parametrize("backend", ["unsloth", "standard"])
def test_a_training_over_nf4_goes_on_to_the_same_bytes_in_another_process(
    backend: str, given: dict[str, Path], tmp_path: Path
) -> None:
    """SFT with dropout, so that the random state counts, and GRPO."""
    wide = {"lora_r": 64} if backend == "standard" else {}  # wide enough for AdamW's state in 8 bits, on a CPU too
    settings = {"sft": {**SMALL, **wide, "backend": backend}, "grpo": {**GRPO, **wide, "backend": backend}}
    whole = train(given, *(Job(stage, row, str(tmp_path / "whole" / stage)) for stage, row in settings.items()))
    parts = [Job(stage, row, str(tmp_path / "parts" / stage), stop_at=3) for stage, row in settings.items()]
    stopped = train(given, *parts)
    assert [done.summary for done in stopped] == [None, None]
    if backend == "standard":
        for stage in settings:
            _state_is_in_8_bits(tmp_path / "parts" / stage)
    resumed = train(given, *(Job(job.stage, job.settings, job.out) for job in parts))
    for stage, undisturbed, done in zip(settings, whole, resumed, strict=True):
        assert done.summary is not None and undisturbed.summary is not None
        assert done.summary["backend"] == backend
        assert done.metrics == undisturbed.metrics
        one, other = (tmp_path / kind / stage / WEIGHTS for kind in ("whole", "parts"))
        assert one.read_bytes() == other.read_bytes()


def _state_is_in_8_bits(out: Path) -> None:
    import torch

    (saved,) = sorted((out / "checkpoints").glob("checkpoint-*/optimizer.pt"))[-1:]
    assert torch.uint8 in _kinds(torch.load(saved, weights_only=True)["state"])


def _kinds(state: Any) -> set[Any]:
    """Types of all tensors in the state, which bitsandbytes has in a mapping of its own."""
    if isinstance(state, dict):
        return set().union(*map(_kinds, state.values()))
    return {getattr(state, "dtype", None)}


def test_unsloth_says_that_it_has_no_8_bit_adamw_on_a_cpu(given: dict[str, Path], tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("on a GPU it has")
    (done,) = train(given, Job("sft", {**SMALL, "max_steps": 1, "backend": "unsloth"}, str(tmp_path / "sft")))
    assert done.effective["optimizer"] == {
        "asked": "adamw_8bit", "in_effect": "adamw_torch", "why": "the unsloth backend set it so",
    }  # fmt: skip
