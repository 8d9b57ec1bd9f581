"""The ladder under GRPO: completions in parts, fewer of them in a group, and no prompt skipped or taken twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import FreshProcess
from pipeline.engine.rows import Row
from pipeline.stages import grpo
from pipeline.training.grpo import layout, order
from pipeline.training.settings import GRPOSettings
from tests.training.rig import context_of, inputs
from tests.training.test_ladder import SMALL

GRPO: dict[str, Any] = {
    **SMALL, "epochs": 2.5, "batch_size": 2, "gradient_accumulation": 4, "num_generations": 4, "warmup_steps": 0,
    "max_completion_length": 8, "gradient_checkpointing": True, "scheduler": "constant",
}  # fmt: skip
"""5 prompts, 2 a step: 7 steps."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


class Prompts:
    """The prompts that a judge was asked about in each step, by way of the stage's own judge."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import trl

        self.seen: dict[int, list[int]] = defaultdict(list)
        self.at_once: set[int] = set()
        self.limit: Callable[[Any, list[Row]], bool] = lambda *_: False
        real = trl.GRPOTrainer._generate_and_score_completions

        def generate(trainer: Any, batch: list[Row]) -> Any:
            if self.limit(trainer, batch):
                raise RuntimeError("CUDA error: out of memory")
            self.at_once.add(len(batch))
            self.seen[trainer.state.global_step + 1] += [row["place"] for row in batch]
            return real(trainer, batch)

        monkeypatch.setattr(trl.GRPOTrainer, "_generate_and_score_completions", generate)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> Prompts:
    return Prompts(monkeypatch)


def groups(places: list[int]) -> dict[int, int]:
    return {place: places.count(place) for place in places}


def test_grpo_draws_its_completions_in_parts(prompts: Prompts, given: dict[str, Path], tmp_path: Path) -> None:
    config, out = grpo.Config(**{**GRPO, "batch_size": 1, "gradient_accumulation": 8}), tmp_path / "grpo"
    prompts.limit = lambda _, batch: len(batch) > 4
    with pytest.raises(FreshProcess, match="generation_parts 1 -> 2"):
        grpo.run(context_of(config, given, out))
    assert grpo.run(context_of(config, given, out))["steps"] == 7
    assert prompts.at_once == {4}
    laid = order(5, 14, config.seed)
    assert [list(groups(prompts.seen[step])) for step in range(1, 8)] == [laid[2 * n : 2 * n + 2] for n in range(7)]
    assert {count for places in prompts.seen.values() for count in groups(places).values()} == {4}


def test_grpo_with_half_the_group_takes_twice_the_prompts_and_none_twice(
    prompts: Prompts, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = grpo.Config(**GRPO), tmp_path / "grpo"
    grown = lambda trainer, _: trainer.num_generations > 2 and trainer.state.global_step >= 5  # noqa: E731
    prompts.limit = grown
    tried = []
    while True:
        try:
            summary = grpo.run(context_of(config, given, out))
            break
        except FreshProcess as error:
            tried.append(error.what)
    assert [what.partition(": ")[2].split(" ")[0] for what in tried] == [
        "batch_size", "generation_parts", "max_completion_length", "max_completion_length", "num_generations",
    ]  # fmt: skip
    assert summary["steps"] == 7
    laid = order(5, 20, config.seed)
    learnt = {step: list(groups(places)) for step, places in prompts.seen.items()}
    assert [learnt[step] for step in (1, 2, 3, 4)] == [laid[2 * n : 2 * n + 2] for n in range(4)]
    taken = [place for step in (5, 6, 7) for place in prompts.seen[step][-8:][::2]]
    assert taken == laid[8:20], "from checkpoint 4, behind the eight prompts that were taken"


def test_the_layout_of_an_undisturbed_training_is_the_order_itself() -> None:
    config = GRPOSettings(num_generations=4)  # two prompts a step
    alone = [{"from": 0, "num_generations": 4}]
    assert layout(config, 5, 7, 0, []) == layout(config, 5, 7, 4, alone) == order(5, 14, config.seed)
    half = GRPOSettings(num_generations=2)
    assert layout(half, 5, 7, 4, alone)[16:] == order(5, 20, config.seed)[8:20]
    twice = [*alone, {"from": 4, "num_generations": 2}]
    assert layout(half, 5, 7, 6, twice)[24:] == order(5, 20, config.seed)[16:20]
