"""The ladder: what a training does without once memory has run out, one rung at a time, from its newest checkpoint.

No rung touches the effective batch or the number of optimizer steps. What is reduced stands beside the unfinished
adapter, and the step goes on in a fresh process, since what a failed step held does not come back in the old one.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from pipeline.engine.errors import FreshProcess, PipelineError, StageFailed, StopRequested
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.training.settings import GRPOSettings, TrainerSettings

RECORD = "ladder.json"
"""Beside an unfinished adapter: {`steps`, `rungs`}. It holds from the next attempt on."""
HALVINGS = 2
"""How often completions and sequences are halved at most: below a quarter it is another training."""
SIGNS = (
    "out of memory",  # CUDA's own, and what bitsandbytes prints
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "can't allocate memory",  # torch's allocator on a CPU
    "not enough memory: you tried to allocate",  # the same on Windows
)


@dataclass(frozen=True)
class Rung:
    """One step down: `changes` has, for each setting, what it was and what it is from now on."""

    changes: Mapping[str, tuple[Any, Any]]
    step: int = 0
    """The optimizer step that memory ran out in."""
    why: str = ""

    def __str__(self) -> str:
        return ", ".join(f"{setting} {before} -> {after}" for setting, (before, after) in self.changes.items())

    def to_row(self) -> Row:
        changes = {setting: {"from": before, "to": after} for setting, (before, after) in self.changes.items()}
        return {"changes": changes, "step": self.step, "why": self.why}

    @classmethod
    def from_row(cls, row: Row) -> Rung:
        changes = {setting: (change["from"], change["to"]) for setting, change in row["changes"].items()}
        return cls(changes, row["step"], row["why"])


@dataclass(frozen=True)
class Lengths:
    """Tokens of the shortest and the longest row of a data set that is learnt whole."""

    shortest: int
    longest: int


def next_rung(
    config: TrainerSettings, taken: Sequence[Rung] = (), lengths: Lengths | None = None, never: Collection[str] = ()
) -> Rung | None:
    """The next step down from `config`, which stands on the rungs `taken`; None where there is none left.

    `lengths` is given where rows may be left out for their length; `never` names settings that must stay.
    """

    def halvings(setting: str) -> int:
        return sum(setting in rung.changes for rung in taken)

    for changes in (
        _smaller_batches(config),
        {} if config.gradient_checkpointing else {"gradient_checkpointing": True},
        _generation_in_parts(config),
        _shorter_completions(config, halvings("max_completion_length")),
        _fewer_generations(config),
        _shorter_sequences(lengths, halvings("max_seq_length")),
    ):
        if changes and not changes.keys() & set(never):
            return Rung({setting: (getattr(config, setting), value) for setting, value in changes.items()})
    return None


def _smaller_batches(config: TrainerSettings) -> Row:
    """By a whole factor, so that all that divided the accumulation before still does."""
    size = config.batch_size
    smaller = max((part for part in range(1, size) if size % part == 0), default=size)
    if smaller == size:
        return {}
    return {"batch_size": smaller, "gradient_accumulation": config.gradient_accumulation * size // smaller}


def _generation_in_parts(config: TrainerSettings) -> Row:
    """Completions that are used again are drawn at once, and so are those whose rewards are scaled by the batch."""
    if not isinstance(config, GRPOSettings) or config.num_iterations > 1 or config.scale_rewards == "batch":
        return {}
    now = config.generation_parts
    for parts in range(2 * now, config.gradient_accumulation + 1, now):
        if config.gradient_accumulation % parts == 0 and config.step_size // parts % config.num_generations == 0:
            return {"generation_parts": parts}
    return {}


def _shorter_completions(config: TrainerSettings, halvings: int) -> Row:
    if not isinstance(config, GRPOSettings) or halvings == HALVINGS or config.max_completion_length == 1:
        return {}
    return {"max_completion_length": (config.max_completion_length + 1) // 2}


def _fewer_generations(config: TrainerSettings) -> Row:
    """A step then takes more prompts."""
    if not isinstance(config, GRPOSettings):
        return {}
    at_once = config.step_size // config.generation_parts
    fewer = [count for count in range(2, config.num_generations // 2 + 1) if at_once % count == 0]
    return {"num_generations": max(fewer)} if fewer else {}


def _shorter_sequences(lengths: Lengths | None, halvings: int) -> Row:
    """Half of what the longest row needs; not so short that no row is left."""
    if lengths is None or halvings == HALVINGS:
        return {}
    length = max(lengths.longest // 2, lengths.shortest, 16)
    return {"max_seq_length": length} if length < lengths.longest else {}


@dataclass(frozen=True)
class Ladder:
    """Where a training stands."""

    steps: int = 0
    """Optimizer steps of the whole training, which no rung changes; 0 before the first rung."""
    rungs: tuple[Rung, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, out: Path) -> Ladder:
        """As it stands beside an unfinished adapter."""
        if not (out / RECORD).exists():
            return cls()
        row = read_json(out / RECORD)
        return cls(row["steps"], tuple(map(Rung.from_row, row["rungs"])))

    def write(self, out: Path) -> None:
        write_json(out / RECORD, {"steps": self.steps, "rungs": [rung.to_row() for rung in self.rungs]})

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Setting -> (asked, in effect)."""
        found: dict[str, tuple[Any, Any]] = {}
        for rung in self.rungs:
            for setting, (before, after) in rung.changes.items():
                found[setting] = (found[setting][0] if setting in found else before, after)
        return found


