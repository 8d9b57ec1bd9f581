"""What a training step needs of memory, part by part, from the shape of the model and the settings: arithmetic alone.

The trainer that is reckoned with is Hugging Face with PEFT and TRL: Unsloth needs less. All figures in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.tasks.estimate.shape import Shape

Optimizer = Literal["adamw_torch", "adamw_8bit"]
STATE: dict[Optimizer, int] = {"adamw_torch": 8, "adamw_8bit": 2}
"""Bytes of an optimizer's state for a parameter: two moments, in 32 bits or in 8."""
Moment = Literal["generate", "score", "loss", "backward"]
MOMENTS: tuple[Moment, ...] = ("generate", "score", "loss", "backward")
UPDATE: tuple[Moment, ...] = ("loss", "backward")
OVERHEAD = 2**30
"""CUDA's context, cuBLAS' workspace and what the allocator loses to gaps; stated, not measured."""
NF4 = 1 / 2 + 1 / 64 + 4 / (64 * 256)
"""Bytes a weight: 4 bits, an 8-bit constant for 64 weights, a 32-bit one for 256 of those constants.
Source: Dettmers et al., QLoRA (2023), section 3, with the block sizes that bitsandbytes has."""
CHUNK = 256
"""Tokens whose logits TRL's SFT (`chunked_nll`) has at once."""
ENTROPY_CHUNK = 128
"""Tokens whose entropy TRL's GRPO takes at once."""


@dataclass(frozen=True)
class Rollout:
    """What GRPO has beside an update."""

    completions: int
    """Written at once, all those of an optimizer step."""
    group: int
    """Those that answer one prompt."""
    length: int
    """Longest completion in tokens."""
    extra_passes: int
    """Forward passes beside the update's: for the old policy's probabilities, for the reference's."""


@dataclass(frozen=True)
class Work:
    """What is asked of the machine."""

    bits: Literal[4, 16, 32]
    """Of the frozen weights; products are in 16 bits for 16, and for 4 on a GPU."""
    rank: int
    modules: frozenset[str]
    dropout: bool
    optimizer: Optimizer
    checkpointing: bool
    batch: int
    """Sequences in a micro-batch."""
    length: int
    """Tokens in a sequence, prompt and answer."""
    rollout: Rollout | None = None
    cuda: bool = True

    @property
    def product(self) -> int:
        """Bytes of a number in products, and of the weights that NF4 leaves alone."""
        return 4 if self.bits == 32 or (self.bits == 4 and not self.cuda) else 2

    @property
    def padded(self) -> bool:
        """Whether sequences are padded to one length, GRPO's before they are dealt out to micro-batches."""
        return self.batch > 1 or self.rollout is not None


@dataclass(frozen=True)
class Part:
    name: str
    bytes: int
    assumption: str
    moments: tuple[Moment, ...] = MOMENTS
    """When it is there."""


@dataclass(frozen=True)
class Estimate:
    parts: tuple[Part, ...]

    def at(self, moment: Moment) -> int:
        return sum(part.bytes for part in self.parts if moment in part.moments)

    @property
    def peak(self) -> Moment:
        """The moment that needs most."""
        return max(MOMENTS, key=self.at)

    @property
    def total(self) -> int:
        """Bytes at the peak; less than the sum of the parts, not all of which are there at once."""
        return self.at(self.peak)


def estimate(shape: Shape, work: Work) -> Estimate:
    parts = [*_held(shape, work), *_activations(shape, work), _logits(shape, work)]
    if work.rollout:
        parts += _rolled_out(shape, work, work.rollout)
    if work.cuda:
        parts.append(Part("CUDA overhead", OVERHEAD, "context, workspaces and gaps: a constant, not measured"))
    return Estimate(tuple(part for part in parts if part.bytes))


def weight_bytes(shape: Shape, bits: int, others: int = 2) -> int:
    """Of the frozen model. What NF4 leaves at `others` bytes each: embeddings, output layer, norms, biases."""
    if bits == 4:
        return round(shape.linear() * NF4) + others * shape.rest()
    return (shape.linear() + shape.rest()) * bits // 8


def _held(shape: Shape, work: Work) -> list[Part]:
    trainable = shape.adapter(work.rank, work.modules)
    state = STATE[work.optimizer]
    held = {
        4: "projections in NF4 with doubly quantised constants; embeddings, output layer and norms in "
        f"{8 * work.product} bits",
        16: "16 bits",
        32: "32 bits",
    }
    largest = max(inputs * outputs for inputs, outputs in shape.projections.values())
    unrolled = work.product * largest
    copies = 2 * trainable if work.product == 2 else 0
    return [
        Part("weights", weight_bytes(shape, work.bits, work.product), held[work.bits]),
        Part("weight being multiplied", unrolled if work.bits == 4 else 0, "the largest NF4 weight, whole"),
        Part("adapter", 4 * trainable, f"{trainable:,} parameters, 32 bits"),
        Part("adapter in 16 bits", copies, "autocast's copies"),
        Part("gradients", 4 * trainable, "32 bits, of the adapter alone", UPDATE),
        Part("optimizer", state * trainable, f"{work.optimizer}: {state} bytes a parameter"),
    ]


