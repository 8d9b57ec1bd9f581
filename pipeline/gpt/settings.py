"""The settings of a training of the GPT track, by the seeds' names, and the JSON files that hold them.

A value of a file stands as if it were written in the preset, which wins where both say something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.engine.presets import nearest
from pipeline.engine.settings import Settings, aside
from pipeline.gpt.model import SIZES, Shape

COMMENTS = ("_", "comment")
"""Keys of a file that begin so are comments."""
FRESH = ("size", "n_layer", "n_head", "n_embd", "vocab_size")
"""Settings that a model to start from decides."""
BLOCK = 512


class GPTSettings(Settings):
    """What a training of the GPT track takes beside the data."""

    config_file: Path | None = aside(None)
    """A JSON file with any of these settings, as the seeds have them; what is set here or in the preset wins."""
    size: Literal["tiny", "small", "124M", "350M", "750M"] = "tiny"
    """Layers, heads and width of a model from scratch: tiny has 4 x 4 x 128, small 6 x 6 x 384, 750M 32 x 20 x 1280."""
    n_layer: int = Field(0, ge=0)
    """Layers of a model from scratch; 0: by the size."""
    n_head: int = Field(0, ge=0)
    """Attention heads a layer of a model from scratch; 0: by the size."""
    n_embd: int = Field(0, ge=0)
    """Width of a model from scratch; 0: by the size."""
    vocab_size: int = Field(0, ge=0)
    """Rows of the embedding of a model from scratch; 0: the tokenizer's tokens, padded to a multiple of 64."""
    block_size: int = Field(0, ge=0)
    """Longest episode in tokens, of which the last are kept; 0: as the model has positions, from scratch 512."""
    bias: bool = True
    """Whether layers and norms have biases; without, they are zero and stay so."""
    tie_weights: bool = True
    """Whether embedding and head are one matrix; two that become one are averaged once."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """Share of activations that is dropped while training."""
    learning_rate: float = Field(5e-5, gt=0)
    """Peak learning rate; it falls along a cosine."""
    max_iters: int = Field(5000, ge=1)
    """Optimizer steps."""
    warmup_iters: int = Field(100, ge=0)
    """Optimizer steps over which the learning rate rises from zero."""
    weight_decay: float = Field(0.05, ge=0)
    """AdamW's decoupled weight decay; biases and norms do not decay."""
    grad_clip: float = Field(1.0, ge=0)
    """Gradients are scaled down to this norm; 0: never."""
    batch_size: int = Field(16, ge=1)
    """Episodes that are worked on at once."""
    gradient_accumulation: int = Field(1, ge=1)
    """Batches whose gradients add up to one optimizer step."""
    gradient_checkpointing: bool = False
    """Compute activations anew in the backward pass: slower, and far less memory."""
    optimizer: Literal["adamw_torch", "adamw_8bit"] = "adamw_torch"
    """AdamW with its state in full, or in 8 bits, which needs bitsandbytes."""
    use_loss_mask: bool = True
    """Learn only what the mask marks, the assistant's words; without, every token."""
    seed: int = Field(1337, ge=0)
    """Of fresh weights and of dropout."""
    epoch_seed: int = Field(3301, ge=0)
    """The order of an epoch follows from this and the epoch's number, added up."""
    group_by_length: bool = False
    """Whether a batch takes episodes of like length, which spares it padding; an epoch still takes each once."""
    eval_interval: int = Field(100, ge=0)
    """Iterations between evaluations: validation loss, prompts, plain language; 0: none. One comes at the end."""
    eval_iters: int = Field(50, ge=0)
    """Batches of validation episodes that an evaluation takes at most, always the same; 0: all."""
    eval_seed: int = Field(1337, ge=0)
    """Which validation episodes these are."""
    eval_prompts_file: Path | None = None
    """A JSON file {description, system_prompt, prompts, expected_outputs}, answered at every evaluation."""
    eval_tokens: int = Field(64, ge=1)
    """Tokens of an answer at most."""
    eval_share: float = aside(0.2, gt=0, le=1)
    """Share of the training's time that answering prompts may take; an evaluation beyond it goes without, but the
    first and the last."""
    expected_loss: tuple[tuple[int, float, float, float, float], ...] = ()
    """A band to hold the losses against: (iteration, training loss from, to, validation loss from, to), in order."""
    red_lines: Literal["stop", "tell"] = aside("stop")
    """What a red line does that is seen twice in a row: end the training, or be told."""
    gpu: str = aside("")
    """An entry of configs/gpus.toml that `plan` reckons hours and money for; empty: all of them."""
    save_every: int = aside(500, ge=1)
    """Iterations between checkpoints; what is lost at most when a run is killed."""
    checkpoints: Literal["last and best", "none"] = aside("last and best")
    """Checkpoints to keep once the training is done: the last, and the best by the validation loss."""
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = aside(())
    """Trackers that get the metrics as well; their packages must be installed."""
    devices: int = aside(1, ge=1)
    """Processes that train together, one on each device; it must divide gradient_accumulation."""
    accelerate_config: Path | None = aside(None)
    """An accelerate config file: FSDP2, DeepSpeed ZeRO-3, several machines. docs/devices.md has examples."""

    @classmethod
    def spell_out(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if not given.get("config_file") or given.keys() >= cls.model_fields.keys():
            return given  # a run that goes on knows all, and the file may be gone
        return {**read_config_file(Path(given["config_file"]), list(cls.model_fields)), **given}

    @model_validator(mode="before")
    @classmethod
    def _take_file(cls, given: Any) -> Any:
        return cls.spell_out(given) if isinstance(given, Mapping) else given

    @field_validator("expected_loss")
    @classmethod
    def _in_order(cls, rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        if [row[0] for row in rows] != sorted({row[0] for row in rows}) or len(rows) == 1:
            raise ValueError("at least two rows are needed, in the order of their iterations")
        return rows

    @field_validator("devices")
    @classmethod
    def _shares(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("gradient_accumulation", value) % value:
            raise ValueError(f"gradient_accumulation ({info.data['gradient_accumulation']}) is not a multiple of it")
        return value

    def fresh(self, vocabulary: int) -> Shape:
        """The shape of a model from scratch whose tokenizer has so many tokens, padded. Raises ConfigError."""
        layers, heads, width = SIZES[self.size]
        shape = Shape(
            self.n_layer or layers,
            self.n_head or heads,
            self.n_embd or width,
            self.block_size or BLOCK,
            max(self.vocab_size, vocabulary),
            self.tie_weights,
        )
        shape.check()
        return shape

    def band(self, step: int) -> dict[str, float]:
        """What `expected_loss` says of a step, on straight lines between its rows; nothing outside of them."""
        for before, after in zip(self.expected_loss, self.expected_loss[1:], strict=False):
            if before[0] <= step <= after[0]:
                share = (step - before[0]) / (after[0] - before[0])
                names = ("expected_loss_low", "expected_loss_high", "expected_validation_low",
                         "expected_validation_high")  # fmt: skip
                values = (low + share * (high - low) for low, high in zip(before[1:], after[1:], strict=True))
                return dict(zip(names, values, strict=True))
        return {}


def read_config_file(path: Path, known: list[str]) -> dict[str, Any]:
    """The settings in a JSON file, without its comments. Raises ValueError for a file that cannot be read and for keys
    that are none of `known`, with the nearest that is."""
    try:
        content = json.loads(path.expanduser().read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no settings: an object was expected")
    found = {key: value for key, value in content.items() if not key.startswith(COMMENTS)}
    if "config_file" in found:
        raise ValueError(f"{path} names a config_file itself: only one file is read")
    if unknown := [f"`{key}`{nearest(key, known)}" for key in found if key not in known]:
        raise ValueError(f"{path} has unknown keys: {', '.join(unknown)}")
    return found
