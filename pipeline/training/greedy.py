"""Completions of prompts by a model at hand, in training or not: greedy at temperature 0, else drawn by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def complete(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    most: int,
    stops: Sequence[int],
    temperature: float = 0.0,
    seed: int = 0,
    cached: bool = True,
) -> list[list[int]]:
    """The token ids that follow each prompt, a text with its special tokens, up to a stop or `most` of them; the stop
    is the last. Where the model has no positions for so many behind a prompt they are fewer, and of a prompt that
    leaves room for none only the end is read: see `too_long`. The random state is left as it was.

    Every prompt has a row of its own in one batch, padded in front; those that leave less room have a batch of theirs.
    With `cached` false every token is reckoned from the whole text anew, as a check.
    """
    room = int(model.config.max_position_embeddings)
    encoded = [row[1 - room :] for row in _encode(tokenizer, prompts)]
    found: dict[int, list[int]] = {}
    for fits in (True, False):
        places = [place for place, row in enumerate(encoded) if (len(row) + most <= room) is fits]
        if places:
            rows = [encoded[place] for place in places]
            left = min(most, room - max(map(len, rows)))
            answers = _generate(model, tokenizer, rows, left, stops, temperature, seed, cached)
            found |= dict(zip(places, answers, strict=True))
    return [found[place] for place in range(len(encoded))]


def too_long(model: Any, tokenizer: Any, prompts: Sequence[str]) -> int:
    """How many of the prompts leave the model no position for an answer."""
    return sum(len(row) >= int(model.config.max_position_embeddings) for row in _encode(tokenizer, prompts))


def _encode(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    return list(tokenizer(list(prompts), add_special_tokens=False)["input_ids"])


def _generate(
    model: Any, tokenizer: Any, encoded: Sequence[list[int]], most: int, stops: Sequence[int], temperature: float,
    seed: int, cached: bool,
) -> list[list[int]]:  # fmt: skip
    import torch
    from transformers import GenerationConfig

    width = max(map(len, encoded))
    pad = int(tokenizer.pad_token_id)
    device = next(model.parameters()).device
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in encoded], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in encoded], device=device)
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature > 0 else {"do_sample": False}
    settings = GenerationConfig(
        max_new_tokens=most, eos_token_id=list(stops), pad_token_id=pad, use_cache=cached, **drawn
    )
    trained, told = model.training, model.generation_config
    model.eval()
    model.generation_config = GenerationConfig()  # what a model advises would fill in what is not set here
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            output = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
    finally:
        model.generation_config = told
        model.train(trained)
    return [_until(row[width:].tolist(), stops) for row in output]


def _until(ids: list[int], stops: Sequence[int]) -> list[int]:
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids) - 1)
    return ids[: end + 1]
