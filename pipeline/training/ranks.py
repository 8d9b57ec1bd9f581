"""Several processes that train one model: who this one is, and what they do together.

A process on its own is the first of one, and everything here does nothing. The launcher tells each by its environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.engine.errors import ConfigError, StageFailed
from pipeline.engine.launch import Launch
from pipeline.engine.rows import Row
from pipeline.training.settings import LoopSettings

T = TypeVar("T")
ALONE: Row = {"processes": 1, "spread": "whole"}
"""What a checkpoint that says nothing of its processes was made by."""


def launch_of(config: LoopSettings) -> Launch:
    """How a training is started. Raises ConfigError for an accelerate config file that cannot be read."""
    if config.accelerate_config is None:
        return Launch(config.devices)
    import yaml

    file = config.accelerate_config.resolve()
    try:
        machines = int(yaml.safe_load(file.read_text("utf-8")).get("num_machines", 1))
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        mend = "docs/devices.md has examples."
        raise ConfigError(f"accelerate_config: {file} cannot be read.", str(error), mend) from None
    if config.devices % machines:
        why = f"devices counts those of all machines together, and {file} says num_machines: {machines}."
        raise ConfigError(
            f"devices = {config.devices} are no equal share for each machine.", why, "Set the number of all."
        )
    return Launch(config.devices, file, machines)


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return int(os.environ.get("RANK", 0)) == 0


def spread() -> str:
    """How the model and its optimizer lie on the devices: `whole` on each, or in parts under `fsdp` or `deepspeed`."""
    for name in ("fsdp", "deepspeed"):
        if os.environ.get(f"ACCELERATE_USE_{name.upper()}", "false").lower() == "true":
            return name
    return "whole"


def in_parts() -> str:
    """Why nothing is held in fewer bits than 16 where the model lies in parts; empty where it does not."""
    return "" if spread() == "whole" else f"what {spread()} lays in parts on the devices has 16 bits or more"


def join() -> None:
    """Meet the other processes, each on its device; before a model is loaded, which goes to the present one."""
    if count() > 1:
        import torch
        from accelerate import PartialState

        on_cpu = not torch.cuda.is_available()
        if on_cpu:  # accelerate would say cpu:0, a place where torch cannot load an optimizer's state to
            os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
        PartialState(cpu=on_cpu)
    if "ACCELERATE_MIXED_PRECISION" in os.environ:  # the type follows the device, not accelerate's config file
        os.environ["ACCELERATE_MIXED_PRECISION"] = "no"


def wait() -> None:
    """Until all processes are here."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def agree(decide: Callable[[], T]) -> T:
    """What the first process decides, in all of them: they must go on from, save and stop at the same step."""
    if count() == 1:
        return decide()
    from accelerate.utils import broadcast_object_list

    decided: list[T] = broadcast_object_list([decide() if is_first() else None])
    return decided[0]


def gather(mine: Sequence[T]) -> list[T]:
    """What all processes have, in the order of their ranks."""
    if count() == 1:
        return list(mine)
    from accelerate.utils import gather_object

    return list(gather_object(list(mine)))


def manner() -> Row:
    """What of the processes a checkpoint remembers."""
    return {"processes": count(), "spread": spread()}


def check_readable(stretches: Sequence[Row]) -> None:
    """Raise StageFailed where the state of a checkpoint was spread in a way that the present one cannot read.

    `stretches` tells how its steps were trained, the last one how they will be.
    """
    if len(stretches) < 2:
        return
    was, now = {**ALONE, **stretches[-2]}, stretches[-1]
    if was["spread"] != now["spread"] or (now["spread"] == "deepspeed" and was["processes"] != now["processes"]):
        raise StageFailed(
            f"The checkpoint was made under {was['spread']} by {was['processes']} processes.",
            f"Its optimizer state cannot be read under {now['spread']} by {now['processes']}.",
            "Go on with the devices and accelerate_config that it began with, or make the step anew with --fresh.",
        )
