from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tui.test_news import ROW
from tui.run_filter import fits

FOUND = replace(
    ROW, life="failed", tags=("Good", "a b"), note="Too Slow", figures={"sft.loss": 1.5, "grpo.reward": 0.4}
)


@pytest.mark.parametrize(
    "words",
    ["", "nano", "NANO fail", "state=failed", "state=fa", "preset=nano", "tag=good", "slow", "loss<2", "sft.loss<=1.5",
     "reward>=0.4 reward<0.5", "grpo.reward=0.4", "reward=0.4"],
)  # fmt: skip
def test_what_fits(words: str) -> None:
    assert fits(FOUND, words)


@pytest.mark.parametrize(
    "words",
    ["other", "nano other", "state=done", "preset=x", "tag=slow", "loss<1.5", "loss>1.5", "reward>0.4", "reward>",
     "sft.reward>0", "verdict=1", "loss<none", "[/x]"],
)  # fmt: skip
def test_what_does_not(words: str) -> None:
    assert not fits(FOUND, words)
