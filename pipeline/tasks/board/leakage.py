"""Leakage: held-out prompts that training has seen - the same, one near it, or one that shares whole passages."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tasks.near import Near

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grams = NDArray[np.uint64]

GRAM = 8
"""Words in a row that two people hardly write alike by chance."""
OVERLAP = 0.5
"""Share of a held-out prompt's grams that training must hold for it to count."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Leakage:
    """Ids of held-out prompts; each list includes those of the one before it."""

    same: list[str]
    near: list[str]
    overlapping: list[str]


def plain(text: str) -> str:
    """A prompt's words alone: two prompts with the same ones are the same."""
    return " ".join(_WORD.findall(text.casefold()))


def leakage(train: Mapping[str, str], heldout: Mapping[str, str]) -> Leakage:
    """Both map an id to a prompt's text. Only the held-out side is indexed, which is most often the smaller."""
    seen = {plain(text) for text in train.values()}
    same = {id for id, text in heldout.items() if plain(text) in seen}
    near = same | _near(train, heldout)
    return Leakage(*(sorted(ids) for ids in (same, near, near | _overlapping(train, heldout))))


def _near(train: Mapping[str, str], heldout: Mapping[str, str]) -> set[str]:
    index, ids, group = Near(), list(heldout), dict[int, list[str]]()
    for number, id in enumerate(ids):
        first = index.add(heldout[id])
        group.setdefault(number if first is None else first, []).append(id)
    hit = {number for text in train.values() for number in index.find(text)}
    return {id for number in hit for id in group[number]}


def _overlapping(train: Mapping[str, str], heldout: Mapping[str, str]) -> set[str]:
    import numpy as np

    of = {id: grams for id, text in heldout.items() if len(grams := _grams(text))}
    if not of:
        return set()
    all_grams = np.unique(np.concatenate(list(of.values())))
    seen = np.zeros(len(all_grams), dtype=bool)
    for text in train.values():
        grams = _grams(text)
        places = np.minimum(np.searchsorted(all_grams, grams), len(all_grams) - 1)
        seen[places[all_grams[places] == grams]] = True
    return {id for id, grams in of.items() if seen[np.searchsorted(all_grams, grams)].mean() >= OVERLAP}


def _grams(text: str) -> Grams:
    """A 64-bit hash of each run of eight words, each once."""
    import numpy as np

    words = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in _WORD.findall(text.casefold())]
    codes = np.array(words, dtype=np.uint64)
    grams = np.zeros(max(0, len(codes) - GRAM + 1), dtype=np.uint64)
    for start in range(GRAM if len(grams) else 0):
        grams = grams * np.uint64(1099511628211) + codes[start : start + len(grams)]
    return np.unique(grams)
