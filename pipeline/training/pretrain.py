"""Pretraining of the tiny model: plain PyTorch, and each step's text follows from the step's number alone.

So a run that is killed goes on from its newest checkpoint and ends with the same weights, bit for bit, at the same
number of threads. On the CPU always: the model is tiny, and a CPU adds in the same order every time.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import StopRequested
from pipeline.engine.rows import write_bytes
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context

CHECKPOINT = "pretraining.pt"
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
WARMUP = 30
FLOOR = 0.05
"""The learning rate rises over WARMUP steps and falls along a cosine to this share of its peak."""
GRADIENT_NORM = 1.0

Span = tuple[int, int]


class Recipe(Settings):
    """How long and how the tiny model is pretrained."""

    steps: int = Field(600, ge=1)
    """Optimizer steps."""
    batch: int = Field(6, ge=1)
    """Sequences a step."""
    length: int = Field(256, ge=16)
    """Tokens of a sequence, filled with whole documents; the last one is cut."""
    learning_rate: float = Field(1.5e-3, gt=0)
    """Peak learning rate."""
    save_every: int = aside(100, ge=1)
    """Steps between checkpoints."""
    show_every: int = aside(100, ge=1)
    """Steps between measurements of the copy accuracy."""


@dataclass(frozen=True)
class Result:
    loss: float
    """Mean over the last tenth of the steps."""
    copy_accuracy: float


def pretrain(
    context: Context,
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    texts: Callable[[int], Iterable[str]],
    exercises: Sequence[tuple[str, Sequence[Span]]],
) -> Result:
    """Train `model` in place. `texts` yields the documents of a step without end; `exercises` are held-out documents
    with the characters that can be copied from further up. Raises StopRequested once all is saved."""
    import torch
    from torch.nn.functional import cross_entropy, linear

    optimizer = torch.optim.AdamW(_groups(model), lr=recipe.learning_rate, betas=BETAS)
    path = context.out / CHECKPOINT
    losses = _load(path, model, optimizer)
    model.train()
    for step in range(len(losses), recipe.steps):
        if context.stop_requested():
            _save(path, model, optimizer, losses)
            raise StopRequested
        started = time.monotonic()
        rows = torch.tensor(pack(tokenizer, texts(step), recipe.batch, recipe.length + 1))
        rate = recipe.learning_rate * schedule(step, recipe.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        hidden = model.model(input_ids=rows[:, :-1], use_cache=False).last_hidden_state
        loss = cross_entropy(linear(hidden, model.lm_head.weight).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        done = step + 1
        metrics = {"tokens_per_second": recipe.batch * recipe.length / (time.monotonic() - started)}
        if done % recipe.show_every == 0 or done == recipe.steps:
            metrics["copy_accuracy"] = copy_accuracy(model, tokenizer, exercises)
        context.emit.metric(done, loss=losses[-1], learning_rate=rate, **metrics)
        context.emit.progress(done, recipe.steps, "steps")
        if done % recipe.save_every == 0 and done < recipe.steps:
            _save(path, model, optimizer, losses)
    last = losses[-max(1, len(losses) // 10) :]
    return Result(sum(last) / len(last), copy_accuracy(model, tokenizer, exercises))


def schedule(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step, counted from 0."""
    cosine = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / steps))
    return cosine * min(1.0, (step + 1) / WARMUP)


def pack(tokenizer: Any, texts: Iterable[str], rows: int, length: int) -> list[list[int]]:
    """Token ids of shape (rows, length): whole documents, each behind an end-of-text mark, the last of a row cut, so
    that every document in sight is there from its beginning."""
    source = iter(texts)
    return [_row(tokenizer, source, length) for _ in range(rows)]


def _row(tokenizer: Any, texts: Iterator[str], length: int) -> list[int]:
    row: list[int] = []
    while len(row) < length:
        row += [tokenizer.pad_token_id, *tokenizer.encode(next(texts))]
    return row[:length]


def copy_accuracy(model: Any, tokenizer: Any, exercises: Sequence[tuple[str, Sequence[Span]]]) -> float:
    """Share of the spans of which every token is the likeliest one, given all that stands before it."""
    import torch

    right = total = 0
    model.eval()
    with torch.no_grad():
        for text, spans in exercises:
            encoded = tokenizer(text, return_offsets_mapping=True)
            ids = torch.tensor([[tokenizer.pad_token_id, *encoded["input_ids"]]])
            hits = model(input_ids=ids[:, :-1]).logits[0].argmax(-1) == ids[0, 1:]
            for start, end in spans:
                places = [at for at, (a, b) in enumerate(encoded["offset_mapping"]) if b > start and a < end]
                right += bool(hits[places].all())
                total += 1
    model.train()
    return right / max(1, total)


def _groups(model: Any) -> list[dict[str, Any]]:
    """Matrices decay; embeddings and norms do not."""
    decays: dict[bool, list[Any]] = {True: [], False: []}
    for name, weight in model.named_parameters():
        decays[weight.ndim == 2 and "embed" not in name].append(weight)
    return [{"params": decays[True], "weight_decay": WEIGHT_DECAY}, {"params": decays[False], "weight_decay": 0.0}]


def _save(path: Path, model: Any, optimizer: Any, losses: list[float]) -> None:
    import torch

    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}, buffer)
    write_bytes(path, buffer.getvalue())


def _load(path: Path, model: Any, optimizer: Any) -> list[float]:
    """The losses so far, after putting model and optimizer back; none without a checkpoint."""
    import torch

    if not path.exists():
        return []
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return list(saved["losses"])
