"""Canaries: the same for the same prompt, what they claim to be, and no match for the embedded judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.engine.events import Emitter
from pipeline.engine.rows import read_rows
from pipeline.engine.stage import Context
from pipeline.stages import prompts
from pipeline.tasks.judge_health.canaries import KINDS, RUBRIC_WORDS, build, weigh
from pipeline.tasks.offline_judge.judge import judge
from pipeline.tasks.offline_teacher.write import write
from pipeline.tasks.records import CATEGORIES, Prompt
from pipeline.tasks.rubric import Weights, reward

MESSAGES = [{"role": "user", "content": "Our bakery sells fewer loaves when it rains. Which oven should we buy?"}]
ADEQUATE = {"thought": "Rain and loaves go together.", "answer": "Look at the smaller oven first."}


def test_what_they_are() -> None:
    built = {kind: build(kind, MESSAGES, ADEQUATE) for kind in KINDS}
    assert built["empty thought"] == ("", ADEQUATE["answer"])
    assert built["colon"] == ("", ":")
    assert built["copied prompt"] == (MESSAGES[0]["content"], MESSAGES[0]["content"])
    soup = built["keyword soup"][0].split()
    assert {"bakery", "loaves", "rains", "oven", *RUBRIC_WORDS} <= set(soup) and "." not in built["keyword soup"][0]
    assert not {"bakery", "loaves", "oven"} & set(" ".join(built["padding"] + built["stock phrase"]).lower().split())
    assert len(set(built.values())) == len(KINDS)
    assert built == {kind: build(kind, MESSAGES, ADEQUATE) for kind in KINDS}


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_embedded_judge_is_not_taken_in(tmp_path: Path, category: str) -> None:
    config = prompts.Config(**(dict.fromkeys(CATEGORIES, 0) | {category: 8}))
    prompts.STAGE.run(Context(config, {}, tmp_path, 5, Emitter(lambda *_: None)))
    bank = [cast(Prompt, row) for row in read_rows(tmp_path / "rows.jsonl")]
    rewards: dict[str, list[float]] = {}
    birds: list[dict[str, Any]] = []

    def earned(prompt: Prompt, thought: str, answer: str) -> float:
        return reward(judge(prompt["truth"], prompt["messages"], thought, answer).scores, Weights())

    for prompt in bank:
        texts = [write(prompt, "adequate", sample, 5) for sample in (1, 4)]
        rewards[prompt["id"]] = [earned(prompt, *text) for text in texts]
        adequate = dict(zip(("thought", "answer"), texts[0], strict=True))
        for kind in KINDS:
            text = build(kind, cast(Any, prompt["messages"]), adequate)
            birds.append({"kind": kind, "prompt_id": prompt["id"], "reward": earned(prompt, *text)})
    for kind, found in weigh(birds, rewards, seed=1).items():
        assert found["scored"] == 8 and found["at_or_above"] == 0, kind
        assert found["difference"]["high"] < -0.1, kind


def test_the_weighing_by_hand() -> None:
    birds = [
        {"kind": "colon", "prompt_id": "a", "reward": 0.5},
        {"kind": "colon", "prompt_id": "b", "reward": 0.2},
        {"kind": "padding", "prompt_id": "a", "reward": 0.1},
    ]
    found = weigh(birds, {"a": [0.4, 0.6], "b": [0.5]}, seed=1)
    # As much as the mean of its prompt's traces is too much: (0.5 - 0.5) and (0.2 - 0.5).
    assert found["colon"]["at_or_above"] == 1 and found["colon"]["prompts"] == ["a"]
    assert found["colon"]["difference"]["mean"] == pytest.approx(-0.15)
    assert (found["colon"]["reward"], found["colon"]["reference"]) == (0.35, 0.5)
    assert found["padding"]["scored"] == 1 and found["padding"]["at_or_above"] == 0
    assert found["keyword soup"] == {
        "scored": 0,
        "reward": None,
        "reference": None,
        "difference": {"mean": None, "low": None, "high": None, "n": 0},
        "at_or_above": 0,
        "prompts": [],
    }
