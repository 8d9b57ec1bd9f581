"""What a frozen model makes of a prompt and its completion: features for a small regression on top of it.

The model is the policy's own base, so that a training has no second one in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.training.bits import keep_unpacked, nf4
from pipeline.training.load import compute_dtype
from pipeline.training.template import THINK_END, THINK_START, ChatTemplate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS = 3
"""Vectors of a text: the mean over its prompt, the mean over its completion, its last token."""

Tokens = tuple[list[int], list[int]]
"""Of the prompt and of the completion."""


def encode(template: ChatTemplate, messages: Sequence[Any], thought: str, answer: str) -> Tokens:
    """A completion behind its prompt as a policy that thinks writes it, but for the end of its turn."""
    block = f"{THINK_START}\n{thought.strip()}\n{THINK_END}\n\n" if thought.strip() else ""
    prompt, completion = template.encode([template.prompt(messages, thinking=True), f"{block}{answer.strip()}"])
    return prompt, completion


def load_frozen(directory: Path, in_4bit: bool) -> Any:
    """The model of `directory`, on the GPU where there is one. `in_4bit` needs bitsandbytes."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    options: dict[str, Any] = {"dtype": compute_dtype()}
    if in_4bit:
        options["quantization_config"] = nf4(compute_dtype())
    if torch.cuda.is_available():
        options["device_map"] = {"": torch.cuda.current_device()}
    model = AutoModelForCausalLM.from_pretrained(directory, **options).eval()
    keep_unpacked(model)
    return model


def features(model: Any, texts: Sequence[Tokens]) -> NDArray[np.float32]:
    """Hidden states of the last layer, adapters switched off: shape [texts, PARTS x hidden size].

    Texts are batched as they come and padded on the right, where no token before sees it. A text without a completion
    has zeros in its place.
    """
    import numpy as np
    import torch

    width = max(len(prompt) + len(completion) for prompt, completion in texts)
    rows = [[*prompt, *completion] for prompt, completion in texts]
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
    with torch.no_grad(), _frozen(model) as backbone:
        states = backbone(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state.float()
    found = np.zeros((len(texts), PARTS, states.shape[-1]), dtype=np.float32)
    for place, (prompt, completion) in enumerate(texts):
        end = len(prompt) + len(completion)
        found[place, 0] = states[place, : len(prompt)].mean(dim=0).cpu().numpy()
        if completion:
            found[place, 1] = states[place, len(prompt) : end].mean(dim=0).cpu().numpy()
        found[place, 2] = states[place, end - 1].cpu().numpy()
    return found.reshape(len(texts), -1)


@contextmanager
def _frozen(model: Any) -> Iterator[Any]:
    """The layers below the head, without adapters and without dropout, for as long as this lasts."""
    adapted = hasattr(model, "disable_adapter")
    base = model.get_base_model() if adapted else model
    training = model.training
    model.eval()
    try:
        with model.disable_adapter() if adapted else nullcontext():
            yield base.base_model
    finally:
        model.train(training)
