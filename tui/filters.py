"""What a person types to narrow a list of traces, read word by word into a Filter.

`category=conflict helpfulness<0.4 spread>0.2 finish=stop mark=reject 'exactly this' word begin*`
"""

from __future__ import annotations

import math
import re

from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.index import MARKS, PLAIN, Filter

_TOKEN = re.compile(r"'([^']*)'|\"([^\"]*)\"|(\S+)")
_NUMBER = re.compile(r"(?:judge\.)?([a-z_]+)(<=?|>=?|=)(-?\d+(?:\.\d+)?)")
_EQUAL = re.compile(r"([a-z_]+)=(.+)")
_COMPARED = re.compile(r"(?:judge\.)?[a-z_]+[<>=]")
"""What is half typed, or names nothing: it does not narrow, and is told."""


def read_filter(text: str) -> tuple[Filter, str]:
    """The filter, and what could not be understood of it, in words; empty where all was."""
    words: list[str] = []
    parts: list[str] = []
    equal: dict[str, str] = {}
    between: dict[str, tuple[float, float]] = {}
    mark, strange = "", []
    for single, double, word in _TOKEN.findall(text):
        if not word:
            parts.append(single or double)
        elif (found := _NUMBER.fullmatch(word)) and _dimension(found[1]):
            name, value = _dimension(found[1]), float(found[3])
            low, high = between.get(name, (-math.inf, math.inf))
            if found[2] != "<" and found[2] != "<=":
                low = max(low, math.nextafter(value, math.inf) if found[2] == ">" else value)
            if found[2] != ">" and found[2] != ">=":
                high = min(high, math.nextafter(value, -math.inf) if found[2] == "<" else value)
            between[name] = (low, high)
        elif (pair := _EQUAL.fullmatch(word)) and pair[1] in PLAIN:
            equal[pair[1]] = pair[2].strip("'\"")
        elif pair and pair[1] == "mark":
            mark = pair[2] if pair[2] in MARKS else ""
            strange += [] if mark else [f"mark={pair[2]} (known: {', '.join(MARKS)})"]
        elif _COMPARED.match(word):
            strange.append(word)
        else:
            words.append(word)
    fault = f"not understood: {', '.join(strange)}" if strange else ""
    return Filter(" ".join(words), parts, equal, between, mark), fault


def _dimension(word: str) -> str:
    """A dimension by its name or the beginning of it; `reward`, `spread` and `sample` too."""
    names = (*DIMENSIONS, "reward", "spread", "sample")
    fitting = [name for name in names if name.startswith(word)]
    return word if word in names else fitting[0] if len(fitting) == 1 else ""
