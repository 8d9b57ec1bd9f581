"""How an answer is drawn from the logits: the settings, and llama.cpp's samplers made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. Temperature 0 takes the likeliest token every time; top_k 0 means no such limit."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0


@contextmanager
def sampler_of(api: Any, sampling: Sampling) -> Iterator[Any]:
    """A chain of llama.cpp's samplers, freed at the end."""
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    if sampling.temperature <= 0:
        links = [api.llama_sampler_init_greedy()]
    else:
        links = [api.llama_sampler_init_top_k(sampling.top_k)] if sampling.top_k > 0 else []
        links += [
            api.llama_sampler_init_top_p(sampling.top_p, 1),
            api.llama_sampler_init_min_p(sampling.min_p, 1),
            api.llama_sampler_init_temp(sampling.temperature),
            api.llama_sampler_init_dist(sampling.seed % 2**32),
        ]
    for link in links:
        api.llama_sampler_chain_add(chain, link)
    try:
        yield chain
    finally:
        api.llama_sampler_free(chain)
