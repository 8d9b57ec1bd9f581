"""Sample: a model of the track goes on from prompts written with their tags; at temperature 0 truly greedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from pipeline.engine.errors import StageFailed
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.rows import write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Stage
from pipeline.engine.text import safe_text
from pipeline.gpt.sampling import Speaker
from pipeline.gpt.tokens import EOT, ask, closing
from pipeline.tasks.questions import Question, locate, read_answer, read_questions
from pipeline.training.greedy import complete


class Config(Settings):
    prompt: str = ""
    """What the model goes on from, tags included, as `<myPT_user>Say hello.</myPT_user><myPT_assistant>`."""
    prompts_file: Path | None = Field(None, validate_default=True)
    """A JSON file {description, system_prompt, prompts, expected_outputs}: all its prompts at once."""
    temperature: float = Field(0.0, ge=0)
    """0: always the likeliest token."""
    max_new_tokens: int = Field(64, ge=1)
    """Tokens of an answer at most."""
    seed: int = Field(42, ge=0)
    """Of the draws at a temperature above 0."""
    check_cache: bool = True
    """At temperature 0, reckon every answer a second time without the key-value cache; another one is an error."""

    @field_validator("prompts_file")
    @classmethod
    def _one_of_them(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if bool(value) == bool(info.data.get("prompt")):
            raise ValueError("set either prompt or prompts_file")
        return value


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    asked = read_questions(config.prompts_file) if config.prompts_file else [Question("prompt", config.prompt, "", "")]
    texts = [ask(one.prompt, one.system) if config.prompts_file else one.prompt for one in asked]
    speaker = Speaker(context.inputs["model"])
    turn_end = speaker.tokenizer.convert_tokens_to_ids(EOT)

    def answer(cached: bool) -> list[list[int]]:
        return complete(
            speaker.model, speaker.tokenizer, texts, most=config.max_new_tokens, stops=[turn_end],
            temperature=config.temperature, seed=config.seed, cached=cached,
        )  # fmt: skip

    ids = answer(cached=True)
    equal = None
    if config.check_cache and config.temperature == 0:
        equal = ids == answer(cached=False)
        if not equal:
            raise StageFailed(
                "The answers with and without the key-value cache differ.",
                "Greedy answers must not: two tokens are equally likely, or the cache is broken.",
                "Set check_cache = false to see the cached ones.",
            )
    raw = list(speaker.read(ids))
    answers = [read_answer(one, text, closing("assistant") + EOT) for one, text in zip(asked, raw, strict=True)]
    rows = [
        {**found.to_row(), "raw": safe_text(text), "tokens": len(one)}
        for found, text, one in zip(answers, raw, ids, strict=True)
    ]
    write_rows(context.out / "rows.jsonl", rows)
    for row in rows:
        context.emit.item("prompted", **row)
        context.emit.log(f"{row['prompt']}\n{row['given']}")
    expected = [found for found in answers if found.expected]
    return {
        "prompts": len(rows),
        "exact": sum(found.exact for found in expected) if expected else None,
        "expected": len(expected),
        "cached_equals_uncached": equal,
        "answers": {row["name"]: row["given"] for row in rows},
    }


def pins(config: Config) -> dict[str, str]:
    path = locate(config.prompts_file) if config.prompts_file else None
    return {"prompts": path_hash(path)} if path and path.exists() else {}


STAGE = Stage("sample", Config, takes={"model": "model"}, makes="samples", run=run, pins=pins, libraries="torch")
