"""The settings of a training: what all share, what LoRA adapters add, and what SFT and GRPO have of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline.engine.settings import Settings, aside

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class LoopSettings(Settings):
    """What every training shares, of an adapter or of a whole model."""

    gradient_checkpointing: bool = True
    """Compute activations anew in the backward pass: slower, and far less memory."""
    learning_rate: float = Field(2e-4, gt=0)
    """Peak learning rate."""
    scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Optimizer steps over which the learning rate rises from zero."""
    optimizer: Literal["adamw_8bit", "adamw_torch"] = "adamw_8bit"
    """AdamW with its state in 8 bits, or in full. For 8 it needs bitsandbytes, which has fewer than 4096 weights in
    32 all the same."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, ge=0)
    """Gradients are scaled down to this norm; 0: never."""
    epochs: float = Field(1.0, gt=0)
    """Passes over the data."""
    max_steps: int = Field(0, ge=0)
    """Exactly this many optimizer steps, whatever the epochs; 0: as many as the epochs take."""
    batch_size: int = Field(1, ge=1)
    """Sequences that are worked on at once."""
    gradient_accumulation: int = Field(8, ge=1)
    """Batches whose gradients add up to one optimizer step."""
    seed: int = Field(3407, ge=0)
    """Seed of the trainer: the adapter's start, the order of rows, what is sampled."""
    save_every: int = aside(50, ge=1)
    """Optimizer steps between checkpoints; what is lost at most when a run is killed."""
    checkpoints: Literal["last and best", "none"] = aside("last and best")
    """Checkpoints to keep once the training is done, to go on from: the last, and the best by the validation loss of
    SFT, or the held-out reward, else the reward, of GRPO. Without them it cannot be extended by more steps."""
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = aside(())
    """Trackers that get the metrics as well; their packages must be installed. Their files lie in the run's folder."""
    devices: int = aside(1, ge=1)
    """Processes that train together, one on each device. The effective batch stays as asked: each takes
    gradient_accumulation / devices batches, so it must divide gradient_accumulation."""
    accelerate_config: Path | None = aside(None)
    """An accelerate config file: FSDP2, DeepSpeed ZeRO-3, several machines. Without one, several devices of this
    machine train by DDP. docs/devices.md has examples."""

    @field_validator("devices")
    @classmethod
    def _shares(cls, value: int, info: ValidationInfo) -> int:
        accumulation = info.data.get("gradient_accumulation", value)
        if accumulation % value:
            raise ValueError(f"gradient_accumulation ({accumulation}) is not a multiple of it")
        return value

    @property
    def step_size(self) -> int:
        """Sequences in one optimizer step, those of all devices."""
        return self.batch_size * self.gradient_accumulation


class TrainerSettings(LoopSettings):
    """What SFT and GRPO share: a LoRA adapter and who trains it."""

    backend: Literal["auto", "unsloth", "standard"] = "auto"
    """Who trains: `unsloth`; `standard`, which is Hugging Face with PEFT; or `auto`, which is Unsloth where it is
    installed, can be imported and survives its first step, and else the standard one."""
    load_in_4bit: bool = True
    """Hold the frozen model in 4 bits (QLoRA). Needs bitsandbytes; without it, in 16 bits, on a CPU in 32."""
    max_seq_length: int = Field(2048, ge=16)
    """Longest sequence in tokens, prompt and answer together; what is longer is left out and counted."""
    lora_r: int = Field(16, ge=1)
    """Rank of the adapter."""
    lora_alpha: int = Field(16, ge=1)
    """Scale of the adapter: its product is multiplied by alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the adapter's inputs that is dropped while training."""
    lora_modules: tuple[str, ...] = Field(MODULES, min_length=1)
    """Projections that get an adapter."""


def short(config: Any, steps: int) -> Any:
    """The same training for that many steps, with no checkpoint before its end and nothing told to trackers."""
    return config.model_copy(update={"max_steps": steps, "save_every": steps + 1, "report_to": ()})


class SFTSettings(TrainerSettings):
    """What SFT has of its own."""

    validation_share: float = Field(0.05, ge=0, lt=1)
    """Share of the prompts whose traces are kept from training, to measure the loss on: at least one. 0: none."""
    validate_every: int = aside(0, ge=0)
    """Optimizer steps between measurements of that loss; 0: as between checkpoints. One comes at the end as well."""


class GRPOSettings(TrainerSettings):
    """What GRPO has of its own."""

    learning_rate: float = Field(5e-6, gt=0)
    """Peak learning rate."""
    num_generations: int = Field(4, ge=2)
    """Completions of each prompt, which are compared with one another; batch_size x gradient_accumulation, the
    completions in one step, must be a multiple of it."""
    max_completion_length: int = Field(1024, ge=1)
    """Longest completion in tokens; longer ones are cut off."""
    temperature: float = Field(1.0, gt=0)
    """Temperature at which completions are drawn."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Share of the probability that tokens are drawn from."""
    top_k: int = Field(0, ge=0)
    """How many of the likeliest tokens are drawn from; 0: all."""
    beta: float = Field(0.0, ge=0)
    """Weight of the KL divergence from the model without the adapter; at 0 it is neither computed nor reported."""
    num_iterations: int = Field(1, ge=1)
    """Optimizer steps on the same completions."""
    generation_parts: int = Field(1, ge=1)
    """Parts in which the completions of one step are drawn, one after the other: less memory, and slower. Must divide
    gradient_accumulation / devices and leave whole groups; needs num_iterations = 1."""
    epsilon: float = Field(0.2, gt=0)
    """How far the probability ratio may fall below 1 before it is clipped."""
    epsilon_high: float = Field(0.2, gt=0)
    """How far it may rise above 1."""
    loss_type: Literal["dapo", "grpo", "bnpo", "dr_grpo"] = "dapo"
    """How the losses of tokens are averaged; TRL's documentation of `loss_type` tells them apart."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """Whose standard deviation the advantages are divided by."""
    mask_truncated: bool = False
    """Leave completions that were cut off out of the loss."""
    show_every: int = aside(10, ge=1)
    """Steps between those whose first group of completions is shown."""
    vllm_server: str = aside("", pattern="^(https?://.+)?$")
    """Address of a vLLM server that draws the completions, such as http://host:8000; empty: the model in training does.
    Needs a GPU here, another for the server, and the package vllm."""

    @field_validator("num_generations")
    @classmethod
    def _divides(cls, value: int, info: ValidationInfo) -> int:
        size = info.data.get("batch_size", 0) * info.data.get("gradient_accumulation", 0)
        if size % value:
            raise ValueError(f"batch_size x gradient_accumulation ({size}) is not a multiple of it")
        return value

    @field_validator("generation_parts")
    @classmethod
    def _leaves_groups(cls, value: int, info: ValidationInfo) -> int:
        known = info.data
        if value == 1 or not {"gradient_accumulation", "batch_size", "num_generations"} <= known.keys():
            return value
        if known.get("num_iterations", 1) > 1:
            raise ValueError("completions that are used again (num_iterations > 1) are drawn at once")
        batches = known["gradient_accumulation"] // known.get("devices", 1)
        if batches % value:
            raise ValueError(f"gradient_accumulation / devices ({batches}) is not a multiple of it")
        if known["batch_size"] * known["gradient_accumulation"] // value % known["num_generations"]:
            raise ValueError("a part would not hold whole groups of num_generations completions")
        return value

    @property
    def prompts_per_step(self) -> int:
        return self.step_size // self.num_generations
