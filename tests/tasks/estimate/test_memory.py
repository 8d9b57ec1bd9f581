"""The parts of the estimate against PyTorch's own accounting, on the CPU."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from pipeline.tasks.estimate.memory import (
    CHUNK,
    ENTROPY_CHUNK,
    NF4,
    Estimate,
    Rollout,
    cache_bytes,
    estimate,
    weight_bytes,
)
from pipeline.tasks.estimate.shape import read_shape
from tests.tasks.estimate.tiny import ALL, QWEN3_8B, configured, shape_of, tuned, work

torch = pytest.importorskip("torch")
SOME = frozenset({"q_proj", "v_proj"})


def part(found: Estimate, name: str) -> int:
    return sum(part.bytes for part in found.parts if part.name == name)


def saved(forward: Callable[[], Any], besides: Any) -> int:
    """Bytes that autograd keeps of a forward pass, each storage once, those of parameters and buffers left out."""
    known = {entry.untyped_storage().data_ptr() for entry in [*besides.parameters(), *besides.buffers()]}
    kept: dict[int, Any] = {}

    def pack(tensor: Any) -> Any:
        if tensor.untyped_storage().data_ptr() not in known:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()  # held, so that no address comes twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama"])
@pytest.mark.parametrize(
    ("modules", "changes"),
    [
        (ALL, {}),
        (SOME, {}),
        (ALL, {"length": 64, "rank": 16}),
        (ALL, {"batch": 3}),
        (ALL, {"dropout": True}),
        (ALL, {"bits": 16}),
        (ALL, {"checkpointing": True}),
    ],
)
def test_activations_are_what_autograd_keeps(family: str, modules: frozenset[str], changes: dict[str, Any]) -> None:
    asked = work(modules=modules, **changes)
    config = configured(family, num_hidden_layers=12)
    model = tuned(config, modules, asked.rank, 0.1 if asked.dropout else 0.0)
    if asked.bits == 16:
        for entry in model.parameters():
            entry.data = entry.data if entry.requires_grad else entry.data.to(torch.bfloat16)
    if asked.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    ids = torch.randint(0, 320, (asked.batch, asked.length))
    mask = torch.ones_like(ids)
    if asked.batch > 1:
        mask[1, -5:] = 0

    def forward() -> None:
        with torch.autocast("cpu", torch.bfloat16) if asked.bits == 16 else nullcontext():
            model.get_base_model().model(input_ids=ids, attention_mask=mask, use_cache=False)

    found = estimate(shape_of(config), asked)
    guess = part(found, "layer inputs" if asked.checkpointing else "activations")
    measured = saved(forward, model)
    assert guess == pytest.approx(measured, rel=0.1 if asked.checkpointing else 0.04)


def test_adapter_gradients_and_optimizer_are_what_a_step_leaves() -> None:
    config = configured("qwen3")
    model = tuned(config, ALL)
    trainable = [entry for entry in model.parameters() if entry.requires_grad]
    optimizer = torch.optim.AdamW(trainable)
    model(input_ids=torch.arange(64)[None], labels=torch.arange(64)[None]).loss.backward()
    optimizer.step()
    states = [tensor for state in optimizer.state.values() for tensor in state.values() if tensor.numel() > 1]
    found = estimate(shape_of(config), work())
    assert part(found, "adapter") == sum(entry.nbytes for entry in trainable)
    assert part(found, "gradients") == sum(entry.grad.nbytes for entry in trainable if entry.grad is not None)
    assert part(found, "optimizer") == sum(tensor.nbytes for tensor in states)
    frozen = sum(entry.nbytes for entry in model.parameters() if not entry.requires_grad)
    assert part(found, "weights") == frozen
    assert weight_bytes(shape_of(config), 16) == frozen // 2


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama"])
def test_the_cache_is_as_large_as_the_real_one(family: str) -> None:
    config = configured(family)
    with torch.no_grad():
        cache = tuned(config, ALL)(input_ids=torch.zeros(3, 40, dtype=torch.long), use_cache=True).past_key_values
    real = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert cache_bytes(shape_of(config), work(), 120) == real


def test_chunks_of_logits_are_those_of_trl() -> None:
    sft = pytest.importorskip("trl.trainer.sft_trainer")
    assert sft._CHUNKED_LM_HEAD_CHUNK_SIZE == CHUNK
    assert sft.SFTConfig(output_dir="unused", use_cpu=True, bf16=False).loss_type == "chunked_nll"
    from trl.trainer.utils import entropy_from_logits

    assert inspect.signature(entropy_from_logits).parameters["chunk_size"].default == ENTROPY_CHUNK


def test_nf4_leaves_embeddings_norms_and_biases_in_16_bits() -> None:
    shape = read_shape(QWEN3_8B)
    tables = 2 * 151936 * 4096
    norms = 36 * (2 * 4096 + 2 * 128) + 4096
    assert weight_bytes(shape, 4) == round(NF4 * (8_190_735_360 - tables - norms)) + 2 * (tables + norms)


def test_the_total_is_the_worst_moment_and_not_the_sum() -> None:
    shape = read_shape(QWEN3_8B)
    rollout = Rollout(completions=8, group=4, length=1024, extra_passes=0)
    asked = work(bits=4, rank=16, optimizer="adamw_8bit", checkpointing=True, length=2048, cuda=True)
    update, both = estimate(shape, asked), estimate(shape, work(**{**vars(asked), "rollout": rollout}))
    assert part(both, "key-value cache") == 8 * 2048 * 2 * 36 * 8 * 128 * 2 * 37 // 36
    assert both.peak == "generate"
    assert both.total == max(both.at(moment) for moment in ("generate", "score", "loss", "backward"))
    assert update.total < both.total < sum(part.bytes for part in both.parts)
    assert part(both, "extra forward passes") == 0
