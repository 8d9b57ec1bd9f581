"""Near duplicates: texts that share most of their letters, found without comparing each with each.

A text is the set of its runs of five letters. Ours, for it reads 100,000 answers in half a minute, at 2 kB each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint32]

THRESHOLD = 0.8
"""Of two texts of twenty words that differ in one word, the runs are shared to about this part."""
RUN = 5
KEPT = 256
"""Smallest hashes kept of a text: all of them up to some 260 letters, beyond that a sample (standard error 0.025)."""
BANDS, ROWS = 12, 4
"""A pair that shares a part s of its runs meets in some band with probability 1 - (1 - s^4)^12: 99.8 % at 0.8."""
SLOTS = 4
"""At most this many texts are compared in a band, so that a stock phrase in every text does not make it quadratic."""

_WORD = re.compile(r"\w+")
_PRIME = 1099511628211
_WEIGHTS = tuple(pow(_PRIME, power, 2**64) for power in range(RUN))


class Near:
    """Texts seen so far, none of them near another."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        self._count = 0
        self._kept: dict[int, Hashes] = {}
        self._owners: dict[int, int] = {}
        """Hash of a band and a slot -> the number of the text that stands there."""

    def add(self, text: str) -> int | None:
        """The number of an earlier text that this one is near to; None if there is none: then it is kept, too.

        Texts are numbered from 0 in the order they come, near ones included.
        """
        number, hashes = self._count, _hashes(text)
        self._count += 1
        met, free = self._meet(hashes)
        first = next(self._near(hashes, met), None)
        if first is None:
            self._kept[number] = hashes[:KEPT].copy()
            self._owners.update(dict.fromkeys(free, number))
        return first

    def find(self, text: str) -> list[int]:
        """The numbers of the kept texts that this one is near to; it is not kept."""
        hashes = _hashes(text)
        return list(self._near(hashes, self._meet(hashes)[0]))

    def _meet(self, hashes: Hashes) -> tuple[list[int], list[int]]:
        """(texts that share a band with this one, the places in the bands where it could stand itself)"""
        met, free = dict[int, None](), []
        for band in _bands(hashes):
            for place in range(band, band + SLOTS):
                if (owner := self._owners.get(place)) is None:
                    free.append(place)
                    break
                met[owner] = None
        return list(met), free

    def _near(self, hashes: Hashes, met: Iterable[int]) -> Iterator[int]:
        return (owner for owner in met if _shared(self._kept[owner], hashes[:KEPT]) >= self.threshold)


def near_duplicates(texts: Iterable[str], threshold: float = THRESHOLD) -> list[tuple[int, int]]:
    """(i, j) for every text j that is near to an earlier one, i, that itself is near to none before it."""
    near = Near(threshold)
    found = ((near.add(text), number) for number, text in enumerate(texts))
    return [(first, number) for first, number in found if first is not None]


def similarity(first: str, second: str) -> float:
    """Jaccard index of the two texts' runs of five letters, 0..1, as `Near` measures it: letter case, spaces and
    punctuation do not count."""
    return _shared(_hashes(first)[:KEPT], _hashes(second)[:KEPT])


def _hashes(text: str) -> Hashes:
    """A 32-bit hash of each run of letters, sorted, each once; at least one."""
    import numpy as np

    letters = " ".join(_WORD.findall(text.casefold())).ljust(RUN).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(letters, dtype="<u4").astype(np.uint64)
    runs = np.zeros(len(codes) - RUN + 1, dtype=np.uint64)
    for start, weight in enumerate(_WEIGHTS):
        runs += codes[start : start + len(runs)] * np.uint64(weight)
    runs ^= runs >> np.uint64(29)  # the finisher of splitmix64: similar runs get unlike hashes
    runs *= np.uint64(0xBF58476D1CE4E5B9)
    runs ^= runs >> np.uint64(32)
    hashes = np.sort((runs >> np.uint64(32)).astype(np.uint32))
    return hashes[np.concatenate(([True], hashes[1:] != hashes[:-1]))]


def _bands(hashes: Hashes) -> list[int]:
    """One number for each band of the text's signature.

    Its entries are the hashes that follow 48 fixed points on the circle of all hashes: at each point two texts agree
    with a probability equal to the share of their runs that is common (one-permutation hashing; Li et al. 2012).
    """
    import numpy as np

    size = BANDS * ROWS
    points = np.arange(size, dtype=np.uint64) * np.uint64(2**32 // size)
    signature = hashes[np.searchsorted(hashes, points.astype(np.uint32)) % len(hashes)].astype(np.uint64)
    bands = np.arange(BANDS, dtype=np.uint64)
    for row in signature.reshape(ROWS, BANDS):
        bands = bands * np.uint64(_PRIME) + row
    numbers: list[int] = bands.tolist()
    return numbers


def _shared(first: Hashes, second: Hashes) -> float:
    """Jaccard index of two texts by their smallest hashes: among the smallest of both together, the part in both."""
    import numpy as np

    together = np.concatenate((first, second))
    together.sort()
    twice = together[1:] == together[:-1]
    distinct = len(together) - int(np.count_nonzero(twice))
    if distinct > KEPT:
        numbered = np.cumsum(~twice) + 1  # of each but the first, which distinct hash it is
        twice = twice[: int(np.searchsorted(numbered, KEPT, side="right"))]
    return int(np.count_nonzero(twice)) / min(distinct, KEPT)
