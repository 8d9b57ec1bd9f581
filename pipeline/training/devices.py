"""What `plan` says of the devices that a training step asks for: its accelerate config file, its vLLM server."""

from __future__ import annotations

import importlib.util
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.memory import sample
from pipeline.engine.stage import Context, Finding, PlanContext
from pipeline.training.ranks import launch_of
from pipeline.training.settings import GRPOSettings, LoopSettings, TrainerSettings

Plan = Callable[[PlanContext], list[Finding]]
KINDS = ("MULTI_GPU", "MULTI_CPU", "FSDP", "DEEPSPEED")
"""Ways of spreading a training that accelerate's file may name and that are known here."""
HEALTH_SECONDS = 5.0


def with_devices(plan: Plan) -> Plan:
    """A stage's `plan`, and what there is to say of its devices."""

    def both(context: PlanContext) -> list[Finding]:
        return [*find(context), *plan(context)]

    return both


def find(context: PlanContext) -> Iterator[Finding]:
    config: LoopSettings = context.config
    if config.accelerate_config:
        yield from _of_file(config)
    gpus = 1 if context.gpu is not None else len(sample(os.getpid())["gpus"])
    if context.gpu is None and config.accelerate_config is None and 0 < gpus < config.devices:
        yield Finding("fault", f"devices = {config.devices}, and there are {gpus} GPUs here.", f"Set devices = {gpus}.")
    if not gpus and config.devices > 1:
        yield Finding("note", f"There is no GPU: {config.devices} processes will share the processor.")
    if isinstance(config, GRPOSettings) and config.vllm_server:
        yield from _of_server(config.vllm_server, gpus)


def _of_file(config: LoopSettings) -> Iterator[Finding]:
    from accelerate.commands.config.config_args import load_config_from_file

    path = config.accelerate_config
    try:
        launch_of(config)
        file: Any = load_config_from_file(str(path))
    except ConfigError as error:
        yield Finding("fault", f"{error.what} {error.why}", error.mend)
        return
    except Exception as error:  # accelerate raises many kinds, of a file that anybody wrote
        text = f"accelerate_config: {path} is no config of accelerate: {error}"
        yield Finding("fault", text, "docs/devices.md has examples.")
        return
    kind = str(getattr(file.distributed_type, "value", file.distributed_type))
    if kind not in KINDS and not (kind == "NO" and config.devices == 1):
        text = f"accelerate_config: distributed_type {kind} in {path} trains nothing over {config.devices} devices."
        yield Finding("fault", text, f"One of {', '.join(KINDS)}.")
    if file.num_processes not in (-1, config.devices):
        text = f"devices = {config.devices}, and {path} says num_processes: {file.num_processes}."
        yield Finding("fault", text, f"Set devices = {file.num_processes}, or num_processes: {config.devices}.")
    if file.num_machines > 1:
        text = f"The run waits for {file.num_machines - 1} more machines, and says what to start there."
        yield Finding("note", text, "They need this folder under the same path.")
    if file.num_machines > 1 and file.machine_rank:
        text = f"{path} says machine_rank: {file.machine_rank}."
        yield Finding("fault", text, "The run is started on the machine with machine_rank: 0.")
    if file.mixed_precision not in (None, "no"):
        text = f"{path} says mixed_precision: {file.mixed_precision}, which has no effect: "
        yield Finding("note", text + "bfloat16 is used where the GPU has it.")
    if kind in ("FSDP", "DEEPSPEED"):
        yield from _of_parts(config, kind)


def _of_parts(config: LoopSettings, kind: str) -> Iterator[Finding]:
    """Of a model that lies in parts on the devices."""
    if not isinstance(config, TrainerSettings):
        return
    if config.backend == "unsloth":
        yield Finding("fault", f"Unsloth does not train under {kind}.", "Set backend = standard.")
    if config.load_in_4bit or config.optimizer == "adamw_8bit":
        text = f"Under {kind} the model is held in 16 bits and AdamW's state in full, whatever else is asked."
        yield Finding("note", text, "load_in_4bit = false and optimizer = adamw_torch say the same.")


def _of_server(url: str, gpus: int) -> Iterator[Finding]:
    if not gpus:
        text = "vllm_server: there is no GPU here, and the server takes the weights from one."
        yield Finding("fault", text, 'Set vllm_server = "".')
    if importlib.util.find_spec("vllm") is None:
        yield Finding("fault", "vllm_server: the package vllm is not installed.", "Install it: pip install vllm")
    if trouble := _not_well(url):
        mend = "Start it before this step comes, on a GPU of its own; docs/devices.md has the command."
        yield Finding("warning", f"vllm_server: {url} does not answer: {trouble}", mend)
    yield Finding(
        "note",
        f"Completions are drawn by the vLLM server at {url}: with random numbers and a cache of its own, so that a "
        "resumed training is not exact.",
    )


def _not_well(url: str) -> str:
    """Why a server's health route does not say that all is well; empty where it does."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=HEALTH_SECONDS):
            return ""
    except (OSError, ValueError) as error:  # urllib's own errors are OSErrors; a text that is no address, a ValueError
        return str(error)


def generation_of(context: Context, cache: str | None) -> dict[str, Any]:
    """Settings of TRL's GRPOConfig that say who draws the completions; `cache` is what the model itself would use."""
    url: str = context.config.vllm_server
    if not url:
        return {"cache_implementation": cache}
    why = "completions are drawn by the vLLM server, with random numbers of its own: a resumed training is not exact"
    context.in_effect("seed", context.config.seed, "of all but the completions", why)
    return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": url.rstrip("/")}
