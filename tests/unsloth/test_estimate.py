"""The memory estimate's parts of 4 and 8 bits against the tensors that bitsandbytes has."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tasks.estimate.memory import weight_bytes
from pipeline.training.bits import nf4
from tests.tasks.estimate.tiny import ALL, configured, shape_of, tuned, work


def held(weight: Any) -> int:
    """Bytes of a weight and of what it takes to read it, but for the tables of codes, of one size for any weight."""
    if not hasattr(weight, "quant_state"):
        return int(weight.nbytes)
    state = weight.quant_state
    return int(weight.nbytes + state.absmax.nbytes + state.state2.absmax.nbytes)


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama"])
def test_weights_in_nf4_are_as_large_as_bitsandbytes_has_them(family: str, tmp_path: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    config = configured(family, hidden_size=256, intermediate_size=768)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float32, quantization_config=nf4(torch.float32), device_map={"": "cpu"}
    )
    real = sum(held(weight) for weight in model.parameters())
    assert weight_bytes(shape_of(config), 4, 4) == pytest.approx(real, rel=1e-3)
    assert real < 0.2 * weight_bytes(shape_of(config), 32) + 4 * shape_of(config).rest()


def test_adamw_in_8_bits_has_the_state_that_is_reckoned_with() -> None:
    import torch
    from bitsandbytes.optim import AdamW8bit

    config = configured("qwen3", hidden_size=256, intermediate_size=768, head_dim=64)
    model = tuned(config, ALL, rank=32)  # no weight of fewer than 4096 entries, which it would keep in 32 bits
    trainable = [entry for entry in model.parameters() if entry.requires_grad]
    optimizer = AdamW8bit(trainable)
    model(input_ids=torch.arange(64)[None], labels=torch.arange(64)[None]).loss.backward()
    optimizer.step()
    tables = ("qmap1", "qmap2")  # the same two for all weights
    states = [
        tensor
        for state in optimizer.state.values()
        for name, tensor in state.items()
        if torch.is_tensor(tensor) and tensor.numel() > 1 and name not in tables
    ]
    assert {tensor.dtype for tensor in states} == {torch.uint8, torch.float32}
    real = sum(tensor.nbytes for tensor in states)
    (reckoned,) = (part.bytes for part in _parts(config) if part.name == "optimizer")
    print(f"\nAdamW's state in 8 bits: {reckoned / real - 1:+.2%}")
    assert reckoned == pytest.approx(real, rel=0.03)


def _parts(config: Any) -> Any:
    from pipeline.tasks.estimate.memory import estimate

    return estimate(shape_of(config), work(optimizer="adamw_8bit", rank=32)).parts
