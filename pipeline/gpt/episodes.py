"""A prepared set on disk: token ids, the loss mask and where each episode lies, read through the memory map.

`tokens.bin` uint32, `mask.bin` uint8, `episodes.idx` uint64 pairs (start, length), all little-endian; a large set is
several folders of these, `00000`, `00001` and so on.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engine.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tokens = NDArray[np.uint32]
    Mask = NDArray[np.uint8]
    Index = NDArray[np.uint64]

TOKENS, MASK, INDEX = "tokens.bin", "mask.bin", "episodes.idx"
SHARD = 50_000_000
"""Tokens of a shard at most, unless one episode alone has more."""


class Shard:
    """One folder of the three files. Raises DataError where their sizes do not fit one another, or an episode lies
    outside of them."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.folder = folder
        self.tokens: Tokens = _map(folder / TOKENS, np.dtype("<u4"))
        self.mask: Mask = _map(folder / MASK, np.dtype("<u1"))
        pairs = _map(folder / INDEX, np.dtype("<u8"))
        if len(pairs) % 2 or len(self.mask) != len(self.tokens):
            why = f"{len(self.tokens)} tokens, {len(self.mask)} of the mask, {len(pairs)} numbers of the index."
            raise DataError(f"The files of {folder} do not fit one another.", why, REMAKE)
        self.index: Index = pairs.reshape(-1, 2)
        ends = self.index.sum(axis=1)
        if len(ends) and (int(ends.max()) > len(self.tokens) or bool((ends < self.index[:, 0]).any())):
            raise DataError(f"An episode of {folder} lies outside its tokens.", "", REMAKE)

    def __len__(self) -> int:
        return len(self.index)


REMAKE = "Prepare the set anew."


def _map(path: Path, kind: Any) -> Any:
    import numpy as np

    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read.", str(error), REMAKE) from None
    if size % kind.itemsize:
        raise DataError(f"{path} is torn: {size} bytes are no whole number of {kind.itemsize}.", "", REMAKE)
    return np.memmap(path, kind, "r") if size else np.zeros(0, kind)


class Episodes:
    """One side of a prepared set, `train` or `val`: episode number -> (tokens, mask), both of shape (length,)."""

    def __init__(self, folder: Path) -> None:
        parts = sorted(path.parent for path in folder.glob(f"*/{INDEX}"))
        self.shards = [Shard(part) for part in parts or [folder]]
        self._ends = list(accumulate(map(len, self.shards)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: int) -> tuple[Tokens, Mask]:
        if not 0 <= number < len(self):
            raise IndexError(number)
        at = bisect_right(self._ends, number)
        shard = self.shards[at]
        start, length = map(int, shard.index[number - (self._ends[at - 1] if at else 0)])
        return shard.tokens[start : start + length], shard.mask[start : start + length]

    def lengths(self) -> Index:
        """Tokens of each episode."""
        import numpy as np

        return np.concatenate([shard.index[:, 1] for shard in self.shards])

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Every episode once, as an epoch reads them: it follows from `seed + epoch` alone."""
        import numpy as np

        return np.random.default_rng(seed + epoch).permutation(len(self))

    def last(self, number: int, block: int) -> tuple[Tokens, Mask]:
        """An episode, or its last `block` tokens: its end says what is to be learnt."""
        tokens, mask = self[number]
        return tokens[-block:], mask[-block:]


class Writer:
    """Writes one side of a set, episodes in the order they come; a new shard begins where one is full."""

    def __init__(self, folder: Path, shard: int = SHARD) -> None:
        self._folder, self._most = folder, shard
        self._files: list[Any] = []
        self._tokens = 0
        self._shards = 0
        self.episodes = self.tokens = self.learnt = 0
        self._open(folder)

    def write(self, tokens: Tokens, mask: Mask, lengths: NDArray[np.int64]) -> None:
        """Add episodes that lie one behind the other in `tokens` and `mask`."""
        import numpy as np

        ends = np.cumsum(lengths)
        begin = 0
        while begin < len(lengths):
            offset = int(ends[begin] - lengths[begin])
            fit = int(np.searchsorted(ends, offset + self._most - self._tokens, side="right"))
            if fit <= begin and self._tokens:
                self._next()
                continue
            fit = max(fit, begin + 1)
            part = slice(offset, int(ends[fit - 1]))
            starts = ends[begin:fit] - lengths[begin:fit] - offset + self._tokens
            for file, values, kind in zip(
                self._files,
                (tokens[part], mask[part], np.stack([starts, lengths[begin:fit]], axis=1)),
                ("<u4", "<u1", "<u8"),
                strict=True,
            ):
                file.write(np.ascontiguousarray(values, kind).tobytes())
            self._tokens += part.stop - part.start
            self.learnt += int(mask[part].sum())
            begin = fit
        self.episodes += len(lengths)
        self.tokens += int(lengths.sum())

    def close(self) -> None:
        for file in self._files:
            file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [(folder / name).open("wb") for name in (TOKENS, MASK, INDEX)]
        self._tokens = 0

    def _next(self) -> None:
        self.close()
        if not self._shards:  # only now is it known that there are several
            first = self._folder / "00000"
            first.mkdir(exist_ok=True)
            for name in (TOKENS, MASK, INDEX):
                (self._folder / name).replace(first / name)
        self._shards += 1
        self._open(self._folder / f"{self._shards:05d}")
