"""Memory and disk of a full fine-tuning of a GPT-2, part by part, and how many rows at once fit: arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.engine.memory import Device
from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.memory import OVERHEAD, STATE, Optimizer
from pipeline.tasks.estimate.words import gib


@dataclass(frozen=True)
class Work:
    """What is trained, and how."""

    parameters: int
    layers: int
    heads: int
    width: int
    vocabulary: int
    length: int
    """Tokens of the longest row."""
    batch: int
    checkpointing: bool
    optimizer: Optimizer
    cuda: bool


def parts(work: Work) -> dict[str, int]:
    """Name -> bytes at the peak, where the backward pass begins: 32-bit weights, gradients and moments; of each layer
    the activations in 16 bits on a GPU (34 bytes a token and width, fused attention), and the logits.

    Source of the activations: Korthikanti et al., Reducing Activation Recomputation (2022), section 4.1.
    """
    tokens, size = work.batch * work.length, 2 if work.cuda else 4
    layer = 17 * size * tokens * work.width
    kept = 2 * size * tokens * work.width
    layers = kept * work.layers + layer if work.checkpointing else layer * work.layers
    found = {
        "weights": 4 * work.parameters,
        "weights in 16 bits": 2 * work.parameters if work.cuda else 0,
        "gradients": 4 * work.parameters,
        "optimizer": STATE[work.optimizer] * work.parameters,
        "activations": layers,
        "logits": (size + 4 + 4) * tokens * work.vocabulary,
        "CUDA overhead": OVERHEAD if work.cuda else 0,
    }
    return {name: count for name, count in found.items() if count}


def foresee(work: Work, there: Device, kept: bool) -> Iterator[Finding]:
    found = parts(work)
    total = sum(found.values())
    largest = ", ".join(f"{name} {gib(count)}" for name, count in sorted(found.items(), key=lambda part: -part[1])[:4])
    data: Row = {
        "parts": [{"name": name, "bytes": count} for name, count in found.items()],
        "total": total,
        "device": {"name": there.name, "bytes": there.total},
        "fits": total <= there.total,
    }
    text = f"memory: about {gib(total)} of the {gib(there.total)} of {there.name} ({largest})."
    if total <= there.total:
        yield Finding("note", text, data=data)
    else:
        yield Finding("warning", f"{text} It does not fit.", _advise(work, there), data)
    checkpoint = (4 + STATE[work.optimizer]) * work.parameters
    why = "weights and AdamW's state, the last and the best"
    yield disk.tell(
        [
            disk.Space("model", 4 * work.parameters + disk.BESIDE, "32 bits, tokenizer"),
            disk.Space("checkpoints", 2 * checkpoint if kept else 0, why),
            disk.Space("another on the way", checkpoint, "the one before the last", stays=False),
        ]
    )


def _advise(work: Work, there: Device) -> str:
    """Fewer rows at once first, 8 and 6 as the seed has it, then activations computed anew; the block stays."""
    from dataclasses import replace

    sizes = [size for size in (8, 6, 4, 2, 1) if size < work.batch]
    for checkpointing in (work.checkpointing, True):
        for size in sizes if not checkpointing or work.checkpointing else [work.batch, *sizes]:
            if sum(parts(replace(work, batch=size, checkpointing=checkpointing)).values()) <= there.total:
                more = ", gradient_checkpointing = true" if checkpointing and not work.checkpointing else ""
                return f"Set batch_size = {size}{more}; gradient_accumulation keeps the effective batch."
    return "Even one row at once does not fit: take a smaller model, or optimizer = adamw_8bit."
