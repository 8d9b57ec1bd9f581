"""What a list of rows is narrowed to, as SQLite is asked for it: words by FTS5, columns, ranges, marks."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.indexing import FIGURES, PLAIN, SCORES
from pipeline.tasks.marks import notes_of, state_of


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; what is empty does not narrow."""

    words: str = ""
    """Words that stand in prompt, thought, answer or id; one that ends in * is the beginning of a word."""
    parts: Sequence[str] = ()
    """Texts that stand there as they are, case ignored: found by reading the rows that the rest has left."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """Column of PLAIN -> value."""
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """A dimension, `reward`, `spread` or `sample` -> lowest and highest value, both included."""
    mark: str = ""
    """accept, reject, edit, score, note, or `any`; `none` for rows that nobody has marked."""


MARKS = ("accept", "reject", "edit", "score", "note", "any", "none")
"""What a row may be marked as, for a filter."""


def where(narrowed: Filter, words: str) -> tuple[list[str], list[Any]]:
    tests: list[str] = []
    values: list[Any] = []
    for column, value in narrowed.equal.items():
        if column not in PLAIN:
            raise KeyError(column)
        tests.append(f"{column} = ?")
        values.append(value)
    for name, (low, high) in narrowed.between.items():
        column = name if name in FIGURES else f"score_{name}"
        if column not in (*SCORES, *FIGURES):
            raise KeyError(name)
        tests.append(f"{column} BETWEEN ? AND ?")
        values += [low, high]
    if words:
        tests.append("place IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(words)
    return tests, values


def terms(narrowed: Filter) -> tuple[str, list[str]]:
    """The query that FTS5 is asked, and the parts that are looked for by reading.

    A word is taken apart where unicode61 does so too: `don't` are two words. Each is quoted, so that none is taken for
    an operator. What has no letter in it, such as an emoji, is a part.
    """
    found: list[str] = []
    parts = [part for part in narrowed.parts if part]
    for word in narrowed.words.split():
        bare = word.rstrip("*")
        tokens = "".join(letter if _is_letter(letter) else " " for letter in bare).split()
        if tokens:
            found += [f'"{token}"' for token in tokens]
            found[-1] += "*" * (word != bare and _is_letter(bare[-1]))
        elif bare:
            parts.append(bare)
    return " AND ".join(found), parts


def _is_letter(letter: str) -> bool:
    kind = unicodedata.category(letter)
    return kind[0] in "LN" or kind in ("Co", "Mn")


def has_mark(marks: Sequence[Row], wanted: str) -> bool:
    """Whether a row is marked so; for `none`, as for `any`, whether it is marked at all."""
    state, notes = state_of(marks), notes_of(marks)
    if wanted in ("any", "none"):
        return bool(state or notes)
    if wanted in ("note", "score"):
        return bool(notes if wanted == "note" else state.get("scores"))
    return bool(state.get("verdict") == wanted)
