"""The rungs of the ladder: which settings come down next when memory runs out. Arithmetic over settings, no more.

No rung touches the effective batch or the number of optimizer steps, and groups stay whole on each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.rows import Row
from pipeline.training.settings import GRPOSettings, LoopSettings

HALVINGS = 2
"""How often completions and sequences are halved at most: below a quarter it is another training."""


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
    config: LoopSettings, taken: Sequence[Rung] = (), lengths: Lengths | None = None, never: Collection[str] = ()
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


def _smaller_batches(config: LoopSettings) -> Row:
    """By a whole factor, so that all that divided the accumulation before still does."""
    size = config.batch_size
    smaller = max((part for part in range(1, size) if size % part == 0), default=size)
    if smaller == size:
        return {}
    return {"batch_size": smaller, "gradient_accumulation": config.gradient_accumulation * size // smaller}


def _generation_in_parts(config: LoopSettings) -> Row:
    """Completions that are used again are drawn at once, and so are those whose rewards are scaled by the batch."""
    if not isinstance(config, GRPOSettings) or config.num_iterations > 1 or config.scale_rewards == "batch":
        return {}
    now, batches = config.generation_parts, config.gradient_accumulation // config.devices
    for parts in range(2 * now, batches + 1, now):
        if batches % parts == 0 and config.step_size // parts % config.num_generations == 0:
            return {"generation_parts": parts}
    return {}


def _shorter_completions(config: LoopSettings, halvings: int) -> Row:
    if not isinstance(config, GRPOSettings) or halvings == HALVINGS or config.max_completion_length == 1:
        return {}
    return {"max_completion_length": (config.max_completion_length + 1) // 2}


def _fewer_generations(config: LoopSettings) -> Row:
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
