"""What `plan` says of a training's memory: whether it fits, in what it goes, and which knobs to turn first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.memory import Device, device
from pipeline.engine.stage import Finding, PlanContext
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.memory import Estimate, Rollout, Work, estimate, weight_bytes
from pipeline.tasks.estimate.model import config_of
from pipeline.tasks.estimate.shape import Shape, read_shape
from pipeline.tasks.estimate.words import gib

SHORTEST = 256
"""Tokens below which no advice goes."""
KEPT = 2
"""Checkpoints that a training keeps: the newest two and, where it stays, the best; in the end the last and the best."""


def foresee(context: PlanContext, longest: int = 0) -> list[Finding]:
    """Memory and disk of a training step. `longest`: tokens of its longest example, where that is known."""
    try:
        config = config_of(context)
        if config is None:
            text = "Memory and disk are not known yet: the step that makes the model, and its config.json, comes first."
            return [Finding("note", text)]
        shape = read_shape(config)
    except DataError as error:
        return [Finding("note", f"Memory and disk are not estimated. {error.what} {error.why}".strip())]
    if unknown := set(context.config.lora_modules) - shape.projections.keys():
        return [Finding("note", f"Memory is not estimated: the shape of {', '.join(sorted(unknown))} is not known.")]
    there = device(context.gpu)
    work = plan_work(context.config, shape, there, longest, named=context.gpu is not None)
    trainable = shape.adapter(work.rank, work.modules)
    stay = KEPT if context.config.checkpoints != "none" else 0
    memory = _finding(shape, work, there)
    if context.config.backend != "standard":
        memory = replace(memory, text=f"{memory.text} Reckoned with Hugging Face and PEFT; Unsloth needs less.")
    return [memory, disk.tell(disk.training(trainable, work.optimizer, KEPT + (stay > 0), stay))]


def plan_work(config: Any, shape: Shape, there: Device, longest: int, *, named: bool) -> Work:
    """What TrainerSettings or GRPOSettings come to on that device: on a GPU that is only named, all that they ask."""
    small = named or find_spec("bitsandbytes") is not None
    length = min(config.max_seq_length, shape.positions)
    rollout = None
    if hasattr(config, "num_generations"):
        passes = (config.num_iterations > 1) + (config.beta > 0)
        at_once = config.step_size // config.generation_parts
        rollout = Rollout(at_once, config.num_generations, min(config.max_completion_length, length), passes)
    return Work(
        bits=4 if config.load_in_4bit and small else 16 if there.cuda else 32,
        rank=config.lora_r,
        modules=frozenset(config.lora_modules),
        dropout=config.lora_dropout > 0,
        optimizer=config.optimizer if small else "adamw_torch",
        checkpointing=config.gradient_checkpointing,
        batch=config.batch_size,
        length=min(longest, length) if longest else length,
        rollout=rollout,
        cuda=there.cuda,
    )


@dataclass(frozen=True)
class Knob:
    """A change of settings, on top of those before it."""

    change: str
    saves: int
    total: int
    """What is needed once it is turned."""


def knobs(shape: Shape, work: Work, room: int) -> list[Knob]:
    """The first to turn first, until it fits in `room` bytes or there is none left; those that save nothing are not
    named."""
    turned: list[Knob] = []
    needed = estimate(shape, work).total
    while needed > room:
        for change, other in _turns(work):
            if (less := estimate(shape, other).total) < needed:
                turned.append(Knob(change, needed - less, less))
                work, needed = other, less
                break
        else:
            break
    return turned


def _turns(work: Work) -> Iterator[tuple[str, Work]]:
    """What could be turned next, the mildest first."""
    if work.batch > 1:
        half = 1 if work.batch % 2 else work.batch // 2
        yield f"batch_size = {half}, with as much more gradient_accumulation", replace(work, batch=half)
    if not work.checkpointing:
        yield "gradient_checkpointing = true", replace(work, checkpointing=True)
    if work.bits == 16 and work.cuda:
        yield "load_in_4bit = true, with bitsandbytes installed", replace(work, bits=4)
    if work.optimizer == "adamw_torch" and work.cuda:
        yield "optimizer = adamw_8bit, with bitsandbytes installed", replace(work, optimizer="adamw_8bit")
    if (rollout := work.rollout) and (half := rollout.length // 2) >= SHORTEST:
        shorter = replace(work, rollout=replace(rollout, length=half), length=work.length - rollout.length + half)
        yield f"max_completion_length = {half}, and max_seq_length = {shorter.length}", shorter
    if (rollout := work.rollout) and rollout.group in (4, 8, 16) and rollout.completions % (2 * work.batch) == 0:
        group, fewer = rollout.group // 2, rollout.completions // 2
        text = f"num_generations = {group}, and gradient_accumulation = {fewer // work.batch}"
        yield text, replace(work, rollout=replace(rollout, completions=fewer, group=group))
    if work.rollout is None and (half := work.length // 2) >= SHORTEST:
        yield f"max_seq_length = {half}", replace(work, length=half)
    if work.rank > 8:
        yield f"lora_r = {work.rank // 2}", replace(work, rank=work.rank // 2)


def _finding(shape: Shape, work: Work, there: Device) -> Finding:
    found = estimate(shape, work)
    turned = knobs(shape, work, there.total)
    data = {
        "parts": [asdict(part) for part in found.parts],
        "total": found.total,
        "peak": found.peak,
        "trainable": shape.adapter(work.rank, work.modules),
        "device": {"name": there.name, "bytes": there.total},
        "fits": found.total <= there.total,
        "knobs": [asdict(knob) for knob in turned],
        "first_knob": asdict(smaller[0]) if (smaller := knobs(shape, work, found.total - 1)) else None,
    }
    text = f"memory: about {gib(found.total)} of the {gib(there.total)} of {there.name} ({_largest(found)})."
    if found.total <= there.total:
        return Finding("note", text, data=data)
    if there.cuda and (weights := weight_bytes(shape, work.bits)) > there.total and work.bits == 4:
        return Finding("fault", f"{text} The weights alone take {gib(weights)}.", "Take a smaller model.", data)
    first = "; ".join(f"{knob.change} (saves {gib(knob.saves)})" for knob in turned)
    ends = turned and turned[-1].total <= there.total
    mend = f"Turn, in this order: {first}." if turned else "No setting saves enough."
    return Finding(
        "warning",
        f"{text} It does not fit.",
        mend if ends or not turned else f"{mend} Even then it does not fit.",
        data,
    )


def _largest(found: Estimate) -> str:
    parts = sorted((part for part in found.parts if found.peak in part.moments), key=lambda part: -part.bytes)
    words = {
        "generate": "while it writes",
        "score": "in the extra passes",
        "loss": "at the loss",
        "backward": "going back",
    }
    return f"most {words[found.peak]}: " + ", ".join(f"{part.name} {gib(part.bytes)}" for part in parts[:4])
