"""Every model's answers to the held-out prompts, judged: the baseline first, the tuned one last.

A cut-off answer is judged as it stands, and counted as cut off: all contestants have the same limit, and to leave such
answers out would reward the model that only finishes what is easy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, RowWriter, mend_torn_tail, read_rows, write_json, write_rows
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.providers.provider import ProviderSettings
from pipeline.tasks.comparison import Bootstrap, compare, outcome_of
from pipeline.tasks.offline_judge import judge as offline
from pipeline.tasks.records import Split, split_thought
from pipeline.tasks.rubric import Weights, rubric_hash
from pipeline.training.load import positions

FORMAT = 1


class Config(Settings):
    split: Split = "heldout"
    """Which prompts: those kept from training, or those trained on."""
    limit: int = Field(0, ge=0)
    """At most this many prompts, spread evenly over the list; 0: all."""
    samples: int = Field(2, ge=1)
    """Answers per prompt and model."""
    temperature: float = Field(0.7, ge=0)
    """0 takes the likeliest token every time, so that more than one sample is pointless."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""
    max_tokens: int = Field(1024, ge=1)
    """Longest answer, thought included; the same for every model."""
    thinking: bool = True
    """Let the models think before they answer."""
    batch_size: int = Field(16, ge=1)
    """Answers that are generated at once. Other batches draw other answers, so this counts as a change."""
    load_in_4bit: bool = False
    """Hold the models in 4 bits, for a GPU that is too small for 16. Needs bitsandbytes."""
    judge: ProviderSettings = ProviderSettings()
    """Who marks the answers."""
    weights: Weights = Weights()
    """What each dimension counts in the reward."""
    renormalise: bool = True
    """Divide the reward by the weight of the dimensions that apply."""
    rounds: int = Field(2000, ge=100)
    """Bootstrap rounds behind each interval."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Share of the bootstrap's means that an interval holds."""
    shown: int = aside(10, ge=0)
    """Answers per model that are sent out as events while it runs."""

    @model_validator(mode="after")
    def _no_copies(self) -> Config:
        if self.temperature == 0 and self.samples > 1:
            raise ValueError("at temperature 0 every sample is the same: set samples = 1, or a temperature")
        return self


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    prompts = _chosen(read_rows(context.inputs["prompts"] / "rows.jsonl"), config)
    models: dict[str, Path] = dict(context.inputs["models"])
    if not prompts or not models:
        raise DataError(
            f"There is nothing to evaluate: {len(prompts)} {config.split} prompts, {len(models)} models.",
            "",
            "Hold prompts back (`heldout` of the prompts step), and name models in `from`.",
        )
    in_4bit = _in_4bit(context)
    if (room := min(map(positions, models.values()))) <= config.max_tokens:
        why = "a model has no more positions"
        context.in_effect("max_tokens", config.max_tokens, f"{room}, the prompt included", why)
    path = context.out / "rows.jsonl"
    mend_torn_tail(path)
    rows = {row["id"]: row for row in read_rows(path)} if path.exists() else {}
    total = len(models) * len(prompts) * config.samples
    with RowWriter(path) as file:
        for name, model in models.items():
            for number, row in enumerate(_answers(context, name, model, prompts, rows, in_4bit)):
                file.write(row)
                rows[row["id"]] = row
                context.emit.progress(len(rows), total, "answers")
                if number < config.shown:
                    _show(context, row)
    # Answers come longest prompt first; the finished file has them by contestant, prompt and sample.
    ids = [_id(name, prompt, sample) for name in models for prompt in prompts for sample in range(config.samples)]
    write_rows(path, (rows[row_id] for row_id in ids))
    bootstrap = Bootstrap(context.seed, config.rounds, config.confidence)
    compared = compare((rows[row_id] for row_id in ids), list(models), bootstrap)
    for contestant, model in zip(compared["contestants"], models.values(), strict=True):
        contestant["model"] = model.name
    evaluation = {"format": FORMAT, **_circumstances(config, len(prompts)), **compared}
    write_json(context.out / "evaluation.json", evaluation)
    return _summary(evaluation)


def _in_4bit(context: Context) -> bool:
    from pipeline.training.bits import no_nf4

    if context.config.load_in_4bit and (missing := no_nf4()):
        context.in_effect("load_in_4bit", True, False, missing)
        return False
    return bool(context.config.load_in_4bit)


