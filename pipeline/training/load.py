"""A model with a fresh LoRA adapter, ready for a trainer: by Unsloth, or by transformers and PEFT."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import read_json
from pipeline.engine.stage import Context
from pipeline.training.backend import Backend
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
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, set_seed

    config: TrainerSettings = context.config
    options: dict[str, Any] = {"dtype": compute_dtype()}
    if config.load_in_4bit and not (missing := no_bitsandbytes()):
        import torch

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute_dtype(),
        )
        options["device_map"] = {"": torch.cuda.current_device()}
    elif config.load_in_4bit:
        context.in_effect("load_in_4bit", True, False, missing)
    model = AutoModelForCausalLM.from_pretrained(directory, **options)
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
    from unsloth import FastLanguageModel  # before all else: it alters the other libraries as it is imported

    from transformers import set_seed  # isort: skip

    config: TrainerSettings = context.config
    in_4bit = config.load_in_4bit
    if in_4bit and (missing := no_bitsandbytes()):
        context.in_effect("load_in_4bit", True, False, missing)
        in_4bit = False
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_name=str(directory),
        max_seq_length=config.max_seq_length,
        dtype=compute_dtype(),
        load_in_4bit=in_4bit,
    )
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
    return Loaded(model, tokenizer, None)


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


def no_bitsandbytes() -> str:
    """Why nothing can be held in fewer than 16 bits here; empty where it can."""
    import torch

    if not torch.cuda.is_available():
        return "there is no CUDA device"
    return "" if importlib.util.find_spec("bitsandbytes") else "bitsandbytes is not installed"


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