def stand(context: Context) -> Context:
    """The context with the settings in effect on the rung that the training has come down to; says what they are."""
    ladder = Ladder.of(context.out)
    if not ladder.rungs:
        return context
    changes = ladder.changes()
    for setting, (asked, value) in changes.items():
        last = next(rung for rung in reversed(ladder.rungs) if setting in rung.changes)
        context.in_effect(setting, asked, value, f"memory ran out in step {last.step}: {last.why}")
    values = {setting: value for setting, (_, value) in changes.items()} | {"max_steps": ladder.steps}
    config = context.config
    return replace(context, config=type(config).model_validate({**config.model_dump(), **values}))


@contextmanager
def guarded(
    context: Context,
    steps: int,
    step: Callable[[], int],
    lengths: Lengths | None = None,
    never: Collection[str] = (),
) -> Iterator[None]:
    """Turn memory that runs out into the next rung: it is recorded, and FreshProcess raised.

    `context` stands where the training does; `steps` is the whole training's number, `step()` the present one. Raises
    StageFailed, with the rungs that were tried, where there is none left.
    """
    ladder = Ladder.of(context.out)  # read now: of several processes that fail at once, each writes the same
    try:
        yield
    except (PipelineError, StopRequested):
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        why = evidence(error)
        rung = next_rung(context.config, ladder.rungs, lengths, never)
        if rung is None:
            tried = "; ".join(map(str, ladder.rungs)) or "none, since none was left"
            raise StageFailed(
                f"Memory ran out in step {step()}, and there is no smaller way to train.",
                f"{why} Tried: {tried}.",
                "Use a smaller model, a smaller lora_r or shorter sequences: `python -m pipeline plan` estimates them.",
            ) from error
        replace(ladder, steps=steps, rungs=(*ladder.rungs, replace(rung, step=step(), why=why))).write(context.out)
        raise FreshProcess(
            f"Memory ran out in step {step()}: {rung}.",
            why,
            "Resume the run: it goes on with these settings from its newest checkpoint.",
        ) from error


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is a lack of memory: of a GPU, of bitsandbytes or of the host."""
    import torch

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def evidence(error: BaseException) -> str:
    """What ran out, in the library's own words, and the most that was held."""
    import torch

    words = (str(error).strip().splitlines() or [""])[0]
    text = f"{type(error).__name__}: {words}" if words else f"{type(error).__name__}."
    if torch.cuda.is_available():
        peak, total = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
        return f"{text} At most {peak / 1e9:.2f} GB of the GPU's {total / 1e9:.2f} were held."
    return f"{text} The process held {psutil.Process().memory_info().rss / 1e9:.2f} GB."
