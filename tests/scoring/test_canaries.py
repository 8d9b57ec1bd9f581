from __future__ import annotations

import pytest

from pipeline.scoring.canaries import KINDS, completion, metric, weigh
from pipeline.tasks.judge_health.canaries import PADDING
from pipeline.tasks.records import split_thought
from tests.training.rig import prompt

WRITTEN = {"p1": completion("They are one.", "The one river."), "p2": "never closed <think> no answer"}


def seen(shown: list[tuple[str, str]]):
    """A judge that notes what it is shown and rewards length."""

    def judge(rows, texts):
        shown.extend((row["id"], text) for row, text in zip(rows, texts, strict=True))
        return [(None if "Name 3" in text else len(text) / 1000, {}) for text in texts]

    return judge


def test_each_kind_is_written_for_each_prompt() -> None:
    shown: list[tuple[str, str]] = []
    earned = weigh(seen(shown), [prompt(1), prompt(2)], WRITTEN)
    assert list(earned) == [metric(kind) for kind in KINDS]
    thoughts = [(row, *split_thought(text)[:2]) for row, text in shown]
    assert thoughts[0] == ("p1", "", "The one river."), "p2 has no answer whose thought could be emptied"
    assert [row for row, _, _ in thoughts] == ["p1", *["p1", "p2"] * 3]
    soup = thoughts[1][1].split()
    assert {"calibrated", "rivers"} <= set(soup) and "." not in thoughts[1][1]
    assert thoughts[3][1:] == (" ".join(PADDING[:6]), " ".join(PADDING[6:]))
    assert thoughts[6][1:] == ("Name 2 rivers, please.",) * 2
    assert earned["canary/empty_thought"] == pytest.approx(len(shown[0][1]) / 1000)


def test_the_mean_is_of_what_was_marked() -> None:
    earned = weigh(seen([]), [prompt(1), prompt(3)], {})
    assert set(earned) == {"canary/keyword_soup", "canary/padding", "canary/copied_prompt"}
    one = weigh(seen([]), [prompt(1)], {})
    assert earned["canary/copied_prompt"] == one["canary/copied_prompt"]
    assert "canary/copied_prompt" not in weigh(seen([]), [prompt(3)], {})


def test_no_prompts_no_call() -> None:
    assert weigh(lambda *_: pytest.fail("asked"), [], WRITTEN) == {}
