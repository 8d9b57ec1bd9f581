from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.tasks.where import compile_where

ROW: dict[str, Any] = {
    "id": "conflict-1/2",
    "category": "conflict",
    "type": "chosen",
    "reward": 0.6,
    "sample": 2,
    "answer": "Both notes cannot be right.",
    "scores": {"helpfulness": 0.3, "harm_avoidance": None},
}


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        ("", True),
        ("judge.helpfulness<0.4 and category='conflict'", True),
        ("judge.helpfulness>=0.4 or category=safety", False),
        ("not category=safety", True),
        ("(category=safety or type=chosen) and reward>0.5", True),
        ("category=safety or type=chosen and reward>0.7", False),
        ("answer~'BOTH notes'", True),
        ("answer ~ neither", False),
        ("judge.harm_avoidance<1", False),
        ("judge.harm_avoidance>=0", False),
        ("sample=2", True),
        ('id != "x"', True),
    ],
)
def test_where(where: str, passes: bool) -> None:
    assert compile_where(where)(ROW) is passes


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("judge.helpfulnes<0.4", "did you mean `judge.helpfulness`"),
        ("categry=x", "did you mean `category`"),
        ("category", "an operator is missing"),
        ("category=", "a value is missing"),
        ("category and x", "`and` is no operator"),
        ("reward<much", "`reward` is a number"),
        ("(category=x", r"`\)` is missing"),
        ("category=x y", "`y` was not expected"),
        ("category<b", "is a text"),
        ("category='x", "cannot read"),
    ],
)
def test_faults_are_named(where: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        compile_where(where)
