"""Distill: what a judge says of traces, learnt by a small regression on the model that will be trained against it.

Its held-out correlation with the judge decides, dimension by dimension, whether it is of use as a reward.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from pipeline.engine.errors import DataError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import Row, read_rows, write_bytes, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.scoring.distilled import CARD, digest_of
from pipeline.scoring.distilling import LEAST, report, train
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.training.bits import no_nf4
from pipeline.training.distill import Tokens, encode, features, load_frozen
from pipeline.training.load import positions
from pipeline.training.template import CONTROL, ChatTemplate

FORMAT = 1
SHARDS = "features"


class Config(Settings):
    load_in_4bit: bool = True
    """Read the model in 4 bits, as the training that the scorer is for does. Needs bitsandbytes."""
    max_seq_length: int = Field(2048, ge=16)
    """Longest prompt and trace together, in tokens; what is longer is left out and counted."""
    most: int = Field(4000, ge=10)
    """At most so many traces, drawn with the run's seed; more cost memory and time, and gain little."""
    allow_weak: tuple[str, ...] = ()
    """Dimensions to use though their correlation with the judge is below 0.5."""
    batch_size: int = aside(8, ge=1)
    """Traces that the model reads at once."""

    @field_validator("allow_weak")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in DIMENSIONS]:
            raise ValueError("; ".join(f"no dimension `{name}`{nearest(name, DIMENSIONS)}" for name in unknown))
        return value


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    model = context.inputs["model"]
    in_4bit = config.load_in_4bit
    if in_4bit and (missing := no_nf4()):
        context.in_effect("load_in_4bit", True, False, missing)
        in_4bit = False
    rows, tokens, left_out = choose(context)
    if not any(row["split"] == "train" for row in rows):
        raise DataError("There is no trace to learn from.", f"Left out: {left_out}.", "Judge some training prompts.")
    found = _features(context, tokens, in_4bit)
    learnt = [place for place, row in enumerate(rows) if row["split"] == "train"]
    held = [place for place, row in enumerate(rows) if row["split"] != "train"]
    regression, penalties = train(found[learnt], [rows[place] for place in learnt])
    dimensions = report(regression, found[held], [rows[place] for place in held])
    usable = [
        name for name, row in dimensions.items() if name in config.allow_weak or (row["correlation"] or 0.0) >= LEAST
    ]
    told = {
        "judges": sorted({row["judge"]["model"] for row in rows}),
        "traces": {"train": len(learnt), "heldout": len(held)},
        "prompts": {
            "train": len({rows[place]["prompt_id"] for place in learnt}),
            "heldout": len({rows[place]["prompt_id"] for place in held}),
        },
        "dimensions": {name: row | {"penalty": penalties[name]} for name, row in dimensions.items()},
        "usable": usable,
        "weak": [name for name in DIMENSIONS if name not in usable],
    }
    regression.save(context.out)
    write_json(context.out / CARD, {"format": FORMAT, "model": digest_of(model), "in_4bit": in_4bit, **told})
    shutil.rmtree(context.out / SHARDS)
    _alert(context, told)
    return {**told, "left_out": left_out}


def choose(context: Context) -> tuple[list[Row], list[Tokens], dict[str, int]]:
    """The traces to read, their tokens, and what was left out by reason."""
    config: Config = context.config
    model = context.inputs["model"]
    template = ChatTemplate(model)
    template.check()
    room = min(config.max_seq_length, positions(model))
    left_out: Counter[str] = Counter()
    found: list[tuple[Row, Tokens]] = []
    for row in read_rows(context.inputs["scores"] / "rows.jsonl"):
        texts = [row["thought"], row["answer"], *(turn["content"] for turn in row["messages"])]
        if any(token in text for token in CONTROL for text in texts):
            left_out["control_tokens"] += 1
            continue
        tokens = encode(template, row["messages"], row["thought"], row["answer"])
        if sum(map(len, tokens)) > room:
            left_out["too_long"] += 1
        else:
            found.append((row, tokens))
    if len(found) > config.most:
        left_out["beyond_most"] = len(found) - config.most
        found.sort(key=lambda pair: hashlib.sha256(f"{context.seed}/distill/{pair[0]['id']}".encode()).digest())
        found = found[: config.most]
    found.sort(key=lambda pair: (-sum(map(len, pair[1])), pair[0]["id"]))  # batches of like lengths hold little padding
    return [row for row, _ in found], [tokens for _, tokens in found], dict(left_out)


def _features(context: Context, tokens: Sequence[Tokens], in_4bit: bool) -> Any:
    """Shape [traces, features]; batches go to the disk as they come, so that a resumed step goes on behind them."""
    import numpy as np

    size = context.config.batch_size
    paths = [context.out / SHARDS / f"{start:06}-{size}.npy" for start in range(0, len(tokens), size)]
    paths[0].parent.mkdir(exist_ok=True)
    model = None
    for place, path in enumerate(paths):
        if not path.exists():
            model = model or load_frozen(context.inputs["model"], in_4bit)
            buffer = io.BytesIO()
            np.save(buffer, features(model, tokens[place * size : (place + 1) * size]))
            write_bytes(path, buffer.getvalue())
        context.emit.progress(place + 1, len(paths), "batches")
        context.check_stop()
    return np.concatenate([np.load(path) for path in paths])


def _alert(context: Context, told: Mapping[str, Any]) -> None:
    if told["weak"]:
        text = (
            f"The scorer is not to be used for {', '.join(told['weak']).replace('_', ' ')}: there its correlation with "
        )
        text += f"the judge on held-out prompts is below {LEAST} or could not be measured."
        figures = {name: told["dimensions"][name]["correlation"] for name in told["weak"]}
        context.emit.alert(text, level="note", correlations=figures)
    narrow = {name: told["dimensions"][name]["within_type"] for name in told["usable"]}
    if narrow := {name: value for name, value in narrow.items() if value is not None and value < LEAST}:
        names = ", ".join(narrow).replace("_", " ")
        text = f"Of {names} the scorer mostly tells good types of traces from bad ones: among traces of one type its "
        text += f"correlation with the judge is below {LEAST}, and completions of a policy are of one type."
        context.emit.alert(text, level="note", correlations=narrow)
    forced = [name for name in context.config.allow_weak if (told["dimensions"][name]["correlation"] or 0.0) < LEAST]
    if forced:
        text = f"Used though weak, as allow_weak says: {', '.join(forced).replace('_', ' ')}."
        context.emit.alert(text, level="note")


def plan(context: PlanContext) -> list[Finding]:
    if "model" in context.inputs:
        ChatTemplate(context.inputs["model"]).check()
    if "scores" not in context.inputs:
        return []
    splits = Counter(row["split"] for row in read_rows(context.inputs["scores"] / "rows.jsonl"))
    train, held = splits["train"], splits.total() - splits["train"]
    findings = [Finding("note", f"{train} judged traces to learn from, {held} to measure it on.")]
    if not held:
        text = "No held-out trace was judged, so that no correlation can be measured and no dimension used."
        findings.append(Finding("warning", text, "Judge traces of held-out prompts too, or name `allow_weak`."))
    return findings


STAGE = Stage(
    "distill", Config, takes={"scores": "scores", "model": "model"}, makes="scorer", run=run, plan=plan,
    libraries="torch", home="models",
)  # fmt: skip
