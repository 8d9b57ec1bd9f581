"""Mix: episodes of several inputs, each with its share of the output: 15 % replay are 15 % of what is trained on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from pydantic import Field, field_validator

from pipeline.engine.errors import ConfigError, DataError, PipelineError
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.mixing import amounts, draw, shared


class Config(Settings):
    shares: tuple[float, ...] = ()
    """Share of the output of each input, in the order of the inputs; together 1."""
    whole: bool = False
    """Take every row of every input once instead: then their sizes decide the shares."""
    rows: int = Field(0, ge=0)
    """Rows of the output; 0: so many that the input with the largest share is taken once, whole."""
    shuffle: bool = False
    """Shuffle the output; else the inputs stand one behind the other. A training lays an order of its own."""
    seed: int = 42
    """What rows are drawn and shuffled with."""

    @field_validator("shares")
    @classmethod
    def _make_up_a_whole(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if shares and (min(shares) <= 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6)):
            raise ValueError("shares above 0 that are 1 together were expected")
        return shares


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    inputs = read(context.inputs["inputs"])
    counts = _amounts(config, _sizes(inputs))
    random = Random(config.seed)
    mixed = []
    for (name, rows), wanted in zip(inputs.items(), counts, strict=True):
        taken: Counter[int] = Counter()
        for place in draw(len(rows), wanted, random):
            taken[place] += 1
            copy = f"#{taken[place]}" if taken[place] > 1 else ""
            mixed.append({**rows[place], "id": f"{name}/{rows[place].get('id', place)}{copy}", "input": name})
    if config.shuffle:
        random.shuffle(mixed)
    write_rows(context.out / "rows.jsonl", mixed)
    context.emit.progress(len(mixed), len(mixed), "rows")
    summary = describe(inputs, counts)
    for text in worries(summary):
        context.emit.alert(text)
    return summary


def read(paths: Mapping[str, Path]) -> dict[str, list[Row]]:
    """Name of an input -> the rows of an artifact, or of a JSONL file. Raises DataError for rows without messages."""
    found: dict[str, list[Row]] = {}
    for reference, path in paths.items():
        rows = list(read_rows(path if path.is_file() else path / "rows.jsonl"))
        for number, row in enumerate(rows, 1):
            said = row.get("messages")
            if not isinstance(said, list) or not all(isinstance(m, dict) and {"role", "content"} <= {*m} for m in said):
                raise DataError(f"{path}, row {number}: it has no `messages`.", "", "Mix episodes, or ingest it first.")
        if not rows:
            raise DataError(f"{path} holds no row.", "", "Leave it out.")
        name = path.stem if path.is_file() else Path(reference).name
        found[name if name not in found else reference] = rows
    return found


def _sizes(inputs: Mapping[str, list[Row]]) -> dict[str, int]:
    return {name: len(rows) for name, rows in inputs.items()}


def _amounts(config: Config, inputs: Mapping[str, int]) -> list[int]:
    """Rows to take of each of the inputs, of which so many are there."""
    sizes = list(inputs.values())
    if config.whole:
        if config.shares or config.rows:
            raise ConfigError("`whole` takes every row, so `shares` and `rows` have no effect.", "", "Remove them.")
        return sizes
    if len(config.shares) != len(sizes):
        raise ConfigError(
            f"{len(sizes)} inputs ({', '.join(inputs)}) and {len(config.shares)} shares.",
            "A share is wanted for each.",
            "Set shares = [0.85, 0.15], or whole = true to take every row of each.",
        )
    return amounts(sizes, config.shares, config.rows)


def describe(inputs: Mapping[str, list[Row]], counts: list[int]) -> dict[str, Any]:
    total = sum(counts)
    each = {
        name: {
            "of": len(rows),
            "rows": count,
            "share": round(count / total, 4),
            "exposures": round(count / len(rows), 4),
        }
        for (name, rows), count in zip(inputs.items(), counts, strict=True)
    }
    return {"rows": total, "inputs": each, "shared": shared(inputs)}


def worries(summary: Mapping[str, Any]) -> list[str]:
    """What a person should know before training on it."""
    said = [
        f"{name} has {each['of']} rows and a share of {each['rows']}: each is there {each['exposures']:.2f} times."
        for name, each in summary["inputs"].items()
        if each["rows"] > each["of"]
    ]
    for pair in summary["shared"]:
        if pair["contradictions"]:
            said.append(f"{' and '.join(pair['inputs'])} answer {pair['contradictions']} equal prompts differently.")
    return said


def _foresee(config: Config, known: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Of inputs that are still to come, by what their makers expect."""
    sizes = {name: int(data["rows"]) for name, data in known.items()}
    counts = _amounts(config, sizes)
    parts = ", ".join(f"{name} {count} of {size}" for (name, size), count in zip(sizes.items(), counts, strict=True))
    return [Finding("note", f"{sum(counts)} rows: {parts}.", data={"rows": sum(counts)})]


def plan(context: PlanContext) -> list[Finding]:
    paths, known = context.inputs.get("inputs", {}), context.several.get("inputs", {})
    try:
        if to_come := {*known} - {*paths}:
            return _foresee(context.config, known) if all("rows" in known[name] for name in to_come) else []
        inputs = read(paths)
        summary = describe(inputs, _amounts(context.config, _sizes(inputs)))
    except PipelineError as error:
        return [Finding("fault", f"{error.what} {error.why}".strip(), error.mend)]
    made = summary["inputs"].items()
    parts = ", ".join(f"{name} {each['rows']} of {each['of']} ({each['share']:.0%})" for name, each in made)
    notes = [
        f"{' and '.join(pair['inputs'])} share {pair['prompts']} prompts and {pair['payloads']} payloads."
        for pair in summary["shared"]
        if pair["prompts"] or pair["payloads"]
    ]
    return [
        Finding("note", f"{summary['rows']} rows: {parts}.", data=summary),
        *(Finding("note", text) for text in notes),
        *(Finding("warning", text) for text in worries(summary)),
    ]


STAGE = Stage("mix", Config, takes={"inputs": "episodes+"}, makes="episodes", run=run, plan=plan)
