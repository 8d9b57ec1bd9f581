"""A model with a fresh LoRA adapter, ready for a trainer: by Unsloth, or by transformers and PEFT."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import read_json
from pipeline.engine.stage import Context
from pipeline.training import ranks
from pipeline.training.backend import Backend
from pipeline.training.bits import keep_unpacked, nf4, no_nf4
from pipeline.training.settings import TrainerSettings


@dataclass(frozen=True)
class Loaded:
    model: Any
    tokenizer: Any
    adapter: Any
    """PEFT's LoraConfig, for the trainer to lay on the model; None where the adapter is on it already."""


def load(context: Context, directory: Path, backend: Backend) -> Loaded:
    """The frozen model of `directory` and its adapter, whose start depends on the seed alone."""
    return (_load_unsloth if backend == "unsloth" else _load_standard)(context, directory)


def _load_standard(context: Context, directory: Path) -> Loaded:
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    config: TrainerSettings = context.config
    options: dict[str, Any] = {"dtype": compute_dtype()}
    if _in_4bit(context):
        import torch

        options["quantization_config"] = nf4(compute_dtype())
        options["device_map"] = {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"}
    model = AutoModelForCausalLM.from_pretrained(directory, **options)
    keep_unpacked(model)
    _check_modules(config.lora_modules, [name for name, _ in model.named_modules()])
    adapter = LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_modules),
        task_type="CAUSAL_LM",
    )
    set_seed(config.seed)
    return Loaded(model, AutoTokenizer.from_pretrained(directory), adapter)


def _load_unsloth(context: Context, directory: Path) -> Loaded:
    FastLanguageModel = import_unsloth().FastLanguageModel

    from transformers import AutoTokenizer, set_seed

    config: TrainerSettings = context.config
    in_4bit = _in_4bit(context)
    model, _ = FastLanguageModel.from_pretrained(
        model_name=str(directory),
        max_seq_length=config.max_seq_length,
        dtype=compute_dtype(),
        load_in_4bit=in_4bit,
    )
    held_in_4bit = bool(getattr(model, "is_loaded_in_4bit", False))
    if held_in_4bit != in_4bit:
        context.in_effect("load_in_4bit", in_4bit, held_in_4bit, "Unsloth loaded it so")
    _check_modules(config.lora_modules, [name for name, _ in model.named_modules()])
    set_seed(config.seed)
    model = FastLanguageModel.get_peft_model(
        model,
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_modules),
        bias="none",
        use_gradient_checkpointing="unsloth" if config.gradient_checkpointing else False,
        random_state=config.seed,
    )
    # Unsloth's own tokenizer has another padding side and sometimes another pad token, and would be saved so.
    return Loaded(model, AutoTokenizer.from_pretrained(directory), None)


def import_unsloth() -> Any:
    """Unsloth, which alters the other libraries as it is imported and so must come before them.

    What it compiles goes to the user's cache instead of the working directory, and it reports nothing home.
    """
    cache = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache / "unsloth_compiled"))
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    return importlib.import_module("unsloth")


def _in_4bit(context: Context) -> bool:
    """Whether the frozen model can be held in 4 bits, where that is asked."""
    asked: bool = context.config.load_in_4bit
    if asked and (missing := no_4bit()):
        context.in_effect("load_in_4bit", True, False, missing)
        return False
    return asked


def no_4bit() -> str:
    """Why the frozen model of a training cannot be held in 4 bits here; empty where it can."""
    return ranks.in_parts() or no_nf4()


def compute_dtype() -> Any:
    """The type of weights at rest and in products: bfloat16 on a GPU that has it, else float16; float32 on a CPU."""
    import torch

    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def cache_for(device: Any) -> str | None:
    """The key-value cache to generate with. On a CPU one of fixed size: a growing one is copied whole for every token,
    which took 1.6 to 1.9 times as long."""
    return "static" if device.type == "cpu" else None


def hold_adapter_in_full(model: Any) -> None:
    """Float32 for all that is trained. TRL turns an adapter over 4-bit weights into bfloat16, whose eight bits lose a
    step of 5e-6 for every weight above about 1e-3; autocast multiplies in bfloat16 all the same."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def positions(directory: Path) -> int:
    """How many tokens the model was built to attend to, as its config.json has it."""
    return int(read_json(directory / "config.json").get("max_position_embeddings") or 2**31)


def _check_modules(wanted: Iterable[str], names: Iterable[str]) -> None:
    there = {name.rpartition(".")[2] for name in names}
    missing = sorted(set(wanted) - there)
    if missing:
        raise ConfigError(
            f"lora_modules: the model has no {', '.join(missing)}.",
            "An adapter can only be laid on what is there.",
            "Name modules that the model has.",
        )
