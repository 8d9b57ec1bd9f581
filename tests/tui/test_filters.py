"""What is typed to narrow the traces: each word does what it says, and what is not understood is told."""

from __future__ import annotations

import math

import pytest

from pipeline.tasks.index import Filter
from tui.filters import read_filter


def test_words_parts_columns_and_marks() -> None:
    typed = "don't begin* 'exactly this' \"and that\" category='conflict' model=m/1 mark=none"
    found, fault = read_filter(typed)
    wanted = Filter("don't begin*", ["exactly this", "and that"], {"category": "conflict", "model": "m/1"}, mark="none")
    assert (found, fault) == (wanted, "")
    assert read_filter("") == (Filter(parts=[]), "")


@pytest.mark.parametrize(
    ("typed", "name", "low", "high"),
    [
        ("helpfulness<0.4", "helpfulness", -math.inf, math.nextafter(0.4, 0)),
        ("judge.helpfulness<=0.4", "helpfulness", -math.inf, 0.4),
        ("reward>=0.25 reward<=0.5 reward>=0.1", "reward", 0.25, 0.5),
        ("spread>0.2", "spread", math.nextafter(0.2, 1), math.inf),
        ("harm=1", "harm_avoidance", 1.0, 1.0),
    ],
)
def test_ranges(typed: str, name: str, low: float, high: float) -> None:
    found, fault = read_filter(typed)
    assert found.between == {name: (low, high)} and not fault and not found.words


@pytest.mark.parametrize("typed", ["colour=red", "helpfulness<", "category=", "mark=nobody", "c<0.5", "reward>high"])
def test_what_is_not_understood_is_told_and_does_not_narrow(typed: str) -> None:
    found, fault = read_filter(typed)
    assert typed in fault and found == Filter(parts=[])
