from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pipeline.engine.rows import Row
from pipeline.tasks.mixing import amounts, draw, shared


@pytest.mark.parametrize(
    ("sizes", "shares", "rows", "wanted"),
    [
        ([2500, 974], [0.85, 0.15], 0, [2500, 441]),
        ([2500, 974], [0.85, 0.15], 1000, [850, 150]),
        ([10, 10, 10], [1 / 3, 1 / 3, 1 / 3], 10, [4, 3, 3]),
        ([5], [1.0], 0, [5]),
    ],
)
def test_a_share_is_one_of_the_output(sizes: list[int], shares: list[float], rows: int, wanted: list[int]) -> None:
    found = amounts(sizes, shares, rows)
    assert found == wanted
    assert all(abs(count / sum(found) - share) < 0.07 for count, share in zip(found, shares, strict=True))


def test_rows_are_drawn_once_and_again_only_where_there_are_too_few() -> None:
    assert len(set(draw(100, 30, Random(1)))) == 30
    assert draw(5, 5, Random(1)) == [0, 1, 2, 3, 4]
    assert sorted(Counter(draw(4, 10, Random(1))).values()) == [2, 2, 3, 3]


def row(prompt: str, answer: str, payload: str) -> Row:
    said = [("system", "S"), ("user", prompt), ("assistant", answer)]
    return {"payload": payload, "messages": [{"role": role, "content": text} for role, text in said]}


def test_what_two_inputs_share_is_counted() -> None:
    one = [row("a", "1", "x"), row("b", "2", "y"), row("c", "3", "")]
    other = [row("a", "1", "y"), row("b", "other", "z"), row("d", "3", "")]
    assert shared({"one": one, "other": other}) == [
        {"inputs": ["one", "other"], "prompts": 2, "contradictions": 1, "payloads": 1}
    ]
