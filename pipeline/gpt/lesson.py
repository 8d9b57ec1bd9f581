"""Episodes of a prepared set as a training takes them: cut to the block, with the mask or without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.gpt.episodes import Episodes
from pipeline.gpt.tokens import open_tokenizer, padded

WINDOW = 32
"""Batches whose rows are sorted together: enough to save most of the padding, few enough to stay shuffled."""


class Cut:
    """Row number -> (token ids, mask), both of shape (length,); of an episode longer than `block` its last tokens."""

    def __init__(self, episodes: Episodes, block: int, masked: bool, some: Sequence[int] | None = None) -> None:
        """`masked`: whether the mask is that of the set, or all ones. `some`: the episodes taken; None: all."""
        self.episodes, self.block, self._masked, self._some = episodes, block, masked, some

    def __len__(self) -> int:
        return len(self.episodes) if self._some is None else len(self._some)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        import numpy as np

        tokens, mask = self.episodes.last(row if self._some is None else self._some[row], self.block)
        return tokens, mask if self._masked else np.ones_like(mask)

    def lengths(self) -> list[int]:
        """Tokens of each episode of the set, once cut."""
        return [min(int(length), self.block) for length in self.episodes.lengths()]

    def cut(self) -> int:
        """Episodes of the set that are longer than the block."""
        return int((self.episodes.lengths() > self.block).sum())

    def learnt(self) -> list[int]:
        """Tokens with loss of each row: the first of a row is never foretold."""
        return [int(self[row][1][1:].sum()) for row in range(len(self))]


def draw(held: Cut, most: int, seed: int) -> Cut:
    """At most so many of the held-out episodes, always the same; 0: all."""
    import numpy as np

    if not most or len(held) <= most:
        return held
    some = np.sort(np.random.default_rng(seed).permutation(len(held))[:most])
    return Cut(held.episodes, held.block, held._masked, [int(row) for row in some])


def alike(order: Any, lengths: Sequence[int], batch: int, seed: int) -> Any:
    """An order of rows, shape (rows,), with batches of rows of like length: of WINDOW batches the rows are sorted, and
    the batches shuffled. `lengths`: of each row, in tokens. What fills no batch stays last."""
    import numpy as np

    random, sizes, parts = np.random.default_rng(seed), np.asarray(lengths), []
    for start in range(0, len(order), batch * WINDOW):
        part = order[start : start + batch * WINDOW]
        part = part[np.argsort(sizes[part], kind="stable")]
        whole = len(part) // batch
        parts += [random.permutation(part[: whole * batch].reshape(whole, batch)).ravel(), part[whole * batch :]]
    return np.concatenate(parts)


def fit_vocabulary(folder: Path) -> int:
    """Rows of an embedding for the tokenizer in a folder: its tokens, padded."""
    return padded(open_tokenizer(folder).get_vocab_size(with_added_tokens=True))
