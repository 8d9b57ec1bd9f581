"""Conversations and plain text as episodes of token ids, a batch at a time: a text that rows share is encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from pipeline.engine.errors import DataError
from pipeline.gpt.tokens import END, TAG, find_tags, loss_mask, pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.gpt.episodes import Mask, Tokens

JOINED = 64
"""Texts encoded as one."""
Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Encoded:
    """Episodes that lie one behind the other, none longer than a block."""

    tokens: Tokens
    mask: Mask
    lengths: NDArray[np.int64]
    cut: int
    """How many were longer, and lost their beginning."""


class Encoder:
    def __init__(self, tokenizer: Any, block: int) -> None:
        self.tokenizer, self.block = tokenizer, block
        self.tags = find_tags(tokenizer)
        self._end = tokenizer.token_to_id(END)
        if self._end is None:
            raise DataError(f"The tokenizer knows no {END}.", "", "Take one of the GPT-2 family.")
        self._tags = {tag: [number] for tag, number in self.tags.items()}

    def conversations(self, batch: Sequence[Messages]) -> Encoded:
        """An episode each; messages without a fault (`fault_of`)."""
        import numpy as np

        said = [pieces(messages) for messages in batch]
        texts = list(set(chain.from_iterable(said)) - self._tags.keys())
        ids = self._tags | dict(zip(texts, self._encode(texts), strict=True))
        rows = [[number for text in parts for number in ids[text]] for parts in said]
        lengths = np.array([len(row) for row in rows], np.int64)
        tokens: Tokens = np.fromiter(chain.from_iterable(rows), np.uint32, int(lengths.sum()))
        mask = loss_mask(tokens, self.tags)
        kept = np.minimum(lengths, self.block)
        if long := int((lengths > self.block).sum()):
            stays = np.arange(len(tokens)) >= np.repeat(np.cumsum(lengths) - kept, lengths)
            tokens, mask = tokens[stays], mask[stays]
        return Encoded(tokens, mask, kept, long)

    def text(self, parts: Iterable[str]) -> Iterator[Encoded]:
        """A document, given in parts, as episodes of a whole block each, the last one shorter: all of it is learnt.
        Raises DataError for a text with a tag."""
        import numpy as np

        waiting: list[int] = []
        for part in chain(parts, (None,)):
            if part is not None and (found := TAG.search(part)):
                raise DataError(f"The text holds {found[0]!r}, which only a tag may.", "", "Remove it from the text.")
            waiting += self._text(part) if part is not None else [self._end]
            size = len(waiting) - (len(waiting) % self.block if part is not None else 0)
            if size:
                tokens: Tokens = np.array(waiting[:size], np.uint32)
                lengths = np.full(-(-size // self.block), self.block, np.int64)
                lengths[-1] = size - self.block * (len(lengths) - 1)
                yield Encoded(tokens, np.ones(size, np.uint8), lengths, 0)
                waiting = waiting[size:]

    def _text(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text. Many are encoded as one, with the end of a document between them, and parted again: for
        short texts that is 2.5 times as fast. So none of them may hold it."""
        import numpy as np

        parts = [texts[start : start + JOINED] for start in range(0, len(texts), JOINED)]
        lines = [END + END.join(part) for part in parts]
        found = []
        for encoded in self.tokenizer.encode_batch_fast(lines, add_special_tokens=False):
            ids = encoded.ids
            ends = [*np.flatnonzero(np.array(ids) == self._end).tolist(), len(ids)]
            found += [ids[start + 1 : stop] for start, stop in pairwise(ends)]
        return found

    def fertility(self, words: Iterable[str]) -> dict[str, Any]:
        """Tokens of a word, as it stands behind a space."""
        sizes = [len(ids) for ids in self._encode([f" {word}" for word in sorted(set(words))])]
        return {
            "words": len(sizes),
            "mean": round(sum(sizes) / max(1, len(sizes)), 3),
            "most": max(sizes, default=0),
            "above_four": sum(size > 4 for size in sizes),
        }


def preview(tokenizer: Any, tokens: Iterable[int], mask: Iterable[int]) -> list[tuple[int, int, str]]:
    """(id, mask, text) of every token; a token that is a part of a letter reads as its bytes."""
    return [
        (int(number), int(learnt), tokenizer.decode([int(number)], skip_special_tokens=False))
        for number, learnt in zip(tokens, mask, strict=True)
    ]
