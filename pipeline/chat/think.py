"""Thoughts told apart from answers while they stream in."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.chat.partner import Piece
from pipeline.providers.think import CLOSE, OPEN


class ThoughtSplitter:
    """Tells thought from answer in a stream, wherever the pieces are cut; the tags themselves are dropped."""

    def __init__(self, thinking: bool = False) -> None:
        self._thinking = thinking
        self._held = ""

    def feed(self, text: str) -> Iterator[Piece]:
        self._held += text
        while True:
            tag = CLOSE if self._thinking else OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                # What may be the beginning of a tag waits for the rest of it.
                keep = next(size for size in range(len(tag) - 1, -1, -1) if before.endswith(tag[:size]))
                self._held = before[len(before) - keep :]
                yield from self._piece(before[: len(before) - keep])
                return
            yield from self._piece(before)
            self._thinking, self._held = not self._thinking, after

    def finish(self) -> Iterator[Piece]:
        """What was held back, once the stream is over."""
        held, self._held = self._held, ""
        yield from self._piece(held)

    def _piece(self, text: str) -> Iterator[Piece]:
        if text:
            yield Piece("thought" if self._thinking else "answer", text)


def close_thought(text: str) -> str:
    """A text whose think block was cut off gets its end, lest it swallow the turns to come."""
    return text + f"\n{CLOSE}\n\n" if text.rfind(OPEN) > text.rfind(CLOSE) else text
