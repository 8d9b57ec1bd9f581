"""A model of the track that answers prompts written with their tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.gpt.template import load_tokenizer, stop_ids
from pipeline.gpt.tokens import find_tags, open_tokenizer


class Speaker:
    """The model of a directory, on the GPU where there is one."""

    def __init__(self, directory: Path) -> None:
        import torch
        from transformers import GPT2LMHeadModel

        find_tags(open_tokenizer(directory))
        self.tokenizer: Any = load_tokenizer(directory)
        model = GPT2LMHeadModel.from_pretrained(directory, dtype=torch.float32)
        self.model: Any = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    @property
    def stops(self) -> list[int]:
        return stop_ids(self.tokenizer)

    def read(self, answers: Sequence[Sequence[int]]) -> Iterator[str]:
        """As text, tags and all."""
        return (str(self.tokenizer.decode(list(ids), skip_special_tokens=False)) for ids in answers)
