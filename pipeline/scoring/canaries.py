"""What texts that deserve nothing would earn as completions: a reward that likes one will be gamed by it.

The texts are those that a judge's own health is checked with (tasks/judge_health/canaries.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.judge_health.canaries import build
from pipeline.tasks.records import split_thought
from pipeline.tasks.statistics import mean
from pipeline.training.grpo import Mark

KINDS = ("empty thought", "keyword soup", "padding", "copied prompt")


def metric(kind: str) -> str:
    return f"canary/{kind.replace(' ', '_')}"


def completion(thought: str, answer: str) -> str:
    """A thought and an answer as a model writes them."""
    return f"<think>\n{thought}\n</think>\n\n{answer}"


def weigh(
    judge: Callable[[Sequence[Row], Sequence[str]], Sequence[Mark]],
    prompts: Sequence[Row],
    completions: Mapping[str, str],
) -> Row:
    """Metric of each kind -> the mean reward that it would earn on the prompts; absent where nothing was marked.

    `completions`: prompt id -> what the policy wrote; an empty thought needs the answer of one.
    """
    birds = [(kind, row, text) for kind in KINDS for row in prompts if (text := _write(kind, row, completions))]
    marks = judge([row for _, row, _ in birds], [text for _, _, text in birds]) if birds else []
    earned: dict[str, list[float]] = {}
    for (kind, _, _), (reward, _) in zip(birds, marks, strict=True):
        if reward is not None:
            earned.setdefault(metric(kind), []).append(reward)
    return {name: mean(rewards) for name, rewards in earned.items()}


def _write(kind: str, row: Row, completions: Mapping[str, str]) -> str:
    """Empty where there is nothing to make it of."""
    answer = split_thought(completions.get(row["id"], ""))[1]
    if kind == "empty thought" and not answer:
        return ""
    return completion(*build(kind, row["messages"], {"answer": answer}))