def _answers(
    context: Context, name: str, model: Path, prompts: list[Row], rows: dict[str, Row], in_4bit: bool
) -> Iterator[Row]:
    """The answers of one contestant that are not there yet, judged, in the order they are generated."""
    from pipeline.training.generate import Sampling, generate_batches

    config: Config = context.config
    done = {
        (place, sample)
        for place, prompt in enumerate(prompts)
        for sample in range(config.samples)
        if _id(name, prompt, sample) in rows
    }
    batches = generate_batches(
        model,
        [prompt["messages"] for prompt in prompts],
        Sampling(config.max_tokens, config.temperature, config.top_p, config.thinking),
        seed=context.seed,
        batch_size=config.batch_size,
        samples=config.samples,
        done=done,
        in_4bit=in_4bit,
    )
    context.check_stop()
    for batch in batches:
        for job, completion in batch:
            if job in done:
                continue
            prompt = prompts[job.conversation]
            thought, answer, _ = split_thought(completion.text)
            reward, scores = offline.score_completion(
                prompt["truth"], prompt["messages"], completion.text, config.weights, config.renormalise
            )
            yield {
                "id": _id(name, prompt, job.sample),
                "contestant": name,
                "prompt_id": prompt["id"],
                "category": prompt["category"],
                "sample": job.sample,
                "messages": prompt["messages"],
                "thought": thought,
                "answer": answer,
                "finish": completion.finish,
                "outcome": outcome_of(completion.finish, answer),
                "tokens": completion.tokens,
                "scores": scores,
                "reward": reward,
            }
        context.check_stop()


def _id(contestant: str, prompt: Row, sample: int) -> str:
    return f"{contestant}/{prompt['id']}/{sample}"


def _chosen(prompts: Iterator[Row], config: Config) -> list[Row]:
    found = [prompt for prompt in prompts if prompt["split"] == config.split]
    if not config.limit or config.limit >= len(found):
        return found
    # The list is in order of category: its head alone would be one category.
    return [found[place * len(found) // config.limit] for place in range(config.limit)]


def _show(context: Context, row: Row) -> None:
    kept = (
        "contestant",
        "prompt_id",
        "category",
        "sample",
        "thought",
        "answer",
        "outcome",
        "tokens",
        "scores",
        "reward",
    )
    context.emit.item("answer", prompt=row["messages"][-1]["content"], **{key: row[key] for key in kept})


def _circumstances(config: Config, prompts: int) -> Row:
    """What holds for every contestant alike."""
    same = ("split", "samples", "temperature", "top_p", "max_tokens", "thinking", "rounds", "confidence")
    return {
        **{key: getattr(config, key) for key in same},
        "prompts": prompts,
        "judge": {"kind": config.judge.kind, "model": offline.MODEL, "rubric": rubric_hash()},
    }


def _summary(evaluation: Row) -> dict[str, Any]:
    contestants, pairs = evaluation["contestants"], evaluation["pairs"]
    return {
        "prompts": evaluation["prompts"],
        "answers": sum(contestant["answers"] for contestant in contestants),
        "contestants": {
            entry["name"]: {"reward": entry["reward"], "outcomes": entry["outcomes"]} for entry in contestants
        },
        "pairs": [{key: pair[key] for key in ("contestant", "against", "reward")} for pair in pairs],
    }


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    findings = []
    if config.split == "train":
        findings.append(
            Finding(
                "warning", "The models are asked what they were trained on.", 'Set split = "heldout" for a verdict.'
            )
        )
    if "models" in context.inputs and not context.inputs["models"]:
        findings.append(Finding("fault", "There is no model to evaluate.", "Name models in `from`."))
    if "prompts" in context.inputs:
        count = len(_chosen(read_rows(context.inputs["prompts"] / "rows.jsonl"), config))
        answers = {"prompts": count, "answers_per_model": count * config.samples}
        if count:
            findings.append(
                Finding("note", f"{count} prompts, {count * config.samples} answers a model.", data=answers)
            )
        else:
            findings.append(
                Finding("fault", f"There are no {config.split} prompts.", "Raise `heldout` of the prompts step.")
            )
    return findings


def pins(_: Config) -> dict[str, str]:
    """Other marks of the same judge's name are another result."""
    return {"judge": offline.MODEL, "rubric": rubric_hash()}


STAGE = Stage(
    name="evaluate",
    Config=Config,
    takes={"prompts": "prompts", "models": "model*"},
    makes="evaluation",
    run=run,
    plan=plan,
    pins=pins,
    libraries="torch",
)
