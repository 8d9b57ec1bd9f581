"""GRPO: a LoRA adapter learns to earn the judge's reward with what it says itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, Finding, PlanContext, Stage, Trial
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.forecast import calls, plan_reward, reward_pins
from pipeline.scoring.reward import open_reward
from pipeline.scoring.scorers import applicable
from pipeline.scoring.settings import RewardSettings
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.estimate import exposure
from pipeline.tasks.estimate.advice import foresee
from pipeline.tasks.estimate.model import config_of, room_of
from pipeline.tasks.marks import State, honoured
from pipeline.tasks.redlines import gaming, reinforced
from pipeline.tasks.redlines.watch import Watch
from pipeline.tasks.selection import see_prompt
from pipeline.tasks.statistics import difference_of_means, mean
from pipeline.training import ranks
from pipeline.training.backend import libraries_for
from pipeline.training.devices import with_devices
from pipeline.training.extension import EXTENDS, INPUT, extending, take_up
from pipeline.training.grpo import steps, train_grpo
from pipeline.training.ladder import stand
from pipeline.training.lengths import ANY, foresee_lengths, shorten
from pipeline.training.loop import way_on
from pipeline.training.settings import GRPOSettings, short
from pipeline.training.template import CONTROL, ChatTemplate
from pipeline.training.trackers import find_missing

TYPICAL_LETTERS = 1000
"""Of a prompt, which `plan` assumes where there is none yet."""


class Config(GRPOSettings, RewardSettings):
    """What trains, and what it trains for."""


def run(context: Context) -> dict[str, Any]:
    take_up(context, "grpo")
    model = context.inputs["model"]
    context = shorten(context, model)
    config: Config = context.config
    rows = read_rows(context.inputs["prompts"] / "rows.jsonl")
    prompts, left_out, marks = select(rows, model, config, context.marks.get("prompts", {}))
    if not prompts:
        raise DataError("No prompt is left to train on.", f"Left out: {left_out}.", "Raise max_seq_length.")

    context = stand(context)
    watch = Watch([*reinforced.RULES, *gaming.RULES], config.model_dump())
    with open_reward(context, sum(calls(config, len(prompts)).values())) as reward:
        metrics, backend = train_grpo(context, model, prompts, reward, watch)
    return {
        "backend": backend,
        "processes": ranks.count(),
        "steps": len(metrics),
        "prompts": len(prompts),
        "left_out": left_out,
        "marks": marks,
        "tokens": max(row.get("tokens", 0) for row in metrics),
        **gains(metrics, context.seed),
        **reward.bill,
        "completions": sum(config.step_size for row in metrics if "unmarked" in row),
        "unmarked": sum(row.get("unmarked", 0) for row in metrics),
        "clipped_ratio": average(metrics, "clipped_ratio"),
        "completion_length": average(metrics, "completion_length"),
        "seconds": {
            part: round(sum(row[f"time_{part}"] for row in metrics), 3) for part in ("generate", "score", "update")
        },
    }


def select(
    rows: Iterable[Row], model: Path, config: Config, marks: Mapping[str, State]
) -> tuple[list[Row], dict[str, int], dict[str, int]]:
    """The training prompts that can be marked, that can earn something, and that leave room to answer, as people marked
    them.

    Beside them what was left out, by reason, and the marks that were honoured. Raises DataError for a chat template
    that does not fit.
    """
    template = ChatTemplate(model)
    template.check()
    longest = config.max_seq_length - config.max_completion_length
    left_out: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    chosen = []
    for raw in rows:
        row, verdict = see_prompt(raw, marks)
        seen.update([verdict] if verdict else [])
        if row["split"] != "train":
            left_out["heldout"] += 1
        elif verdict == "reject":
            left_out["rejected"] += 1
        elif row["truth"] is None and set(config.mixture) == {"offline"}:
            left_out["no_truth"] += 1
        elif config.only_applicable and not any(map(config.weights.of, applicable(row) or DIMENSIONS)):
            left_out["not_applicable"] += 1
        elif any(token in turn["content"] for token in CONTROL for turn in row["messages"]):
            left_out["control_tokens"] += 1
        elif _tokens([row], template)[0] > longest:
            left_out["too_long"] += 1
        else:
            chosen.append(row)
    return chosen, dict(left_out), dict(seen)


def gains(metrics: Sequence[Row], seed: int) -> Row:
    """Reward and dimensions in the first and the last quarter of the steps; the interval resamples steps."""
    rewarded = [row for row in metrics if row.get("reward") is not None]
    quarter = max(1, len(rewarded) // 4)
    first, last = rewarded[:quarter], rewarded[-quarter:]
    before, after = [row["reward"] for row in first], [row["reward"] for row in last]
    names = [f"score/{dimension}" for dimension in DIMENSIONS]
    return {
        "reward_first_quarter": mean(before),
        "reward_last_quarter": mean(after),
        "reward_difference": difference_of_means(after, before, seed=seed).to_row(),
        "scores": {
            name.removeprefix("score/"): {"first": average(first, name), "last": average(last, name)} for name in names
        },
    }


def average(rows: Sequence[Row], name: str) -> float | None:
    """Mean over the steps that have the metric."""
    return mean([row[name] for row in rows if row.get(name) is not None])


def plan(context: PlanContext) -> list[Finding]:
    if (known := config_of(context)) is not None:
        context = foresee_lengths(context, room_of(known))
    if "model" in context.inputs:
        ChatTemplate(context.inputs["model"]).check()
    if not {"model", "prompts"} <= context.inputs.keys():
        return [*find_missing(context.config.report_to), *_of_data_to_come(context), *foresee(context)]
    config, model = context.config, context.inputs["model"]
    rows = read_rows(context.inputs["prompts"] / "rows.jsonl")
    all_lengths = config.model_copy(update={"max_seq_length": ANY})
    everything, left_out, _ = select(rows, model, all_lengths, context.marks.get("prompts", {}))
    lengths = [length + config.max_completion_length for length in _tokens(everything, ChatTemplate(model))]
    told = [exposure.of_lengths("prompts with their completions", lengths, config.max_seq_length)] if lengths else []
    fit = [length for length in lengths if length <= config.max_seq_length]
    if lost := len(lengths) - len(fit):
        left_out["too_long"] = lost
    if not fit:
        text = f"No prompt is left to train on, left out: {left_out}."
        return [*told, Finding("fault", text, "Raise max_seq_length.")]
    return [
        *find_missing(config.report_to),
        Finding("note", f"{len(fit)} prompts to train on, left out: {left_out or 'none'}", data=left_out),
        *told,
        _exposure(config, len(fit)),
        *plan_reward(context, len(fit), _letters(everything)),
        *foresee(context, longest=max(fit)),
    ]


def _tokens(rows: Iterable[Row], template: ChatTemplate) -> list[int]:
    """Tokens of each prompt as the model reads it."""
    return [len(ids) for ids in template.encode([template.prompt(row["messages"], thinking=True) for row in rows])]


def _letters(rows: Sequence[Row]) -> int:
    return sum(len(turn["content"]) for row in rows for turn in row["messages"]) // len(rows)


def _exposure(config: Config, prompts: int) -> Finding:
    return exposure.of_prompts(
        prompts,
        steps(config, prompts),
        config.num_iterations,
        config.prompts_per_step,
        config.num_generations,
        config.max_completion_length,
    )


def _of_data_to_come(context: PlanContext) -> Iterator[Finding]:
    count = int(context.expected.get("prompts", {}).get("prompts", 0))
    if "prompts" in context.inputs:
        count = sum(row["split"] == "train" for row in read_rows(context.inputs["prompts"] / "rows.jsonl"))
    if count:
        yield exposure.at_most("prompts", count, steps(context.config, count))
    yield from plan_reward(context, count, TYPICAL_LETTERS)


def pins(config: Config) -> dict[str, str]:
    return reward_pins(config)


def trial(config: Config, steps: int) -> Trial:
    """With the embedded judge instead of a remote one, and nobody who looks on."""
    quiet: dict[str, Any] = {"heldout_scorer": "", "canaries": 0}
    beside: tuple[str, ...] = ("checkpoints", "canaries")
    if "judge" in config.asked:
        quiet |= {"scorers": {"offline": 1.0}, "judge": ProviderSettings()}
        beside += ("what the judge takes",)
    elif config.heldout_scorer:
        beside += ("the held-out scorer",)
    short_one = short(config, steps).model_copy(update=quiet)
    return Trial(short_one, config.num_iterations, config.max_completion_length, beside)


STAGE = Stage(
    "grpo", Config, takes={"prompts": "prompts", "model": "model", "scorer": "scorer?", EXTENDS: INPUT},
    makes="adapter", run=run, plan=with_devices(extending("grpo", plan)), pins=pins, marks=honoured("prompts"),
    libraries=lambda config: libraries_for(config.backend), launch=ranks.launch_of, home="models", way_on=way_on,
    trial=trial,
)  # fmt: skip
