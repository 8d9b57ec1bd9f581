"""What a person types to narrow the list of runs: words, and conditions on state, preset, tags and final figures.

`nano state=failed tag=good reward>0.4 sft.loss<=1.2 verdict=1`: a run is shown that fits all of them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from tui.runs_feed import RunRow

_CONDITION = re.compile(r"([\w.-]+)(<=|>=|<|>|=)(\S+)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip


def fits(row: RunRow, words: str) -> bool:
    """Whether a run fits every word. A word that is not yet a whole condition is looked for as it stands."""
    return all(_fits(row, word) for word in words.casefold().split())


def _fits(row: RunRow, word: str) -> bool:
    found = _CONDITION.fullmatch(word)
    if found is None:
        return word in row.text()
    name, sign, value = found.groups()
    plain = {"state": (row.life,), "preset": (row.preset,), "tag": row.tags}
    if sign == "=" and name in plain:
        return any(text.casefold().startswith(value) for text in plain[name])
    try:
        wanted = float(value)
    except ValueError:
        return word in row.text()
    figures = [had for key, had in row.figures.items() if key.casefold() == name or key.casefold().endswith(f".{name}")]
    return any(_COMPARE[sign](had, wanted) for had in figures)
