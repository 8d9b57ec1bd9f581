"""Train: a GPT of one's own learns from a prepared set, every weight of it; from nothing, or from another model.

The seeds' settings and JSON files, the loss on what the mask marks, answers to prompts on the way, five red lines.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, ProcessDied
from pipeline.engine.memory import device
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, Finding, PlanContext, Stage, Trial
from pipeline.gpt import model as gpt
from pipeline.gpt import start
from pipeline.gpt.episodes import Episodes
from pipeline.gpt.lesson import Cut, alike, draw
from pipeline.gpt.settings import FRESH, GPTSettings
from pipeline.gpt.template import ends, load_tokenizer
from pipeline.gpt.tokens import EOT, ask, closing, find_tags, open_tokenizer
from pipeline.tasks.estimate import exposure, gpus
from pipeline.tasks.estimate.causal import Work, foresee
from pipeline.tasks.plain_language import SENTENCES
from pipeline.tasks.prompted import sum_up
from pipeline.tasks.questions import Question, read_answer, read_questions
from pipeline.tasks.redlines import curriculum, supervised
from pipeline.tasks.redlines.watch import Watch
from pipeline.tasks.statistics import mean
from pipeline.training import ranks
from pipeline.training.causal import CausalSettings, Lesson, train_causal
from pipeline.training.devices import find
from pipeline.training.ladder import stand
from pipeline.training.load import Loaded
from pipeline.training.loop import way_on
from pipeline.training.metrics import METRICS
from pipeline.training.prompted import Examiner
from pipeline.training.trackers import find_missing

NEVER = "nothing is evaluated, since eval_interval is 0"
GPT2 = 50304
"""GPT-2's vocabulary with the tags, padded: what is planned with where the data is not made yet."""


class Config(GPTSettings):
    """Nothing beside them."""


def loop_settings(config: Config) -> CausalSettings:
    """In the words that every trainer here knows."""
    same = ("gradient_checkpointing", "learning_rate", "optimizer", "weight_decay", "batch_size",
            "gradient_accumulation", "seed", "save_every", "checkpoints", "report_to", "devices",
            "accelerate_config", "dropout")  # fmt: skip
    return CausalSettings(
        **{name: getattr(config, name) for name in same},
        max_steps=config.max_iters,
        warmup_steps=config.warmup_iters,
        max_grad_norm=config.grad_clip,
        validate_every=config.eval_interval,
    )


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    data, base = context.inputs["data"], context.inputs.get("model")
    shape = start.shape_in_effect(config, data, base)
    for declared in start.declared(config, shape, base):
        context.in_effect(*declared)
    if not config.eval_interval and config.eval_prompts_file:
        context.in_effect("eval_prompts_file", str(config.eval_prompts_file), None, NEVER)
    block = config.block_size or shape.block_size
    train, held = (Cut(Episodes(data / side), block, config.use_loss_mask) for side in ("train", "val"))
    if not len(train):
        raise DataError("There is no episode to learn from.", "", "Prepare a set with more rows.")
    _tell(context, train, shape)
    if config.eval_interval and not len(held):
        context.in_effect("eval_interval", config.eval_interval, 0, "the set has no validation episodes")
    questions = _questions(context)
    step = stand(_with(context, loop_settings(config)))
    tokenizer = load_tokenizer(base or data)
    examiner: Examiner | None = None
    first_plain = 0.0

    def load() -> Loaded:
        nonlocal examiner, first_plain
        model = gpt.load(base, config.tie_weights) if base else gpt.build(shape, config.seed)
        gpt.set_dropout(model, config.dropout)
        if not config.bias and (why := gpt.go_without_biases(model)):
            context.in_effect("bias", False, True, why)
        examiner = Examiner(
            tokenizer, [ask(question.prompt, question.system) for question in questions],
            lambda texts: _answers(questions, texts),
            [find_tags(open_tokenizer(base or data))[EOT]], config.eval_tokens, config.eval_share, config.max_iters,
            () if config.eval_interval == 0 else SENTENCES, time.monotonic(),
        )  # fmt: skip
        if cut := examiner.too_long(model):
            context.emit.alert(f"{cut} prompts leave the model no position for an answer: only their ends are read.")
        first_plain = examiner.plain_loss(model) if examiner.plain else 0.0
        return Loaded(model, tokenizer, None)

    def examine(model: Any, row: Row) -> Row:
        if not ranks.is_first() or examiner is None or ranks.spread() != "whole":
            return row
        found = examiner.examine(model, row)
        return {**found, **({"plain_loss_first": first_plain} if examiner.plain else {})}

    lines = RedLines(context, config, shape, base)
    lesson = Lesson(
        train, draw(held, config.eval_iters * config.batch_size, config.eval_seed),
        lambda epoch: _order(config, train, epoch), load,
        lambda model: ends(model, tokenizer), examine, config.band,
    )  # fmt: skip
    metrics = train_causal(step, lesson, lines)
    return {
        "base": base.name if base else None,
        "parameters": shape.parameters(),
        "processes": ranks.count(),
        "steps": len(metrics),
        "episodes": len(train),
        "cut": train.cut(),
        "exposures": round(_exposure(step.config, train).data["exposures"]["each"], 3),
        "loss_mask": config.use_loss_mask,
        "tokens": metrics[-1]["tokens"],
        "loss_tokens": sum(row["loss_tokens"] for row in metrics),
        **_losses(metrics),
        "evaluation": _evaluation(metrics, examiner),
        "red_lines": lines.verdict.to_row(),
        "seconds": round(sum(row["step_time"] for row in metrics), 3),
    }


