"""A distilled scorer: nine scores as a linear function of what the policy's own frozen base makes of a text.

Made by the distill stage from judged traces; it costs one forward pass, and is as good as its report says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engine.artifacts import MADE, read_made
from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.rows import Row, read_json
from pipeline.engine.stage import Context
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.records import split_thought
from pipeline.training.bits import no_nf4
from pipeline.training.distill import encode, features
from pipeline.training.template import ChatTemplate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CARD, TENSORS = "scorer.json", "scorer.safetensors"
APPLIES = 0.5
"""A dimension applies where the regression on 0 and 1 says at least this."""


def digest_of(model: Path) -> str:
    """Names the content of a model, whether this program made it or not."""
    return str(read_made(model)["digest"]) if (model / MADE).is_file() else path_hash(model)


@dataclass(frozen=True)
class Regression:
    """18 linear functions of standardised features: first the nine scores, then whether each dimension applies."""

    mean: NDArray[np.float32]
    """Shape [features], as has `scale`."""
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    """Shape [features, 18]."""
    offset: NDArray[np.float32]
    """Shape [18]."""

    def __call__(self, found: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(scores cut to 0..1, whether each applies): shape [texts, 9] each."""
        said = ((found - self.mean) / self.scale) @ self.weights + self.offset
        nine = len(DIMENSIONS)
        return said[:, :nine].clip(0.0, 1.0), said[:, nine:] >= APPLIES

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        save_file({name: getattr(self, name) for name in ("mean", "scale", "weights", "offset")}, folder / TENSORS)

    @classmethod
    def read(cls, folder: Path) -> Regression:
        from safetensors.numpy import load_file

        return cls(**load_file(folder / TENSORS))


class Distilled:
    """Marks completions once it has met the policy."""

    def __init__(self, regression: Regression, usable: Sequence[str], template: ChatTemplate, batch: int) -> None:
        self.regression, self.usable, self.template, self.batch = regression, usable, template, batch
        self._model: Any = None

    @classmethod
    def open(cls, context: Context) -> Distilled:
        """The input `scorer`, for the input `model`. Raises ConfigError for what cannot mark this training."""
        if "scorer" not in context.inputs:
            raise ConfigError(*NO_SCORER)
        if context.config.accelerate_config is not None:
            raise ConfigError(*IN_PARTS)
        folder, model = context.inputs["scorer"], context.inputs["model"]
        card = read_card(folder)
        if fault := unfit(card, model, context.config.weights):
            raise ConfigError(*fault)
        in_4bit = context.config.load_in_4bit and not no_nf4()
        if card["in_4bit"] != in_4bit:
            made, here = ("4 bits" if flag else "16 or 32 bits" for flag in (card["in_4bit"], in_4bit))
            text = (
                f"The distilled scorer was made on the model in {made}, and here it is held in {here}: its marks may be"
            )
            context.emit.alert(f"{text} off.")
        template, batch = ChatTemplate(model), context.config.batch_size
        return cls(Regression.read(folder), card["usable"], template, batch)

    def meet(self, model: Any, _: Any) -> None:
        self._model = model

    def __call__(self, rows: Sequence[Row], texts: Sequence[str]) -> list[Scores | None]:
        """Dimensions that it was found to be no judge of are absent."""
        encoded = [
            encode(self.template, row["messages"], *split_thought(text)[:2])
            for row, text in zip(rows, texts, strict=True)
        ]
        marks: list[Scores | None] = []
        for start in range(0, len(encoded), self.batch):
            found = features(self._model, encoded[start : start + self.batch])
            for scores, applies in zip(*self.regression(found), strict=True):
                marks.append(
                    {
                        name: round(float(scores[place]), 6) if applies[place] else None
                        for place, name in enumerate(DIMENSIONS)
                        if name in self.usable
                    }
                )
        return marks


NO_SCORER = (
    "The scorer `distilled` is asked for, and no scorer was given.",
    "A distill step makes one of judged traces.",
    'Put a step `distill` before this one, on the same model, or name its artifact: from = { scorer = "..." }',
)


IN_PARTS = (
    "The scorer `distilled` cannot mark a training that goes by an accelerate config file.",
    "It reads the model whole, and FSDP or ZeRO-3 leave each device a part of it.",
    "Train by `devices` alone, which is DDP, or take another scorer.",
)


def read_card(folder: Path) -> Row:
    card = read_json(folder / CARD)
    if not isinstance(card, dict) or not {"model", "usable", "dimensions"} <= card.keys():
        raise DataError(f"{folder / CARD} is no scorer's.", "", "Name what a distill step made.")
    return card


def unfit(card: Row, model: Path, weights: Any) -> tuple[str, str, str] | None:
    """What, why and how to mend it, where a scorer cannot mark a training of `model` under these weights."""
    if card["model"] != digest_of(model):
        return (
            "The distilled scorer was made on another model than the one to train.",
            f"It reads that model's own hidden states ({card['model'][:12]}), and {model.name} has others.",
            "Distill on the model that is trained: the same `model` in `from` of both steps.",
        )
    if not any(weights.of(name) for name in card["usable"]):
        return (
            "The distilled scorer can mark no dimension that has a weight.",
            f"It can be used for: {', '.join(card['usable']) or 'none'}.",
            "Give one of these a weight, take another scorer, or name what to use all the same in `allow_weak`.",
        )
    return None
