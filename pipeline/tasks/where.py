"""Filters over rows, such as `judge.helpfulness<0.4 and category='conflict'`, compiled to a function.

expression := term ("or" term)*      term := factor ("and" factor)*
factor     := "not" factor | "(" expression ")" | field operator value
operator   := = | == | != | < | <= | > | >= | ~ (contains, case ignored)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS

Test = Callable[[Row], bool]

FIELDS = ("id", "prompt_id", "category", "split", "type", "sample", "finish", "reward", "provider", "model", "answer",
          "thought", "theme", "contestant")  # fmt: skip
_TOKEN = re.compile(r"\s*(?:(<=|>=|!=|==|[=<>~()])|'([^']*)'|\"([^\"]*)\"|([^\s=<>!~()'\"]+))")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "~": lambda value, part: str(part).casefold() in str(value).casefold(),
}  # fmt: skip


def compile_where(text: str) -> Test:
    """A test of one row. `judge.DIMENSION` is a score; null fails every comparison. Raises ConfigError."""
    if not text.strip():
        return lambda _: True
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

    def expression(self) -> Test:
        tests = [self._term()]
        while self._accept(("word", "or")):
            tests.append(self._term())
        return lambda row: any(test(row) for test in tests)

    def _term(self) -> Test:
        tests = [self._factor()]
        while self._accept(("word", "and")):
            tests.append(self._factor())
        return lambda row: all(test(row) for test in tests)

    def _factor(self) -> Test:
        if self._accept(("word", "not")):
            inner = self._factor()
            return lambda row: not inner(row)
        if self._accept(("sign", "(")):
            test = self.expression()
            if not self._accept(("sign", ")")):
                raise self._fault("`)` is missing")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
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
        if is_score or name in ("reward", "sample"):
            try:
                value = float(text)
            except ValueError:
                raise self._fault(f"`{name}` is a number, `{text}` is not") from None
        elif kind != "text" and sign not in ("=", "==", "!=", "~"):
            raise self._fault(f"`{name}` is a text, which `{sign}` does not compare")
        compare = _COMPARE[sign]

        def test(row: Row) -> bool:
            found = row.get("scores", {}).get(dimension) if is_score else row.get(name)
            return found is not None and compare(found, value)

        return test
