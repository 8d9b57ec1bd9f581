"""Group relative policy optimisation of a LoRA adapter with TRL's GRPOTrainer, under a judge that the stage hands over.

Source: Shao et al., DeepSeekMath (2024), section 4.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipeline.engine.artifacts import CHECKPOINTS
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.training import ranks
from pipeline.training.backend import Backend
from pipeline.training.callbacks import Read, Watch, Watcher, see_nothing
from pipeline.training.checkpoints import step_of, stretches_of, whole
from pipeline.training.devices import generation_of
from pipeline.training.load import Loaded, cache_for
from pipeline.training.loop import configure, train
from pipeline.training.metrics import Metrics
from pipeline.training.settings import GRPOSettings

Mark = tuple[float | None, Mapping[str, float | None]]
"""Reward and scores by dimension; None where the judge has nothing to say."""


@dataclass(frozen=True)
class Drawn:
    """The completions that a step trains on."""

    step: int
    completions: Sequence[tuple[Row, str, Mark]]
    """Prompt, text as generated, tags of the thought included, and mark of each."""
    fresh: bool
    """Drawn in this very step, not in an earlier one (`num_iterations`)."""
    saved_before: int | None
    """Where a save is due after this step: the step of the one before it, 0 before the first."""
    recent: Sequence[Row]
    """Where one is due: the prompts that have come so far, each once, the last ones first."""


class Judge(Protocol):
    """Who marks completions, and looks on."""

    def meet(self, model: Any, tokenizer: Any) -> None:
        """The policy with its adapter (a PeftModel), before the first step."""

    def __call__(self, rows: Sequence[Row], texts: Sequence[str], step: int, /) -> Sequence[Mark]:
        """The marks of completions, in order."""

    def beside(self, drawn: Drawn, metrics: Sequence[Row], /) -> Row:
        """Further metrics of the step, given those so far, the step's own the last."""


def train_grpo(
    context: Context, directory: Path, prompts: Sequence[Row], judge: Judge, watch: Watch = see_nothing
) -> tuple[list[Row], Backend]:
    """Train an adapter for the model in `directory`; leaves it in `context.out`. Returns as `loop.train` does.

    `prompts` are rows with `id` and `messages`.
    """
    config = context.config
    total = steps(config, len(prompts))
    newest = [None, *whole(context.out / CHECKPOINTS)][-1]
    places = layout(config, len(prompts), total, step_of(newest) if newest else 0, stretches_of(newest))
    scoring = Scoring(context, prompts, judge, places)

    def build(loaded: Loaded, watcher: Watcher) -> Any:
        trainer = build_trainer(context, loaded, prompts, places, total, scoring.reward(loaded.tokenizer, watcher))
        judge.meet(trainer.accelerator.unwrap_model(trainer.model), loaded.tokenizer)
        return trainer

    def reader(metrics: Metrics) -> Read:
        return lambda watcher, logs: scoring.read(watcher, logs, metrics)

    return train(context, directory, build, reader, total=total, boundary=config.num_iterations, watch=watch)


def steps(config: GRPOSettings, prompts: int) -> int:
    """Optimizer steps: `max_steps`, else what the epochs take."""
    generations = math.ceil(config.epochs * prompts / config.prompts_per_step)
    return config.max_steps or generations * config.num_iterations


def order(prompts: int, needed: int, seed: int) -> list[int]:
    """Which prompt comes when, `needed` of them: epoch after epoch, each in an order of its own.

    Laid out ahead, because TRL's sampler starts its first order again when a training is resumed in a later epoch.
    """
    laid: list[int] = []
    while len(laid) < needed:
        epoch = list(range(prompts))
        random.Random(f"{seed}/order/{len(laid) // prompts}").shuffle(epoch)
        laid += epoch
    return laid[:needed]


def layout(config: GRPOSettings, prompts: int, total: int, begun: int, stretches: Sequence[Row]) -> list[int]:
    """The prompts of all steps, as the trainer reads them that goes on from step `begun`, which skips those before.

    Steps that were trained with another `num_generations` took another number of prompts: what follows goes on behind
    those that were in fact taken.
    """
    taken = 0
    ends = [*(stretch["from"] for stretch in stretches), begun][1:]
    for stretch, end in zip(stretches, ends, strict=True):
        generations = (end - stretch["from"]) // config.num_iterations
        taken += generations * config.step_size // stretch["num_generations"]
    skipped = begun // config.num_iterations * config.prompts_per_step
    needed = math.ceil(total / config.num_iterations) * config.prompts_per_step
    laid = order(prompts, needed - skipped + taken, config.seed)
    return [laid[max(0, place - skipped + taken)] for place in range(needed)]