def _order(config: Config, train: Cut, epoch: int) -> Any:
    order = train.episodes.order(config.epoch_seed, epoch)
    if not config.group_by_length:
        return order
    return alike(order, train.lengths(), config.batch_size, config.epoch_seed + epoch)


class RedLines:
    """The watch of a training: rules over every step, and after each evaluation a verdict as an item."""

    def __init__(self, context: Context, config: Config, shape: gpt.Shape, base: Path | None) -> None:
        settings = {
            **loop_settings(config).model_dump(),
            "vocab_size": shape.vocab_size,
            "from_scratch": base is None,
            "plain_loss_known": _plain_loss_of(base),
            "start": f"{start.name_of(base)}, the model that this began as" if base else "fresh weights",
        }
        self._settings, self._emit = settings, context.emit
        self._watch = Watch((*supervised.RULES, curriculum.rule(config.red_lines == "stop")), settings)
        self._evaluations: list[Row] = []
        self.verdict = curriculum.judge((), settings)

    def __call__(self, row: Row) -> Sequence[Finding]:
        if "prompts" in row:
            self._evaluations.append(row)
            self.verdict = curriculum.judge(self._evaluations, self._settings)
            if "answers" in row:  # not one that a resumption tells again
                self._emit.item("red_lines", step=row["step"], **self.verdict.to_row())
                for answer in row["answers"]:
                    self._emit.item("prompted", step=row["step"], **answer)
        return self._watch(row)


def _with(context: Context, config: CausalSettings) -> Context:
    return replace(context, config=config)


def _tell(context: Context, train: Cut, shape: gpt.Shape) -> None:
    config: Config = context.config
    if config.use_loss_mask:
        context.emit.log("Using loss masking: the loss is on what the assistant says, its closing tag and the eot.")
    else:
        context.emit.log("Not using loss masking: the loss is on every token.")
    context.emit.log(_exposure(loop_settings(config), train).text)
    effective = {"block_size": train.block, **{name: getattr(shape, name) for name in FRESH[1:]}}
    rows = [f"  {name:11} {getattr(config, name) or '-'!s:>12}  {value}" for name, value in effective.items()]
    context.emit.log("\n".join(["  setting         declared  in effect", *rows]))
    if cut := train.cut():
        context.emit.alert(f"{cut} episodes are longer than {train.block} tokens: their last tokens are kept.", "note")


def _questions(context: Context) -> list[Question]:
    config: Config = context.config
    if config.eval_prompts_file is None:
        return []
    if ranks.spread() != "whole":
        why = f"a model in parts under {ranks.spread()} writes no answers while it trains"
        context.in_effect("eval_prompts_file", str(config.eval_prompts_file), None, why)
        return []
    return read_questions(config.eval_prompts_file)


def _answers(questions: Sequence[Question], texts: Sequence[str]) -> Row:
    ends = closing("assistant") + EOT
    answers = [read_answer(question, text, ends) for question, text in zip(questions, texts, strict=True)]
    return {**sum_up(answers), "answers": [answer.to_row() for answer in answers]}


def _exposure(config: CausalSettings, train: Cut) -> Finding:
    lengths, learnt = train.lengths(), train.learnt()
    how = (config.max_steps, config.batch_size, config.gradient_accumulation)
    return exposure.of_rows(lengths, learnt, *how, "max_iters")


def _plain_loss_of(base: Path | None) -> float | None:
    """The loss on plain language that a model trained here left its training with."""
    if base is None or not (base / METRICS).is_file():
        return None
    return next((row["plain_loss"] for row in reversed(list(read_rows(base / METRICS))) if "plain_loss" in row), None)


