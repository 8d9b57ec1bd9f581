"""The settings of a preset as fields of a form, made from the stages' own Configs: value, default, docstring, check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pipeline.engine import presets
from pipeline.engine.config import RESERVED, RunConfig, check
from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import Catalog


@dataclass(frozen=True)
class Field:
    """One setting of one step."""

    step: str
    name: str
    kind: str
    """Its type in plain words."""
    about: str
    default: str
    written: str
    """What the preset has; the default where it says nothing."""
    info: FieldInfo
    resource: tuple[str, ...] = ()
    """Names that may stand for a whole table, such as a provider's."""

    @property
    def key(self) -> str:
        return f"{self.step}.{self.name}"

    def fault(self, text: str) -> str:
        """Why `text` cannot be its value; empty where it can."""
        if text in self.resource:
            return ""
        kind: Any = Annotated[self.info.annotation, self.info]
        try:
            TypeAdapter(kind).validate_python(presets.read_value(text))
        except ValidationError as error:
            first = error.errors()[0]
            return f"{first['msg'][0].lower()}{first['msg'][1:]}"
        except Exception as error:  # a validator that wants its neighbours: the whole form says it
            return "" if isinstance(error, KeyError | AttributeError) else str(error)
        return ""


def fields_of(tree: Mapping[str, Any], catalog: Catalog) -> list[Field]:
    """Every setting of every step that is switched on, in the order of the steps."""
    found: list[Field] = []
    for step, raw in tree.get("steps", {}).items():
        stage = catalog.stages.get(raw.get("stage", step))
        if stage is None or not raw.get("enabled", True):
            continue
        for name, info in stage.Config.model_fields.items():
            if name not in RESERVED:
                default = info.get_default(call_default_factory=True)
                found.append(
                    Field(
                        step,
                        name,
                        _kind(info),
                        " ".join((info.description or "").split()),
                        text_of(default),
                        text_of(raw.get(name, default)),
                        info,
                        _names(info, tree, catalog),
                    )
                )
    return found


def _kind(info: FieldInfo) -> str:
    text = getattr(info.annotation, "__name__", "") or ""
    literal = str(info.annotation)
    if "Literal[" in literal:
        return literal[literal.index("[") + 1 : literal.rindex("]")].replace("'", "").replace(",", " |")
    words = {"int": "whole number", "float": "number", "bool": "true | false", "str": "text", "tuple": "list"}
    return words.get(text, text.lower() if text not in ("", "Union", "Optional") else literal.replace("typing.", ""))


def _names(info: FieldInfo, tree: Mapping[str, Any], catalog: Catalog) -> tuple[str, ...]:
    for table, settings in catalog.resources.items():
        if info.annotation is settings:
            return tuple({**catalog.defaults.get(table, {}), **tree.get(table, {})})
    return ()


def text_of(value: Any) -> str:
    """A value as a person writes it after `--set key=`."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Path):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(str(key))} = {_literal(entry)}" for key, entry in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Iterable):
        return "[" + ", ".join(_literal(entry) for entry in value) + "]"
    return str(value)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else text_of(value)


def composed(
    preset: str, folders: Iterable[Path], sets: Mapping[str, str], catalog: Catalog
) -> tuple[RunConfig | None, str]:
    """The whole form, checked: its config, or what is wrong with it, a fault a line."""
    try:
        overrides = [f"{key}={text}" for key, text in sets.items()]
        return check(presets.compose(preset, folders, overrides), catalog), ""
    except ConfigError as error:
        return None, error.what