def build_trainer(
    context: Context, loaded: Loaded, prompts: Sequence[Row], places: Sequence[int], total: int, reward: Any
) -> Any:
    """TRL's trainer, which reads the prompts at `places`; one step takes the completions of `generation_parts` of its
    generation batches."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    settings: GRPOSettings = context.config
    messages = [[{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]] for row in prompts]
    config = configure(
        GRPOConfig,
        context,
        total,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        beta=settings.beta,
        num_iterations=settings.num_iterations,
        steps_per_generation=settings.gradient_accumulation // ranks.count() // settings.generation_parts,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        mask_truncated_completions=settings.mask_truncated,
        shuffle_dataset=False,
        chat_template_kwargs={"enable_thinking": True},
        **generation_of(context, cache_for(loaded.model.device)),
    )
    return GRPOTrainer(
        model=loaded.model,
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_dict({"prompt": [messages[place] for place in places], "place": list(places)}),
        processing_class=loaded.tokenizer,
        peft_config=loaded.adapter,
    )


@dataclass
class Scoring:
    """Marks the completions of a step, shows some of them, and tells what the step's time went into.

    The completions of a step may be drawn in several parts, one after the other.
    """

    context: Context
    prompts: Sequence[Row]
    judge: Judge
    places: Sequence[int]
    """Of the prompts of all steps, one after the other."""
    _drawn: list[tuple[Row, str, Mark]] = field(default_factory=list)
    """Of the present step, so far; until it has drawn any, of the last one that has."""
    _fresh: bool = False
    """Whether they are of the present step."""
    _generate: float = 0.0
    _score: float = 0.0

    def reward(self, tokenizer: Any, watcher: Watcher) -> Callable[..., list[float | None]]:
        """The reward function that TRL calls once for every batch of completions."""

        def judge(place: list[int], completion_ids: list[list[int]], **_: Any) -> list[float | None]:
            rows = [self.prompts[index] for index in place]
            texts = tokenizer.batch_decode(completion_ids, skip_special_tokens=True)
            asked = time.perf_counter()
            marks = self.judge(rows, texts, watcher.step)
            self._generate += asked - watcher.resumed
            self._score += time.perf_counter() - asked
            everywhere = ranks.gather(list(zip(rows, texts, marks, strict=True)))  # a group may lie on two devices
            if not self._fresh:
                self._drawn, self._fresh = [], True
                if (watcher.step - 1) % self.context.config.show_every == 0:
                    self._show(watcher.step, everywhere)
            self._drawn += everywhere
            return [reward for reward, _ in marks]

        return judge

    def _show(self, step: int, marked: Sequence[tuple[Row, str, Mark]]) -> None:
        """The first group, which answers one prompt."""
        for row, text, (reward, scores) in marked[: self.context.config.num_generations]:
            self.context.emit.item(
                "completion",
                step=step,
                prompt_id=row["id"],
                prompt=row["messages"][-1]["content"],
                text=text,
                scores=dict(scores),
                reward=reward,
            )

    def _recent(self, watcher: Watcher) -> list[Row]:
        if watcher.saved_before is None:
            return []
        config = self.context.config
        come = self.places[: -(-watcher.step // config.num_iterations) * config.prompts_per_step]
        return [self.prompts[place] for place in dict.fromkeys(reversed(come))]

    def read(self, watcher: Watcher, logs: Mapping[str, Any], metrics: Metrics) -> Row:
        """The metrics of a step. One that uses completions again (`num_iterations`) has nothing to say of them."""
        row = {ours: logs[theirs] for theirs, ours in NAMES.items() if theirs in logs}
        row |= {"time_generate": self._generate, "time_score": self._score}
        row |= {"time_update": watcher.seconds - self._generate - self._score, "step_time": watcher.seconds}
        if "num_tokens" in logs:
            row["tokens"] = int(logs["num_tokens"])
        if self._fresh:
            means = mean_scores([scores for _, _, (_, scores) in self._drawn])
            row |= {f"score/{dimension}": mean for dimension, mean in means.items()}
            row["unmarked"] = sum(reward is None for _, _, (reward, _) in self._drawn)
        drawn = Drawn(watcher.step, self._drawn, self._fresh, watcher.saved_before, self._recent(watcher))
        if ranks.is_first():  # what is looked at beside is of all devices, and some of it costs money
            row |= self.judge.beside(drawn, [*metrics.rows, {"step": watcher.step, **row}])
        self._fresh, self._generate, self._score = False, 0.0, 0.0
        return row


NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "zero_std_ratio",
    "completions/mean_length": "completion_length",
    "completions/max_length": "completion_length_max",
    "completions/clipped_ratio": "clipped_ratio",
    "entropy": "entropy",
    "kl": "kl",
}
"""TRL's name of a metric -> ours."""


def mean_scores(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """Mean of every dimension over the completions that it applies to; absent where it applies to none."""
    found: dict[str, list[float]] = {}
    for row in scores:
        for dimension, score in row.items():
            if score is not None:
                found.setdefault(dimension, []).append(score)
    return {dimension: sum(values) / len(values) for dimension, values in found.items()}
