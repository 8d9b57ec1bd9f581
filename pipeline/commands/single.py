"""`stage NAME --input PATH --field value ... --out DIR`: one stage as a run of one step."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.catalog import CATALOG
from pipeline.commands import terminal
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import Tree, nearest, read_value
from pipeline.engine.stage import Stage


@dataclass
class Request:
    tree: Tree
    root: Path = field(default_factory=Path)
    fresh: list[str] = field(default_factory=list)


def read(words: list[str]) -> Request | None:
    """The words behind `stage` as a preset of one step; None after `--help`. Raises ConfigError."""
    if not words or words[0].startswith("-"):
        if words in ([], ["--help"]):
            terminal.say("Usage: python -m pipeline stage NAME [--input PATH] [--field value] [--out DIR] [--seed N]")
            terminal.say(f"Stages: {', '.join(CATALOG.stages)}")
            return None
        raise ConfigError("The name of the stage comes first.", "", "Write: python -m pipeline stage NAME ...")
    stage = CATALOG.stages.get(words[0])
    if stage is None:
        raise ConfigError(f"There is no stage `{words[0]}`{nearest(words[0], CATALOG.stages)}", "", "")
    if "--help" in words:
        _help(stage)
        return None
    options = _options(words[1:])
    request = Request({"preset": f"stage-{stage.name}", "steps": {}})
    step: Tree = {"stage": stage.name, "from": {}}
    for name, values in options.items():
        if name == "root":
            request.root = Path(values[0])
        elif name == "fresh":
            request.fresh = [stage.name]
        elif name == "seed" and name not in stage.Config.model_fields:
            request.tree["seed"] = read_value(values[0])
        elif name in stage.takes:
            step["from"][name] = values if len(values) > 1 else values[0]
        elif name in ("out", "name"):
            step[name] = values[0]
        else:
            _set(step, name, _value(stage, name, values))
    if "out" in step:
        step["out"] = str(Path(step["out"]).absolute())
    request.tree["steps"][stage.name] = step
    return request


def _options(words: list[str]) -> dict[str, list[str]]:
    """`--val-split 0.1 --inputs a b --shuffle` as name -> values; a flag alone is true."""
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            options[name] = [value] if equals else []
        elif name:
            options[name].append(word)
        else:
            raise ConfigError(f"`{word}` belongs to no option.", "", "Write --field value.")
    return {name: values or ["true"] for name, values in options.items()}


def _value(stage: Stage, name: str, values: list[str]) -> Any:
    known = stage.Config.model_fields.get(name)
    kinds = (known.annotation, *typing.get_args(known.annotation)) if known else ()
    if any(typing.get_origin(kind) in (list, tuple) for kind in kinds):
        parts = [part for value in values for part in value.split(",")] if not values[0].startswith("[") else values
        return [read_value(part) for part in parts] if parts is not values else read_value(values[0])
    if any(kind is str for kind in kinds):
        return " ".join(values)
    return read_value(" ".join(values))


def _set(step: Tree, name: str, value: Any) -> None:
    *path, last = name.split(".")
    for part in path:
        step = step.setdefault(part, {})
    step[last] = value


def _help(stage: Stage) -> None:
    takes = ", ".join(f"--{name} ({kind})" for name, kind in stage.takes.items()) or "nothing"
    terminal.say(f"{stage.name}: takes {takes}; makes {stage.makes}")
    rows = []
    for name, known in stage.Config.model_fields.items():
        default = "(needed)" if known.is_required() else str(known.get_default(call_default_factory=True))
        rows.append((f"--{name.replace('_', '-')}", default, known.description or ""))
    terminal.table(("option", "default", "meaning"), rows)
