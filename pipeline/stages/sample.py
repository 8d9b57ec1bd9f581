"""Sample: a model of the track goes on from prompts written with their tags; at temperature 0 truly greedy.

Asked for the answers of episodes that it was not taught, it is held against them, with counts for each topic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from pipeline.engine.errors import ConfigError, StageFailed
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.engine.text import safe_text
from pipeline.gpt.sampling import Speaker
from pipeline.gpt.tokens import EOT, ask, closing, opening, render
from pipeline.tasks.questions import Question, read_answer, read_questions
from pipeline.tasks.recall import count_exact, decide_share, spread
from pipeline.training.greedy import complete, too_long

BATCH = 64
"""Prompts that are answered at once."""
SHOWN = 40
"""Answers that are sent out as events."""


class Config(Settings):
    prompt: str = ""
    """What the model goes on from, tags included, as `<myPT_user>Say hello.</myPT_user><myPT_assistant>`."""
    prompts_file: Path | None = None
    """A JSON file {description, system_prompt, prompts, expected_outputs}: all its prompts at once."""
    limit: int = Field(0, ge=0)
    """Of `rows`: at most so many episodes, spread evenly over them; 0: all."""
    least: float = Field(0.0, ge=0, lt=1)
    """The share of exact answers that a verdict asks for, with its whole 95 % interval; 0: no verdict."""
    temperature: float = Field(0.0, ge=0)
    """0: always the likeliest token."""
    max_new_tokens: int = Field(64, ge=1)
    """Tokens of an answer at most."""
    seed: int = Field(42, ge=0)
    """Of the draws at a temperature above 0."""
    check_cache: bool = True
    """At temperature 0, reckon the first 64 answers again without the key-value cache; another one is an error."""

    @field_validator("prompts_file")
    @classmethod
    def _one_of_them(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and info.data.get("prompt"):
            raise ValueError("set either prompt or prompts_file")
        return value


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    asked = _asked(config, context.inputs.get("rows"))
    texts = [text for _, text, _ in asked]
    speaker = Speaker(context.inputs["model"])
    if cut := too_long(speaker.model, speaker.tokenizer, texts):
        context.emit.alert(f"{cut} prompts leave the model no position for an answer: only their ends are read.")
    turn_end = speaker.tokenizer.convert_tokens_to_ids(EOT)

    def answer(texts: list[str], cached: bool) -> list[list[int]]:
        found: list[list[int]] = []
        for start in range(0, len(texts), BATCH):
            context.check_stop()
            found += complete(
                speaker.model, speaker.tokenizer, texts[start : start + BATCH], most=config.max_new_tokens,
                stops=[turn_end], temperature=config.temperature, seed=config.seed, cached=cached,
            )  # fmt: skip
            context.emit.progress(len(found), len(texts), "answers")
        return found

    ids = answer(texts, cached=True)
    equal = None
    if config.check_cache and config.temperature == 0:
        equal = ids[:BATCH] == answer(texts[:BATCH], cached=False)
        if not equal:
            raise StageFailed(
                "The answers with and without the key-value cache differ.",
                "Greedy answers must not: two tokens are equally likely, or the cache is broken.",
                "Set check_cache = false to see the cached ones.",
            )
    raw = list(speaker.read(ids))
    ends = closing("assistant") + EOT
    answers = [read_answer(one, text, ends) for (one, _, _), text in zip(asked, raw, strict=True)]
    rows: list[Row] = [
        {**found.to_row(), "topic": topic, "raw": safe_text(text), "tokens": len(one)}
        for (_, _, topic), found, text, one in zip(asked, answers, raw, ids, strict=True)
    ]
    write_rows(context.out / "rows.jsonl", rows)
    for row in rows[:SHOWN]:
        context.emit.item("prompted", **row)
    exact = count_exact(rows)
    return {
        "prompts": len(rows),
        **exact,
        "cached_equals_uncached": equal,
        "answers": {row["name"]: row["given"] for row in rows[:SHOWN]},
        **({"verdict": decide_share(exact["share"], config.least)} if config.least else {}),
    }


Asked = tuple[Question, str, str]
"""The question, its text as the model reads it, its topic."""


def _asked(config: Config, episodes: Path | None) -> list[Asked]:
    if sum(map(bool, (config.prompt, config.prompts_file, episodes))) != 1:
        raise ConfigError(
            "There is not one source of prompts.", "", "Set prompt, or prompts_file, or name `rows` in `from`."
        )
    if config.prompts_file:
        return [(one, ask(one.prompt, one.system), "") for one in read_questions(config.prompts_file)]
    if episodes is None:
        return [(Question("prompt", config.prompt, "", ""), config.prompt, "")]
    return [_of_episode(row) for row in spread(list(read_rows(episodes / "rows.jsonl")), config.limit)]


def _of_episode(row: Row) -> Asked:
    """All of an episode but its last answer, which is what is expected."""
    messages = row["messages"]
    before, said, _ = render(messages).rpartition(opening("assistant"))
    asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    question = Question(str(row["id"]), asked, messages[-1]["content"], "")
    return question, before + said, str(row.get("topic", ""))


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    if not {"rows"} & {*context.inputs, *context.expected}:
        _asked(config, None)
        if config.limit:
            return [Finding("warning", "`limit` has no effect without `rows`.", "Remove it.")]
    return []


STAGE = Stage(
    "sample", Config, takes={"model": "model", "rows": "episodes?="}, makes="samples", run=run, plan=plan,
    libraries="torch", version=2,
)  # fmt: skip
