"""Traces kept from an SFT, and the trainer's own evaluation of their loss, which leaves no trace in the training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.training import ranks
from pipeline.training.examples import IGNORED


def hold_out(prompts: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """The ids of prompts whose traces are kept from the training: `share` (0..1) of all, chosen by id and seed.

    At least one if the share is above 0, and never the last one: of a single prompt none is held out.
    """
    ids = sorted(set(prompts), key=lambda prompt: hashlib.sha256(f"{seed}/validation/{prompt}".encode()).digest())
    count = min(max(1, round(len(ids) * share)), len(ids) - 1) if share and ids else 0
    return frozenset(ids[:count])


def learnt(labels: Sequence[int]) -> int:
    """Tokens that a loss is taken on: the first of a row is never foretold."""
    return sum(label != IGNORED for label in labels[1:])


def measuring(trainer: type[Any], validation: Sequence[Sequence[int]], blank: int = 0) -> type[Any]:
    """A trainer of that class whose evaluation gives the mean loss of a token, whatever the batches, as the training
    loss does, and leaves the random state as it was. `validation`: the labels of each row; `blank`: rows without one
    behind them."""
    import torch

    mean = sum(map(learnt, validation)) / max(1, len(validation) + blank)

    class Measuring(trainer):  # type: ignore[misc]
        def evaluate(self, *args: Any, **options: Any) -> Any:
            devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
            with torch.random.fork_rng(devices):
                return super().evaluate(*args, **options)

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            # The loop averages the means of batches by their rows; by their tokens is meant. Of several processes each
            # has a mean over the tokens of all, times their number.
            tokens = sum(ranks.gather([int((inputs["labels"][..., 1:] != IGNORED).sum())])) / ranks.count()
            share = tokens / (mean * len(inputs["labels"]))
            loss, *rest = super().prediction_step(model, inputs, *args, **options)
            return (loss * share, *rest)

    return Measuring
