"""SFT: a LoRA adapter learns from the traces that the judge marked best, the loss on the assistant alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from pipeline.engine.errors import DataError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, Finding, Marked, PlanContext, Stage, Trial
from pipeline.tasks.board.gates import STOPPING, Reds, find_reds, told
from pipeline.tasks.estimate import exposure
from pipeline.tasks.estimate.advice import foresee
from pipeline.tasks.estimate.model import config_of, room_of
from pipeline.tasks.marks import honoured
from pipeline.tasks.redlines import supervised
from pipeline.tasks.redlines.watch import Watch
from pipeline.tasks.selection import Eye, Rule, Selection, Weighting, choose
from pipeline.tasks.statistics import mean
from pipeline.training import ranks
from pipeline.training.backend import libraries_for
from pipeline.training.devices import with_devices
from pipeline.training.examples import Conversation, Example, encode_examples, preview
from pipeline.training.extension import EXTENDS, INPUT, extending, take_up
from pipeline.training.ladder import stand
from pipeline.training.lengths import ANY, foresee_lengths, shorten
from pipeline.training.loop import way_on
from pipeline.training.settings import SFTSettings, short
from pipeline.training.sft import steps, train_sft
from pipeline.training.template import ChatTemplate
from pipeline.training.trackers import find_missing
from pipeline.training.validation import hold_out


class Config(SFTSettings):
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
    accept_red: tuple[str, ...] = ()
    """Gates of the data board that may be red: you answer for what comes of it, and the artifact says so."""

    @field_validator("accept_red")
    @classmethod
    def _are_gates(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in STOPPING:
                raise ValueError(f"`{name}` is no gate that stops SFT{nearest(name, STOPPING)}")
        return names


def run(context: Context) -> dict[str, Any]:
    take_up(context, "sft")
    context = stand(shorten(context, context.inputs["model"]))
    config: Config = context.config
    prepared = prepare(context.inputs["scores"], context.inputs["model"], config, context.marks)
    if not prepared.examples:
        raise DataError(
            "No trace is left to learn from.",
            f"Left out: {prepared.left_out}.",
            "Lower min_reward, raise max_seq_length, or make more traces.",
        )
    prepared.reds.check()
    for gate in prepared.reds.accepted:
        context.emit.alert(f"{told(gate)} It was accepted.", gate=gate.name)
    if prepared.selection.unscored:
        why = "the traces have no reward to go by, so that all are taken"
        context.in_effect("per_prompt", config.per_prompt, None, why)
        if config.min_reward:
            context.in_effect("min_reward", config.min_reward, None, why)
    for text in prepared.previews():
        context.emit.log(f"an example, the loss between ⟦ and ⟧:\n{text}")
    if config.validation_share and not prepared.validation:
        why = "no trace is left for it: there is one prompt, or those kept for it do not fit"
        context.in_effect("validation_share", config.validation_share, 0, why)
    if config.validate_every and not prepared.validation:
        context.in_effect("validate_every", config.validate_every, 0, "no trace is kept to measure the loss on")
    watch = Watch(supervised.RULES, config.model_dump())
    metrics, backend = train_sft(context, context.inputs["model"], prepared.examples, prepared.validation, watch)
    measured = [row["validation_loss"] for row in metrics if "validation_loss" in row]
    quarter = max(1, len(metrics) // 4)
    return {
        "backend": backend,
        "processes": ranks.count(),
        "steps": len(metrics),
        **prepared.counts(),
        "validation": {
            "rows": len(prepared.validation),
            "first": measured[0],
            "best": min(measured),
            "last": measured[-1],
        }
        if measured
        else None,
        "accepted_red": prepared.reds.to_row(),
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
    validation: list[Example]
    """Kept from the training."""
    left_out: dict[str, int]
    selection: Selection
    meant: Mapping[str, int]
    """Type -> how many were chosen of what was meant as such."""
    reds: Reds

    def counts(self) -> Row:
        return {
            "rows": len(self.examples),
            "no_think": sum(not example.thinking for example in self.examples),
            "left_out": self.left_out,
            "marks": self.selection.marks,
            "unscored": self.selection.unscored,
            "loss_tokens": sum(map(_learnt, self.examples)),
        }

    def within(self, longest: int) -> Prepared:
        """The same without the examples that have more than `longest` tokens."""
        fit, kept = (
            [example for example in some if len(example.input_ids) <= longest]
            for some in (self.examples, self.validation)
        )
        lost = len(self.examples) + len(self.validation) - len(fit) - len(kept)
        left_out = self.left_out | ({"too_long": lost} if lost else {})
        return replace(self, examples=fit, validation=kept, left_out=left_out)

    def lengths(self, longest: int) -> list[Finding]:
        """What that many tokens do to the examples; nothing where there are none."""
        every = [*self.examples, *self.validation]
        lengths, unlearnt = [len(example.input_ids) for example in every], sum(not _learnt(row) for row in every)
        return [exposure.of_lengths("examples", lengths, longest, unlearnt)] if lengths else []

    def exposure(self, config: Config) -> Finding:
        """How often the examples are seen."""
        tokens, learnt = [len(row.input_ids) for row in self.examples], list(map(_learnt, self.examples))
        total = steps(config, len(self.examples))
        return exposure.of_rows(tokens, learnt, total, config.batch_size, config.gradient_accumulation)

    def previews(self) -> list[str]:
        """Two examples, one of each mode where there are both."""
        by_mode = sorted(self.examples, key=lambda example: not example.thinking)
        return [preview(self.template, by_mode[place]) for place in sorted({0, len(by_mode) - 1})]


def _learnt(example: Example) -> int:
    """Tokens with loss."""
    return sum(label >= 0 for label in example.labels)


def prepare(scores: Path, model: Path, config: Config, marks: Marked) -> Prepared:
    """Check the template, choose the traces and encode them. Raises DataError for a template that does not fit."""
    template = ChatTemplate(model)
    template.check()
    rows = scores / "rows.jsonl"
    rule = Rule(config.per_prompt, config.min_reward)
    selection = choose(read_rows(rows), rule, Eye(marks.get("scores", {}), Weighting.of(scores)))
    chosen = list(selection.taken(read_rows(rows)))
    conversations = [Conversation(row["id"], row["messages"], row["thought"], row["answer"]) for row in chosen]
    examples, more = encode_examples(
        template,
        conversations,
        max_length=config.max_seq_length,
        no_think_share=config.no_think_share,
        seed=config.seed,
    )
    meant = Counter(row.get("type", "") for row in chosen)
    held = hold_out((row["prompt_id"] for row in chosen), config.validation_share, config.seed)
    kept = {row["id"] for row in chosen if row["prompt_id"] in held}
    return Prepared(
        template,
        [example for example in examples if example.id not in kept],
        [example for example in examples if example.id in kept],
        {**selection.left_out, **more},
        selection,
        meant,
        find_reds(chosen, scores, config.accept_red),
    )


def plan(context: PlanContext) -> list[Finding]:
    if (known := config_of(context)) is not None:
        context = foresee_lengths(context, room_of(known))
    if "model" in context.inputs:
        ChatTemplate(context.inputs["model"]).check()
    if not {"model", "scores"} <= context.inputs.keys():
        return [*find_missing(context.config.report_to), *_of_data_to_come(context), *foresee(context)]
    config: Config = context.config
    all_lengths = config.model_copy(update={"max_seq_length": ANY})
    everything = prepare(context.inputs["scores"], context.inputs["model"], all_lengths, context.marks)
    prepared = everything.within(config.max_seq_length)
    counts = prepared.counts() | {"validation": len(prepared.validation)}
    if not prepared.examples:
        return [
            *everything.lengths(config.max_seq_length),
            Finding("fault", "No trace is left to learn from.", "Lower min_reward or raise max_seq_length.", counts),
        ]
    return [
        *find_missing(config.report_to),
        *prepared.reds.findings(),
        *_of_unscored(prepared, context),
        Finding("note", _sum_up(counts), data=counts),
        *everything.lengths(config.max_seq_length),
        prepared.exposure(config),
        *(Finding("note", f"an example, the loss between ⟦ and ⟧:\n{text}") for text in prepared.previews()),
        *foresee(context, longest=max(len(example.input_ids) for example in prepared.examples)),
    ]


def _sum_up(counts: Row) -> str:
    kept = f", {counts['validation']} kept to measure the loss on" if counts["validation"] else ""
    return f"{counts['rows']} traces to learn{kept}, left out: {counts['left_out'] or 'none'}"


def _of_data_to_come(context: PlanContext) -> Iterator[Finding]:
    count = int(context.expected.get("scores", {}).get("traces", 0))
    if "scores" in context.inputs:
        count = sum(row["split"] == "train" for row in read_rows(context.inputs["scores"] / "rows.jsonl"))
    if count:
        yield exposure.at_most("traces", count, steps(context.config, count))


def _of_unscored(prepared: Prepared, context: PlanContext) -> Iterator[Finding]:
    """What a person should know who trains on traces that no judge has scored."""
    if not prepared.selection.unscored:
        return
    config: Config = context.config
    idle = ["per_prompt"] + ["min_reward"] * bool(config.min_reward)
    if any(state.get("scores") for state in context.marks.get("scores", {}).values()):
        idle.append("the scores set by hand")
    text = f"{prepared.selection.unscored} traces have no reward, so that all are taken; no effect: {', '.join(idle)}."
    set_by_hand = len(idle) > 1 or "per_prompt" in config.model_fields_set
    yield Finding("warning" if set_by_hand else "note", text, "Put a judge before this step to have the best chosen.")
    if worse := {kind: count for kind, count in prepared.meant.items() if kind in ("adequate", "rejected")}:
        text = f"Among them are traces that were written to be no better: {worse}."
        yield Finding("warning", text, "Put a judge before this step.")


def trial(config: Config, steps: int) -> Trial:
    return Trial(short(config, steps), beside=("checkpoints", "validation"))


STAGE = Stage(
    "sft", Config, takes={"scores": "scores|traces", "model": "model", EXTENDS: INPUT}, makes="adapter", run=run,
    plan=with_devices(extending("sft", plan)), marks=honoured("scores"), launch=ranks.launch_of,
    libraries=lambda config: libraries_for(config.backend), home="models", way_on=way_on, trial=trial,
)  # fmt: skip
