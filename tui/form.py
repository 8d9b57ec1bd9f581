"""The settings of a preset as fields of a form, made from the stages' own Configs: value, default, docstring, check."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pipeline.engine import presets
from pipeline.engine.config import RESERVED
from pipeline.engine.stage import Catalog, Stage, Take

FILE = "config_file"
"""The setting that names a file with others of its step."""
SWITCH: FieldInfo = FieldInfo(annotation=bool, default=True)
INPUT: FieldInfo = FieldInfo(annotation=str | list[str], default="")
SEED: FieldInfo = FieldInfo(
    annotation=int, default=0, description="Where all chance begins: the same seed, the same run."
)


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
    choices: tuple[str, ...] = ()
    """All values that it can have, where they are few."""
    resource: tuple[str, ...] = ()
    """Names that may stand for a whole table, such as a provider's."""
    offers: tuple[str, ...] = ()
    """Of an input: earlier steps, and artifacts that are there. Another path or a hub id may stand there too."""
    many: bool = False
    """Of an input: it takes a list."""
    empty: str = "(empty)"
    """What is shown where there is no value."""

    @property
    def key(self) -> str:
        return f"{self.step}.{self.name}" if self.step else self.name

    def fault(self, text: str) -> str:
        """Why `text` cannot be its value; empty where it can."""
        if text == self.written or text in self.resource:
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


def fields_of(
    tree: Mapping[str, Any],
    catalog: Catalog,
    sets: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> list[Field]:
    """The seed, what the preset has in tables such as `providers`, and of every step in its order whether it is on, its
    inputs and its settings; of one that `sets` or the preset switches off only the first.

    `artifacts`: name -> kind of what might be an input.
    """
    found = [_field("", "seed", SEED, tree.get("seed", 0), tree, catalog)]
    for table, settings in catalog.resources.items():
        for name, raw in tree.get(table, {}).items():
            for key, info in settings.model_fields.items():
                value = raw.get(key, info.get_default(call_default_factory=True))
                found.append(_field(f"{table}.{name}", key, info, value, tree, catalog))
    earlier: dict[str, tuple[str, ...]] = {}
    for step, raw in tree.get("steps", {}).items():
        stage = catalog.stages.get(raw.get("stage", step))
        if stage is None:
            continue
        switch = _switch(step, stage, raw)
        found.append(switch)
        if (sets or {}).get(switch.key, switch.written) == "false":
            continue
        found += [
            _input(step, Take.read(name, spec), raw.get("from", {}), earlier, artifacts or {})
            for name, spec in stage.takes.items()
        ]
        given = _spelled_out(step, stage, raw, sets or {})
        for name, info in stage.Config.model_fields.items():
            if name not in RESERVED:
                value = given.get(name, info.get_default(call_default_factory=True))
                found.append(_field(step, name, info, value, tree, catalog))
        earlier[step] = tuple(stage.makes.split("|"))
    return found


def _spelled_out(step: str, stage: Stage, raw: Mapping[str, Any], sets: Mapping[str, str]) -> Mapping[str, Any]:
    """What the preset has of a step, with what the file holds that it or `sets` names; of a bad file nothing, since the
    check of the whole form tells of it."""
    named = f"{step}.{FILE}"
    chosen = {**raw, FILE: presets.read_value(sets[named])} if named in sets else raw
    with suppress(ValueError, TypeError):
        return {**stage.Config.spell_out(chosen), FILE: raw.get(FILE)}
    return raw


def _switch(step: str, stage: Stage, raw: Mapping[str, Any]) -> Field:
    told = (sys.modules[stage.run.__module__].__doc__ or "").partition("\n")[0]
    about = f"Whether the step is part of the run. Its stage is `{stage.name}`: {told}"
    written = text_of(raw.get("enabled", True))
    return Field(step, "enabled", "true | false", about, "true", written, SWITCH, ("true", "false"))


def _input(
    step: str,
    take: Take,
    given: Mapping[str, Any],
    earlier: Mapping[str, tuple[str, ...]],
    artifacts: Mapping[str, str],
) -> Field:
    makers = [name for name, kinds in earlier.items() if not {*kinds}.isdisjoint(take.kinds)]
    offers = (*reversed(makers), *(name for name, kind in artifacts.items() if kind in take.kinds))
    wired = [] if take.named else makers if take.many and take.optional else makers[-1:]
    about = f"Where its {take.words()} come from: an earlier step, an artifact, a path, a hub id. "
    if take.named:
        about += "Nothing where none is named."
    else:
        which = "every" if take.many and take.optional else "the nearest"
        about += f"Where none is named, {which} earlier step that makes it."
    kind = f"{'list of ' * take.many}{take.words()}{', may be left out' * take.optional}"
    empty = f"({', '.join(wired) or ('none' if take.optional else 'missing')})"
    return Field(
        step, f"from.{take.name}", kind, about, "", text_of(given.get(take.name, "")), INPUT, (), (), offers, take.many,
        empty,
    )  # fmt: skip


def _field(step: str, name: str, info: FieldInfo, value: Any, tree: Mapping[str, Any], catalog: Catalog) -> Field:
    table = _table(info, catalog)
    known = tuple({**catalog.defaults.get(table, {}), **tree.get(table, {})}) if table else ()
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    about = " ".join((info.description or "").split())
    texts = (_text(default, table, tree, catalog), _text(value, table, tree, catalog))
    return Field(step, name, _kind(info), about, *texts, info, _choices(info), known)


def _kind(info: FieldInfo) -> str:
    """Its type in plain words."""
    if choices := _choices(info):
        return " | ".join(choice or '""' for choice in choices)
    origin = get_origin(info.annotation)
    if origin not in (None, Union, UnionType):
        return {tuple: "list", list: "list", dict: "table"}.get(origin, "text")
    kinds = get_args(info.annotation) or (info.annotation,)
    words = {int: "whole number", float: "number", str: "text", Path: "path", NoneType: "nothing", tuple: "list"}
    return " or ".join(
        words.get(kind, "table" if isinstance(kind, type) and issubclass(kind, BaseModel) else "text") for kind in kinds
    )


def _choices(info: FieldInfo) -> tuple[str, ...]:
    if info.annotation is bool:
        return ("true", "false")
    return tuple(map(text_of, get_args(info.annotation))) if get_origin(info.annotation) is Literal else ()


def _table(info: FieldInfo, catalog: Catalog) -> str:
    """The table of the preset whose entries the field may name; empty: none."""
    return next((table for table, settings in catalog.resources.items() if info.annotation is settings), "")


def _text(value: Any, table: str, tree: Mapping[str, Any], catalog: Catalog) -> str:
    """As `text_of`, but what an entry of a table holds is told by its name."""
    if isinstance(value, BaseModel) and table:
        for name, raw in {**catalog.defaults.get(table, {}), **tree.get(table, {})}.items():
            if catalog.resources[table].model_construct(**raw) == value:
                return str(name)
    return text_of(value)


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
