"""What `plan` can say of a reward before the first step: calls and money, and what will not do or has no effect."""

from __future__ import annotations

import math
import os
from typing import Any

from pipeline.engine.stage import Finding, PlanContext
from pipeline.providers.foresee import LETTERS, foresee
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring.distilled import IN_PARTS, NO_SCORER, read_card, unfit
from pipeline.scoring.remote import judge_pins, verdict_load
from pipeline.scoring.settings import RewardSettings
from pipeline.tasks.rubric import load_rubric
from pipeline.training.grpo import steps

LEAST_GROUPS = 2
"""Prompts in a step below which no interval of a reward can be told."""


def calls(config: Any, prompts: int) -> dict[str, int]:
    """Calls of a remote judge in a whole training on that many prompts, by what they are for.

    `config` has GRPOSettings and RewardSettings. Equal completions of a prompt, which share a call, are not foreseen.
    """
    total = steps(config, prompts)
    drawn = math.ceil(total / config.num_iterations)
    found = {}
    if "judge" in config.mixture:
        saves = math.ceil(total / math.lcm(config.save_every, config.num_iterations))
        found["completion"] = drawn * config.step_size
        found["canary"] = saves * (3 * config.canaries + min(config.canaries, config.prompts_per_step))
    if config.heldout_scorer and config.resolve(config.heldout_scorer) == "judge":
        every = math.lcm(config.check_every, config.num_iterations) // config.num_iterations
        found["held-out check"] = math.ceil(drawn / every) * config.step_size
    return {what: count for what, count in found.items() if count}


def plan_reward(context: PlanContext, prompts: int, letters: int) -> list[Finding]:
    """Of a training on so many prompts of so many `letters` each; 0 prompts where they are not known yet."""
    config = context.config
    findings = []
    if "judge" in config.asked:
        each = letters + config.max_completion_length * LETTERS
        rubric = load_rubric(config.rubric)
        loads = [verdict_load(rubric, count, each, what) for what, count in calls(config, prompts).items()]
        findings += foresee(config.judge, "judge", loads, context.root, os.environ)
        if config.judge.batch:
            text = "`judge.batch` has no effect here: a training waits for every verdict, and a batch takes hours."
            findings.append(Finding("warning", text, "Leave it out."))
    else:
        if "judge" in {*config.scorers, config.heldout_scorer}:
            findings += foresee(config.judge, "judge", [], context.root, os.environ)
        elif "judge" in config.model_fields_set:
            findings.append(Finding("warning", "`judge` has no effect: no scorer is called so.", "Name it in scorers."))
        if config.rubric:
            findings.append(Finding("warning", "`rubric` has no effect: no remote judge is asked.", "Leave it out."))
    return [*findings, *_distilled(context), *_heldout(config)]


def _distilled(context: PlanContext) -> list[Finding]:
    if "distilled" not in context.config.asked:
        return []
    if context.config.accelerate_config is not None:
        return [Finding("fault", f"{IN_PARTS[0]} {IN_PARTS[1]}", IN_PARTS[2])]
    if "scorer" in context.inputs and "model" in context.inputs:
        fault = unfit(read_card(context.inputs["scorer"]), context.inputs["model"], context.config.weights)
        return [Finding("fault", f"{fault[0]} {fault[1]}", fault[2])] if fault else []
    if "scorer" in context.inputs or "scorer" in context.expected:
        return []
    return [Finding("fault", f"{NO_SCORER[0]} {NO_SCORER[1]}", NO_SCORER[2])]


def _heldout(config: Any) -> list[Finding]:
    if not config.heldout_scorer:
        if "check_every" not in config.model_fields_set:
            return []
        text = "`check_every` has no effect without `heldout_scorer`."
        return [Finding("warning", text, "Name a scorer that is no part of the reward.")]
    if config.prompts_per_step >= LEAST_GROUPS:
        return []
    text = "The held-out scorer can stop nothing: with one prompt a step no interval can be told."
    return [Finding("warning", text, "Raise batch_size x gradient_accumulation, or lower num_generations.")]


def reward_pins(config: RewardSettings) -> dict[str, str]:
    """What lies outside the settings and decides the marks."""
    found = judge_pins(ProviderSettings(), None) if "offline" in config.asked else {}
    if "judge" in config.asked:
        found["remote_rubric"] = judge_pins(config.judge, config.rubric)["rubric"]
    return found