def _losses(metrics: Sequence[Row]) -> Row:
    quarter = max(1, len(metrics) // 4)
    measured = [row["validation_loss"] for row in metrics if row.get("validation_loss") is not None]
    return {
        "loss_first_quarter": mean([row["loss"] for row in metrics[:quarter] if row["loss"] is not None]),
        "loss_last_quarter": mean([row["loss"] for row in metrics[-quarter:] if row["loss"] is not None]),
        "validation": {"first": measured[0], "best": min(measured), "last": measured[-1]} if measured else None,
    }


def _evaluation(metrics: Sequence[Row], examiner: Examiner | None) -> Row | None:
    """The last answers in figures, and what all of them took."""
    rows = [row for row in metrics if "prompts" in row]
    if not rows:
        return None
    seconds = sum(row["prompts_seconds"] for row in rows)
    whole = seconds + sum(row["step_time"] for row in metrics)
    shown = ("prompts", "prompts_exact", "prompts_normalised", "prompts_distinct", "prompts_malformed")
    told = {name: rows[-1][name] for name in shown}
    skipped = examiner.skipped if examiner else 0
    return {**told, "times": len(rows), "skipped": skipped, "seconds": round(seconds, 3), "share": seconds / whole}


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    settings = loop_settings(config)
    found = [*find(replace(context, config=settings)), *find_missing(config.report_to)]
    data, base = context.inputs.get("data"), context.inputs.get("model")
    if config.eval_prompts_file:
        read_questions(config.eval_prompts_file)
    expected = context.expected.get("model", {}).get("config")
    if base is None and "model" in context.expected and expected is None:
        text = "Memory and time are not known yet: the step that makes the model comes first."
        return [*found, Finding("note", text)]
    if data is not None and (base is not None or expected is None):
        shape = start.shape_in_effect(config, data, base)
    elif base is not None or expected:
        shape = gpt.shape_of(base) if base else gpt.read_shape(expected or {})
    else:
        shape = config.fresh(int(context.expected.get("data", {}).get("vocabulary", GPT2)))
    for setting, asked, value, why in start.declared(config, shape, base or (Path() if expected else None)):
        found.append(Finding("note", f"{setting}: {asked!r} declared, {value!r} in effect: {why}."))
    if not config.eval_interval and config.eval_prompts_file:
        found.append(Finding("warning", f"`eval_prompts_file` has no effect: {NEVER}.", "Remove it, or set the other."))
    if config.warmup_iters >= config.max_iters:
        text = f"The warm-up of {config.warmup_iters} iterations never ends: there are {config.max_iters}."
        found.append(Finding("warning", text, "Set warmup_iters to a few per cent of max_iters."))
    length = block = config.block_size or shape.block_size
    if data is not None:
        train = Cut(Episodes(data / "train"), block, config.use_loss_mask)
        length = max(train.lengths(), default=block)
        found.append(_exposure(settings, train))
    else:
        text = f"exposures: known once the data is made; {config.max_iters} steps of {settings.step_size} episodes."
        found.append(Finding("note", text))
    work = Work(
        shape.parameters(), shape.n_layer, shape.n_head, shape.n_embd, shape.vocab_size, length, config.batch_size,
        config.gradient_checkpointing, config.optimizer, (there := device(context.gpu)).cuda,
    )  # fmt: skip
    tokens = config.max_iters * settings.step_size * length
    each = gpus.operations(shape.parameters(), shape.n_layer, shape.n_embd, length)
    guess = ", GPT-2's vocabulary assumed" if data is None and base is None and not expected else ""
    about = f"{shape.parameters() / 1e6:,.1f} million parameters: {shape.n_layer} layers, width {shape.n_embd}{guess}."
    return [
        *found,
        Finding("note", about, data={"config": shape.describe(), "parameters": shape.parameters()}),
        *foresee(work, there, config.checkpoints != "none"),
        *gpus.rent(gpus.read_gpus(context.root), config.gpu, tokens, each),
    ]


def after_death(config: Config, out: Path, death: ProcessDied) -> str:
    return way_on(loop_settings(config), out, death)


def trial(config: Config, steps: int) -> Trial:
    shorter = {"max_iters": steps, "save_every": steps + 1, "report_to": (), "eval_interval": 0}
    return Trial(config.model_copy(update=shorter), beside=("checkpoints", "evaluations"))


STAGE = Stage(
    "train", Config, takes={"data": "prepared", "model": "model?"}, makes="model", run=run, plan=plan,
    launch=lambda config: ranks.launch_of(loop_settings(config)), libraries="torch", home="models",
    way_on=after_death, trial=trial, version=2,
)  # fmt: skip
