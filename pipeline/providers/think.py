"""Tells a thought from an answer where a model writes both into one text."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def split_think(text: str) -> tuple[str, str]:
    """(thought, answer) of a text that begins with a think block; else the whole of it is the answer.

    The opening tag may be missing, for some chat templates end the prompt with it. A block that never closes is all
    thought, and the answer is empty. Tags further on in a text belong to it.
    """
    text = text.strip()
    before, closed, after = text.removeprefix(OPEN).partition(CLOSE)
    if text.startswith(OPEN):
        return before.strip(), after.strip()
    if closed and OPEN not in before:
        return before.strip(), after.strip()
    return "", text
