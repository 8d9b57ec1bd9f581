"""Tags: the fifteen special tags go into a GPT-2's tokenizer and embedding, those of the coming phase pre-weighted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.gpt import model as gpt
from pipeline.gpt.tagging import add_to_model
from pipeline.gpt.tokens import TAGS, padded
from pipeline.tasks.estimate import disk

Used = Literal[
    "system", "user", "user_context", "assistant", "assistant_context", "toolcall", "toolresult", "eot"
]  # fmt: skip


class Config(Settings):
    used: tuple[Used, ...] = ("system", "user", "assistant", "eot")
    """Roles that the coming phase uses: their tags begin near what they mean. The others are left as they are."""
    tie_weights: bool = True
    """Whether embedding and head are one matrix; two that become one are averaged once."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    done = add_to_model(context.inputs["model"], context.out, config.used, config.tie_weights)
    context.emit.log(f"{done['added']} tags are new; pre-weighted: {', '.join(done['weighted'])}")
    return done


def plan(context: PlanContext) -> list[Finding]:
    """What comes of it, for the steps behind it."""
    if "model" in context.inputs:
        shape = gpt.shape_of(context.inputs["model"])
    elif found := context.expected.get("model", {}).get("config"):
        shape = gpt.read_shape(found)
    else:
        return []
    config: Config = context.config
    shape = replace(shape, vocab_size=padded(shape.vocab_size + len(TAGS)), tie_weights=config.tie_weights)
    text = f"A vocabulary of at most {shape.vocab_size} rows, {shape.parameters() / 1e6:,.1f} million parameters."
    space = disk.Space("model", 4 * shape.parameters() + disk.BESIDE, "32 bits, tokenizer")
    return [Finding("note", text, data={"config": shape.describe()}), disk.tell([space])]


STAGE = Stage(
    "tags", Config, takes={"model": "model"}, makes="model", run=run, plan=plan, libraries="torch", home="models"
)
