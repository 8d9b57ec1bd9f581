"""LoRA adapters put into the weights of their model, on the CPU and in the precision that the weights have on disk.

Never into 4-bit weights: those would round away most of what an adapter has learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import read_json
from pipeline.training import deltas
from pipeline.training.deltas import Method
from pipeline.training.foreign import tokenizer_of
from pipeline.training.template import ChatTemplate

TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
"""Largest difference of a logit, relative to the largest logit, that rounding to the type of the weights explains."""
PROBE = [
    {"role": "user", "content": "A tank of 12 litres is filled at 3 litres a minute. When is it full? What is unknown?"}
]
EXTRA = 64
"""Tokens from all over the vocabulary that are put behind the probe."""


@dataclass(frozen=True)
class Merged:
    dtype: str
    parameters: int
    max_logit_difference: float
    """Between the saved model and its base under the adapters, over all logits of the probe."""
    largest_logit: float
    adapter_effect: float
    """The most that the adapters move a logit of the probe."""

    @property
    def relative(self) -> float:
        return self.max_logit_difference / max(1.0, self.largest_logit)


def merge(
    directory: Path,
    adapters: Sequence[Path],
    out: Path,
    weights: Sequence[float] = (),
    method: Method = "linear",
    density: float = 1.0,
    seed: int = 0,
) -> Merged:
    """Save the model of `directory` with `adapters` in its weights, the first one's tokenizer beside it, and compare.

    `weights`: one for each adapter; none: all 1. `density`: share of its entries that an adapter keeps in a module,
    above 0 and at most 1; `seed` draws them for dare_ties. Both have no effect on linear. See `deltas.combine`.
    Raises DataError where the parts do not fit together, StageFailed where an adapter holds what is not a number.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if "quantization_config" in read_json(directory / "config.json"):
        raise DataError(
            f"The weights in {directory} are quantised.",
            "A LoRA merged into them would be rounded away.",
            "Name the model in 16 or 32 bits.",
        )
    weights = list(weights) or [1.0] * len(adapters)
    if len(weights) != len(adapters):
        raise DataError(
            f"There are {len(weights)} weights for {len(adapters)} adapters.",
            "Each adapter has one weight, in the order in which the adapters are named.",
            "Mend `weights`, or leave it empty for 1 each.",
        )
    deltas.check(adapters, method)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="auto", device_map={"": "cpu"})
    probe = torch.tensor([_probe(ChatTemplate(tokenizer_of(adapters[0], directory)))])
    with torch.inference_mode():
        plain = model(probe).logits.float()
    model = deltas.load(model, directory, adapters, weights)
    if method == "linear":
        with torch.inference_mode():
            expected = model(probe).logits.float()
    else:
        combined = deltas.Combined(method, density, seed, len(adapters))
        expected = combined.logits(model, probe)
    try:
        model = model.merge_and_unload(safe_merge=True) if method == "linear" else combined.merge(model)
    except ValueError as error:
        raise StageFailed(
            "The adapter cannot be merged.", str(error), "Train it again with a lower learning rate."
        ) from None
    effect = (plain - expected).abs().max().item()
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(adapters[0], directory))
    _end_turns(model, tokenizer)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    dtype, parameters = str(model.dtype).removeprefix("torch."), model.num_parameters()
    del model  # there may not be room for two
    saved = AutoModelForCausalLM.from_pretrained(out, dtype="auto", device_map={"": "cpu"})
    with torch.inference_mode():
        difference = (saved(probe).logits.float() - expected).abs().max().item()
    return Merged(dtype, parameters, difference, expected.abs().max().item(), effect)


def _probe(template: ChatTemplate) -> list[int]:
    """The probe as a prompt, and tokens of equal distance in the vocabulary."""
    size = template.tokenizer.get_vocab_size()
    spread = range(0, size, max(1, size // EXTRA))
    return [*template.encode([template.prompt(PROBE, thinking=True)])[0], *spread]


def _end_turns(model: Any, tokenizer: Any) -> None:
    """Have generation stop at the tokenizer's end of turn too: a base model only knows its end of text."""
    known = model.generation_config.eos_token_id
    known = [] if known is None else known if isinstance(known, Sequence) else [known]
    model.generation_config.eos_token_id = list(dict.fromkeys([tokenizer.eos_token_id, *known]))
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config.eos_token_id, model.config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
