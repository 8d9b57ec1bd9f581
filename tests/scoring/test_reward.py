from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import Row
from pipeline.scoring.canaries import completion
from pipeline.training.grpo import Drawn
from tests.scoring.marking import reward_of, scorer
from tests.training.rig import prompt

PROMPTS = [prompt(number) for number in range(10)]
STEP: dict[str, Any] = {"batch_size": 4, "gradient_accumulation": 2, "num_generations": 4, "seed": 5}
"""Two prompts a step, four completions of each."""


def drawn(step: int, texts: Sequence[str], marks: Sequence[Any], saved_before: int | None = None) -> Drawn:
    rows = [PROMPTS[step % 5] if place < 4 else PROMPTS[5 + step % 5] for place in range(len(texts))]
    return Drawn(step, list(zip(rows, texts, marks, strict=True)), True, saved_before, PROMPTS)


def policy(*rewards: float) -> list[Row]:
    return [{"step": step, "reward": reward} for step, reward in enumerate(rewards, 1)]


def test_an_alert_when_a_canary_beats_the_policy_since_the_last_save(tmp_path: Path) -> None:
    """Empty thoughts are worth 0.6 here, all else 0.2; the policy was at 0.9 before the last save and 0.5 since."""
    says = scorer(lambda _, text: 0.6 if text.startswith("<think>\n\n</think>") else 0.2)
    reward, recorder = reward_of(tmp_path, says, **STEP)
    texts = [completion("I see.", "Two rivers.")] * 8
    metrics = policy(0.9, 0.9, 0.5, 0.5)
    row = reward.beside(drawn(4, texts, [(0.5, {})] * 8, saved_before=2), metrics)
    assert row == {
        "canary/empty_thought": pytest.approx(0.6), "canary/keyword_soup": pytest.approx(0.2),
        "canary/padding": pytest.approx(0.2), "canary/copied_prompt": pytest.approx(0.2),
    }  # fmt: skip
    (alert,) = recorder.of("alert")
    assert "empty thought would earn 0.600 on average, more than the 0.500" in alert["text"]
    assert "in the 2 steps up to step 4" in alert["text"] and alert["canary"] == "empty thought"
    reward.beside(drawn(4, texts, [(0.5, {})] * 8, saved_before=0), metrics)
    assert len(recorder.of("alert")) == 1, "0.7 on average since the beginning"


def test_no_save_no_canaries(tmp_path: Path) -> None:
    reward, _ = reward_of(tmp_path, scorer(lambda *_: pytest.fail("asked")), **STEP)
    assert reward.beside(drawn(4, ["text"] * 8, [(0.5, {})] * 8), policy(0.5)) == {}
    none, _ = reward_of(tmp_path, scorer(lambda *_: pytest.fail("asked")), **STEP, canaries=0)
    assert none.beside(drawn(4, ["text"] * 8, [(0.5, {})] * 8, saved_before=0), policy(0.5)) == {}


def test_canaries_stand_on_the_prompts_that_came_last(tmp_path: Path) -> None:
    asked: dict[str, None] = {}
    reward, _ = reward_of(tmp_path, scorer(lambda row, _: asked.setdefault(row["id"]) or 0.1), **STEP, canaries=3)
    reward.beside(drawn(5, [""] * 8, [(0.5, {})] * 8, saved_before=0), policy(0.5))
    assert list(asked) == ["p0", "p1", "p2"]


def test_the_held_out_scorer_looks_on_every_few_steps(tmp_path: Path) -> None:
    looked: list[int] = []
    heldout = scorer(lambda *_: looked.append(1) or 0.3)
    reward, _ = reward_of(tmp_path, scorer(lambda *_: 0.5), heldout, **STEP, check_every=3)
    marks = [(0.4, {})] * 4 + [(0.6, {})] * 4
    rows = [reward.beside(drawn(step, ["text"] * 8, marks), policy(0.5)) for step in range(1, 9)]
    assert [bool(row) for row in rows] == [step in (1, 4, 7) for step in range(1, 9)] and len(looked) == 24
    assert rows[0] == {
        "reward_low": pytest.approx(0.4), "reward_high": pytest.approx(0.6),
        "heldout_reward": pytest.approx(0.3), "heldout_low": pytest.approx(0.3), "heldout_high": pytest.approx(0.3),
    }  # fmt: skip


def test_a_step_without_any_mark_is_told(tmp_path: Path) -> None:
    reward, recorder = reward_of(tmp_path, scorer(lambda *_: None), **STEP)
    reward.beside(drawn(3, ["text"] * 8, [(None, {})] * 8), policy(0.5))
    assert recorder.of("alert")[0]["text"] == "Not one of the 8 completions of step 3 got a mark."
