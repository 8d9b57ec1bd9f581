"""The reward of a training: the mixture that marks its completions, and what is watched beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import lcm
from typing import Any

from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.scoring import canaries
from pipeline.scoring.checks import compare, estimate
from pipeline.scoring.distilled import Distilled
from pipeline.scoring.mixture import Mixture
from pipeline.scoring.remote import open_judge
from pipeline.scoring.scorers import Remote, Scorer, offline
from pipeline.scoring.settings import RewardSettings
from pipeline.tasks.statistics import mean
from pipeline.training import ranks
from pipeline.training.grpo import Drawn, Mark


@dataclass
class Reward:
    """Marks completions for `train_grpo`."""

    context: Context
    mixture: Mixture
    heldout: Mixture | None
    distilled: Distilled | None
    step: int = 0
    """The present one, which is where a judge's spend stands in the metrics."""
    bill: Row = field(default_factory=dict)
    """Once closed: `spend` of a judge behind an account, and `lost`, its replies that were of no use, by outcome."""

    def __call__(self, rows: Sequence[Row], texts: Sequence[str], step: int) -> list[Mark]:
        self.step = step
        return self.mixture(rows, texts)

    def meet(self, model: Any, tokenizer: Any) -> None:
        """The policy, adapter and all, before it answers for the first time."""
        if self.distilled:
            self.distilled.meet(model, tokenizer)

    def beside(self, drawn: Drawn, metrics: Sequence[Row]) -> Row:
        """Further metrics of a step, where a check or a save is due; `metrics` are all so far, this step's the last."""
        if not ranks.is_first():  # the others would ask, and pay for, the same
            return {}
        config = self.context.config
        row: Row = {}
        rows = [prompt for prompt, _, _ in drawn.completions]
        texts = [text for _, text, _ in drawn.completions]
        marks = [mark for _, _, mark in drawn.completions]
        if drawn.fresh and all(reward is None for reward, _ in marks):
            self.context.emit.alert(f"Not one of the {len(marks)} completions of step {drawn.step} got a mark.")
        if self.heldout and drawn.fresh and (drawn.step - 1) % lcm(config.check_every, config.num_iterations) == 0:
            seed = self.context.seed
            row |= compare(estimate(rows, marks, seed), estimate(rows, self.heldout(rows, texts), seed))
        if drawn.saved_before is not None and config.canaries:
            row |= self._canaries(drawn, [step for step in metrics if step["step"] > drawn.saved_before])
        return row

    def _canaries(self, drawn: Drawn, since: Sequence[Row]) -> Row:
        """What canaries would earn; an alert where one beats the policy since the save before."""
        written = {prompt["id"]: text for prompt, text, _ in drawn.completions}
        earned = canaries.weigh(self.mixture, drawn.recent[: self.context.config.canaries], written)
        policy = mean([row["reward"] for row in since if row.get("reward") is not None])
        for kind in canaries.KINDS:
            value = earned.get(canaries.metric(kind))
            if policy is not None and value is not None and value > policy:
                self.context.emit.alert(
                    f"The reward can be gamed: {kind} would earn {value:.3f} on average, more than the {policy:.3f} "
                    f"that the policy earned in the {len(since)} steps up to step {drawn.step}. Look at completions "
                    "before you trust the reward, and weigh other dimensions or another scorer.",
                    canary=kind,
                    earned=value,
                    policy=policy,
                    step=drawn.step,
                )
        return earned


@contextmanager
def open_reward(context: Context, calls: int) -> Iterator[Reward]:
    """The reward for the length of a step. `calls`: how many a remote judge is expected to get."""
    config: RewardSettings = context.config
    with ExitStack() as stack:
        scorers: dict[str, Scorer] = {"offline": offline}
        remote = distilled = None
        if "judge" in config.asked:
            if config.judge.batch:
                why = "a training waits for every verdict, and a batch takes hours"
                context.in_effect("judge.batch", True, False, why)
            judge = stack.enter_context(
                open_judge(context, config.judge, config.rubric, calls=calls, clock=lambda: reward.step)
            )
            pool = stack.enter_context(ThreadPoolExecutor(config.judge.threads, "judge"))
            scorers["judge"] = remote = Remote(judge, pool)
        if "distilled" in config.asked:
            scorers["distilled"] = distilled = Distilled.open(context)
        mixture = Mixture(
            {name: (scorers[name], weight) for name, weight in config.mixture.items()},
            config.weights,
            config.renormalise,
        )
        heldout = None
        if config.heldout_scorer:
            name = config.resolve(config.heldout_scorer)
            heldout = Mixture({name: (scorers[name], 1.0)}, config.weights, config.renormalise)
        reward = Reward(context, mixture, heldout, distilled)
        yield reward
        if remote:
            reward.bill |= {"spend": remote.judge.account.summary(), "lost": dict(Counter(remote.lost))}
