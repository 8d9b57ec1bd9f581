"""Filters over rows, such as `judge.helpfulness<0.4 and category='conflict'`, compiled to a function, and to what an
index can be asked first.

expression := term ("or" term)*      term := factor ("and" factor)*
factor     := "not" factor | "(" expression ")" | field operator value
operator   := = | == | != | < | <= | > | >= | ~ (contains, case ignored)
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.indexing import PLAIN, mapping, number, widest

FIELDS = ("id", "prompt_id", "category", "split", "type", "sample", "finish", "reward", "provider", "model", "answer",
          "thought", "theme", "contestant", "spread")  # fmt: skip
NUMBERS = ("reward", "sample", "spread")
"""`spread`: the widest between a judge's samples, over the dimensions."""
_TOKEN = re.compile(r"\s*(?:(<=|>=|!=|==|[=<>~()])|'([^']*)'|\"([^\"]*)\"|([^\s=<>!~()'\"]+))")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "~": lambda value, part: str(part).casefold() in str(value).casefold(),
}  # fmt: skip


@dataclass(frozen=True)
class Where:
    """A test of one row, and what every row that passes it has: columns of an index and their values or ranges."""

    test: Callable[[Row], bool]
    equal: Mapping[str, str] = field(default_factory=dict)
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, row: Row) -> bool:
        return self.test(row)


def compile_where(text: str) -> Where:
    """`judge.DIMENSION` is a score; null fails every comparison. Raises ConfigError."""
    if not text.strip():
        return Where(lambda _: True)
    parser = _Parser(text)
    test = parser.expression()
    parser.end()
    return test


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._fault(f"cannot read `{text[position:].strip()}`")
            sign, single, double, word = match.groups()
            quoted = single if single is not None else double
            self._tokens.append(("sign", sign) if sign else ("text", quoted) if quoted is not None else ("word", word))
            position = match.end()

    def _fault(self, why: str) -> ConfigError:
        return ConfigError(
            f"--where {self._text}: {why}.", "", "Write such as: judge.helpfulness<0.4 and category='conflict'"
        )

    def _next(self, what: str) -> tuple[str, str]:
        if not self._tokens:
            raise self._fault(f"{what} is missing at the end")
        return self._tokens.pop(0)

    def _accept(self, *token: tuple[str, str]) -> bool:
        if self._tokens and self._tokens[0] in token:
            self._tokens.pop(0)
            return True
        return False

    def end(self) -> None:
        if self._tokens:
            raise self._fault(f"`{self._tokens[0][1]}` was not expected")

    def expression(self) -> Where:
        tests = [self._term()]
        while self._accept(("word", "or")):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else Where(lambda row: any(test(row) for test in tests))

    def _term(self) -> Where:
        tests = [self._factor()]
        while self._accept(("word", "and")):
            tests.append(self._factor())
        equal = {name: value for test in tests for name, value in test.equal.items()}
        between: dict[str, tuple[float, float]] = {}
        for name, (low, high) in (pair for test in tests for pair in test.between.items()):
            known = between.get(name, (low, high))
            between[name] = (max(low, known[0]), min(high, known[1]))
        return Where(lambda row: all(test(row) for test in tests), equal, between)

    def _factor(self) -> Where:
        if self._accept(("word", "not")):
            inner = self._factor()
            return Where(lambda row: not inner(row))
        if self._accept(("sign", "(")):
            test = self.expression()
            if not self._accept(("sign", ")")):
                raise self._fault("`)` is missing")
            return test
        return self._comparison()

    def _comparison(self) -> Where:
        from pipeline.engine.presets import nearest

        kind, name = self._next("a field")
        dimension = name.removeprefix("judge.")
        is_score = name.startswith("judge.")
        if kind != "word" or (is_score and dimension not in DIMENSIONS) or (not is_score and name not in FIELDS):
            known = [*FIELDS, *(f"judge.{dimension}" for dimension in DIMENSIONS)]
            raise self._fault(f"there is no field `{name}`{nearest(name, known).rstrip('?')}")
        _, sign = self._next("an operator")
        if sign not in _COMPARE:
            raise self._fault(f"`{sign}` is no operator")
        kind, text = self._next("a value")
        value: Any = text
        numeric = is_score or name in NUMBERS
        if numeric:
            try:
                value = float(text)
            except ValueError:
                raise self._fault(f"`{name}` is a number, `{text}` is not") from None
        elif kind != "text" and sign not in ("=", "==", "!=", "~"):
            raise self._fault(f"`{name}` is a text, which `{sign}` does not compare")
        compare = _COMPARE[sign]

        def test(row: Row) -> bool:
            if name == "spread":
                found = widest(row)
            elif numeric:
                found = number(mapping(row.get("scores")).get(dimension) if is_score else row.get(name))
            else:
                found = row.get(name)
            return found is not None and compare(found, value)

        if numeric and sign not in ("!=", "~"):
            low, high = {"<": (-math.inf, value), ">": (value, math.inf)}.get(sign[0], (value, value))
            return Where(test, {}, {dimension: (low, high)})
        return Where(test, {name: value} if name in PLAIN and sign in ("=", "==") else {})