def layer_bytes(shape: Shape, work: Work) -> int:
    """What one layer keeps of one token for its backward pass: Hugging Face's modules, PEFT's LoRA, fused attention."""
    size, mixed, widths = work.product, work.product == 2, shape.projections
    adapted = work.modules & widths.keys()
    norms = 2 * shape.hidden + (shape.query + shape.key if shape.qk_norm else 0)
    repeated, mask = (shape.query, work.length) if work.padded else (shape.key, 0)  # keys and values for every head
    attention = size * (2 * shape.query + 2 * repeated + mask) + 4 * shape.heads
    gated = size * 3 * shape.intermediate
    if mixed or work.dropout:  # each adapted projection has a copy of its input, in 16 bits or with its own zeros
        dropped = (1 if work.cuda else 4) if work.dropout else 0  # what tells the zeros
        inputs = sum(widths[name][0] for name in adapted) * (size + dropped)
    else:  # those that read the same share it; `o_proj` reads what attention keeps anyway
        shared = ({"q_proj", "k_proj", "v_proj"}, {"gate_proj", "up_proj"}, {"down_proj"})
        inputs = size * sum(widths[min(group)][0] for group in shared if group & adapted)
    return 4 * norms + attention + gated + inputs + size * work.rank * len(adapted)


def _activations(shape: Shape, work: Work) -> list[Part]:
    tokens, size = work.batch * work.length, work.product
    layer = tokens * layer_bytes(shape, work)
    last = Part("last hidden states", tokens * shape.hidden * (4 + size), "the last norm's input and output", UPDATE)
    passing = tokens * size * 2 * (shape.hidden + shape.intermediate)
    gradient = Part("gradients of activations", passing, "two of each width at once", ("backward",))
    of = f"{work.batch} x {work.length} tokens"
    if not work.checkpointing:
        kept = Part("activations", layer * shape.layers, f"{of}, {shape.layers} layers, none computed anew", UPDATE)
        return [kept, last, gradient]
    inputs = Part("layer inputs", tokens * shape.hidden * size * shape.layers, f"{of}, kept at every layer", UPDATE)
    return [inputs, Part("activations", layer, f"{of}, one layer computed anew", ("backward",)), last, gradient]


def _logits(shape: Shape, work: Work) -> Part:
    if work.rollout:
        tokens = work.batch * work.rollout.length
        rows = 2 * tokens + max(tokens, 3 * min(tokens, ENTROPY_CHUNK))
        words = (
            "of completions, two copies in 32 bits at the loss, and a third going back or three of "
            f"{ENTROPY_CHUNK} tokens for the entropy; TRL's fused kernel, where it works, needs less"
        )
    else:
        rows = 4 * min(work.batch * work.length, CHUNK)
        words = f"{CHUNK} tokens at once, as TRL's chunked loss has it, four copies in 32 bits"
    return Part("logits", rows * shape.vocabulary * 4, words, ("loss",))


def cache_bytes(shape: Shape, work: Work, tokens: int) -> int:
    """Keys and values of `tokens` tokens in all layers."""
    return tokens * 2 * shape.layers * shape.key * work.product


def _rolled_out(shape: Shape, work: Work, rollout: Rollout) -> list[Part]:
    number, size = rollout.completions, work.product
    tokens, prompts = number * work.length, number * max(work.length - rollout.length, 1)
    cache = cache_bytes(shape, work, tokens)
    of = f"{number} sequences of {work.length} tokens"
    flow = size * (3 * shape.intermediate + 4 * shape.hidden)
    passes = work.batch * (rollout.length * shape.vocabulary * 10 + work.length * flow if rollout.extra_passes else 0)
    return [
        Part(
            "key-value cache", cache + cache // shape.layers, f"{of}, and one layer copied as it grows", ("generate",)
        ),
        Part("reading the prompts", prompts * flow, "all of them at once, one layer at a time", ("generate",)),
        Part("next-token logits", number * shape.vocabulary * 12, "three copies in 32 bits", ("generate",)),
        Part("completions", tokens * (4 * 8 + 3 * 4), f"{of}: ids, masks, probabilities"),
        Part("extra forward passes", passes, f"{rollout.extra_passes}, one after the other, no gradient", ("score",)),
    ]
