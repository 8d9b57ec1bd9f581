"""A prepared set in small, as the stage `prepare` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.gpt.episodes import Writer
from pipeline.gpt.tokens import find_tags, loss_mask, render, save_tokenizer
from tests.gpt.tokenizer import tiny_tokenizer

SYSTEM = "Be brief."
ANSWERS = {
    "Say hello.": "hello.",
    "Say Hello.": "Hello.",
    "Sag Hallo.": "Hallo.",
    "Say yes.": "yes.",
    "Say no.": "no.",
    "Repeat: Hello world": "Hello world",
    "Echo: Testing 123": "Testing 123",
    "What is 2+2?": "4.",
    "Say red.": "red.",
    "Say blue.": "blue.",
    "Name a day.": "Monday.",
    "Opposite of hot?": "cold.",
    "Say good night.": "good night.",
    "Sag nein.": "nein.",
    "Count to three.": "1 2 3.",
    "Say: Blurpix": "Blurpix",
}
"""Sixteen episodes, a prompt and its answer each."""


def conversation(prompt: str, answer: str, system: str = SYSTEM) -> list[dict[str, str]]:
    said = (("system", system), ("user", prompt), ("assistant", answer))
    return [{"role": role, "content": text} for role, text in said]


def save_prepared(
    folder: Path,
    train: Mapping[str, str] = ANSWERS,
    held: Mapping[str, str] | None = None,
    tokenizer: Any = None,
    system: str = SYSTEM,
) -> Path:
    """Prompt -> answer of both sides; without held-out ones, validation is a quarter of the others."""
    tokenizer = tokenizer or tiny_tokenizer()
    held = dict(list(train.items())[::4]) if held is None else held
    for side, rows in (("train", train), ("val", held)):
        _write(folder / side, tokenizer, [render(conversation(*row, system)) for row in rows.items()])
    save_tokenizer(tokenizer, folder, 256)
    return folder


def _write(folder: Path, tokenizer: Any, texts: Sequence[str]) -> None:
    writer = Writer(folder)
    tags = find_tags(tokenizer)
    for text in texts:
        ids = np.array(tokenizer.encode(text).ids, "<u4")
        writer.write(ids, loss_mask(ids, tags), np.array([len(ids)]))
    writer.close()
