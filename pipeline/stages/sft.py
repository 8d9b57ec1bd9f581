"""SFT: a LoRA adapter learns from the traces that the judge marked best, the loss on the assistant alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.statistics import mean
from pipeline.training.backend import libraries_for
from pipeline.training.examples import Conversation, Example, encode_examples, preview
from pipeline.training.load import positions
from pipeline.training.settings import TrainerSettings
from pipeline.training.sft import train_sft
from pipeline.training.template import ChatTemplate


class Config(TrainerSettings):
    epochs: float = Field(3.0, gt=0)
    """Passes over the data."""
    warmup_steps: int = Field(5, ge=0)
    """Optimizer steps over which the learning rate rises from zero."""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW's decoupled weight decay."""
    per_prompt: int = Field(2, ge=1)
    """At most this many traces of a prompt: those with the highest reward."""
    min_reward: float = 0.0
    """Traces with less reward are left out."""
    no_think_share: float = Field(0.1, ge=0, le=1)
    """Share of the traces that are learnt without their thought, so that the model keeps Qwen3's no-think mode."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    room = positions(context.inputs["model"])
    if room < config.max_seq_length:
        context.in_effect("max_seq_length", config.max_seq_length, room, "the model has no more positions")
    prepared = prepare(context.inputs["scores"], context.inputs["model"], config, room)
    if not prepared.examples:
        raise DataError(
            "No trace is left to learn from.",
            f"Left out: {prepared.left_out}.",
            "Lower min_reward, raise max_seq_length, or make more traces.",
        )
    for text in prepared.previews():
        context.emit.log(f"an example, the loss between ⟦ and ⟧:\n{text}")
    metrics, backend = train_sft(context, context.inputs["model"], prepared.examples)
    quarter = max(1, len(metrics) // 4)
    return {
        "backend": backend,
        "steps": len(metrics),
        **prepared.counts(),
        "tokens": max(row.get("tokens", 0) for row in metrics),
        "loss_first_quarter": mean([row["loss"] for row in metrics[:quarter] if row["loss"] is not None]),
        "loss_last_quarter": mean([row["loss"] for row in metrics[-quarter:] if row["loss"] is not None]),
        "seconds": round(sum(row["step_time"] for row in metrics), 3),
    }


@dataclass(frozen=True)
class Prepared:
    """What would be trained on, and what is left out, by reason."""

    template: ChatTemplate
    examples: list[Example]
    left_out: dict[str, int]

    def counts(self) -> Row:
        return {
            "rows": len(self.examples),
            "no_think": sum(not example.thinking for example in self.examples),
            "left_out": self.left_out,
            "loss_tokens": sum(label >= 0 for example in self.examples for label in example.labels),
        }

    def previews(self) -> list[str]:
        """Two examples, one of each mode where there are both."""
        by_mode = sorted(self.examples, key=lambda example: not example.thinking)
        return [preview(self.template, by_mode[place]) for place in sorted({0, len(by_mode) - 1})]


def prepare(scores: Path, model: Path, config: Config, room: int) -> Prepared:
    """Check the template, choose the traces and encode them. Raises DataError for a template that does not fit."""
    template = ChatTemplate(model)
    template.check()
    chosen, left_out = select(read_rows(scores / "rows.jsonl"), config)
    conversations = [Conversation(row["id"], row["messages"], row["thought"], row["answer"]) for row in chosen]
    examples, more = encode_examples(
        template,
        conversations,
        max_length=min(config.max_seq_length, room),
        no_think_share=config.no_think_share,
        seed=config.seed,
    )
    return Prepared(template, examples, {**left_out, **more})


def select(rows: Iterable[Row], config: Config) -> tuple[list[Row], dict[str, int]]:
    """The traces to learn, in their order, and how many were left out by reason: the best of each training prompt."""
    left_out: Counter[str] = Counter()
    by_prompt: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["split"] != "train":
            left_out["heldout"] += 1
        elif row["finish"] != "stop":
            left_out["unfinished"] += 1
        elif row["reward"] is None or row["reward"] < config.min_reward:
            left_out["low_reward"] += 1
        else:
            by_prompt[row["prompt_id"]].append(row)
    chosen = []
    for traces in by_prompt.values():
        best = {row["id"] for row in sorted(traces, key=lambda row: (-row["reward"], row["id"]))[: config.per_prompt]}
        left_out["beyond_per_prompt"] += len(traces) - len(best)
        chosen += [row for row in traces if row["id"] in best]
    return chosen, {reason: count for reason, count in left_out.items() if count}


def plan(context: PlanContext) -> list[Finding]:
    if "model" not in context.inputs:
        return []
    model = context.inputs["model"]
    ChatTemplate(model).check()
    if "scores" not in context.inputs:
        return []
    prepared = prepare(context.inputs["scores"], model, context.config, positions(model))
    counts = prepared.counts()
    if not prepared.examples:
        return [
            Finding("fault", "No trace is left to learn from.", "Lower min_reward or raise max_seq_length.", counts)
        ]
    return [
        Finding("note", f"{counts['rows']} traces to learn, left out: {prepared.left_out or 'none'}", data=counts),
        *(Finding("note", f"an example, the loss between ⟦ and ⟧:\n{text}") for text in prepared.previews()),
    ]


STAGE = Stage(
    "sft", Config, takes={"scores": "scores", "model": "model"}, makes="adapter", run=run, plan=plan,
    libraries=lambda config: libraries_for(config.backend), home="models",
)  # fmt: skip
