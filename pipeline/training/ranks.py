"""Several processes that train one model: who this one is, and what they do together.

A process on its own is the first of one, and everything here does nothing. The launcher tells each by its environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pipeline.engine.errors import ConfigError, StageFailed
from pipeline.engine.launch import Launch
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.training.settings import TrainerSettings

T = TypeVar("T")
WORLD = "world.json"
"""Of a checkpoint: by how many processes, up to which step, it was trained; and how the model was spread."""


def launch_of(config: TrainerSettings) -> Launch:
    return Launch(config.devices, config.accelerate_config and config.accelerate_config.resolve())


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return int(os.environ.get("RANK", 0)) == 0


def join() -> None:
    """Meet the other processes, each on its device; before a model is loaded, which goes to the present one."""
    if count() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def wait() -> None:
    """Until all processes are here."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def agree(decision: bool) -> bool:
    """The first process's decision, in all of them: they must save and stop at the same step."""
    if count() == 1:
        return decision
    from accelerate.utils import broadcast_object_list

    return bool(broadcast_object_list([decision])[0])


def gather(mine: Sequence[T]) -> list[T]:
    """What all processes have, in the order of their ranks."""
    if count() == 1:
        return list(mine)
    from accelerate.utils import gather_object

    return list(gather_object(list(mine)))


def remember(checkpoint: Path, before: Path | None, spread: str) -> None:
    """Write into a checkpoint by how many processes it was trained, those `before` it included."""
    history = _history(before)
    if not history or history[-1]["processes"] != count():
        history.append({"processes": count()})
    history[-1]["until"] = int(checkpoint.name.rpartition("-")[2])
    write_json(checkpoint / WORLD, {"history": history, "spread": spread})


def recall(context: Context, checkpoint: Path | None, spread: str) -> None:
    """Tell what follows where a checkpoint was made by another number of processes.

    Raises StageFailed where its state was spread in a way that the present one cannot read.
    """
    history = _history(checkpoint)
    if checkpoint is None or not history:
        return
    was = str(read_json(checkpoint / WORLD)["spread"])
    if was != spread or (was == "deepspeed" and history[-1]["processes"] != count()):
        raise StageFailed(
            f"{checkpoint.name} was made under {was} by {history[-1]['processes']} processes.",
            f"Its optimizer state cannot be read under {spread} by {count()}.",
            "Go on with the devices and accelerate_config that it began with, or make the step anew with --fresh.",
        )
    if {entry["processes"] for entry in history} != {count()}:
        told = ", ".join(f"{entry['processes']} up to step {entry['until']}" for entry in history)
        why = "resumed on another number of processes: the same data and effective batch, other random draws"
        context.in_effect("devices", context.config.devices, f"{told}, then {count()}", why)


def _history(checkpoint: Path | None) -> list[Row]:
    if checkpoint is None or not (checkpoint / WORLD).exists():
        return []
    return list(read_json(checkpoint / WORLD)["history"])


def spread_of(trainer_args: object) -> str:
    raise ConfigError(str(trainer_args))
