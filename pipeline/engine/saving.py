"""Settings kept as a preset of their own: a TOML file that extends another and holds only what differs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.engine.config import RunConfig
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import NOT_PRESETS, Tree, compose, find_preset, merge
from pipeline.engine.rows import write_bytes

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def save_preset(
    parent: str, folders: Iterable[Path], overrides: Iterable[str], name: str, *, overwrite: bool = False
) -> Path:
    """Write NAME.toml in the first of `folders`: `extends`, and what the overrides change. Returns the file.

    Raises ConfigError where the name is none for a file, a file of that name is there and `overwrite` does not allow
    it, or a change cannot be said as a difference.
    """
    folders = list(folders)
    file = _file(folders[0], name)
    source = find_preset(parent, folders)
    if name == source.stem:
        raise ConfigError(f"The preset `{name}` cannot extend itself.", "", "Choose another name.")
    _may_write(file, overwrite)
    before, after = compose(parent, folders), compose(parent, folders, overrides)
    changes = _placed(before, after, _difference(before, after))
    text = to_toml({"extends": parent if source.stem == parent else source.resolve().as_posix(), **changes})
    read = tomllib.loads(text)
    del read["extends"]
    back = merge(before, read)
    if back != after or list(back["steps"]) != list(after.get("steps", {})):
        raise ConfigError(
            f"These settings cannot be kept as differences from `{parent}`.",
            "A table that loses keys would gain them again from the preset that is extended.",
            "Set the keys of such a table one by one, or write the preset by hand.",
        )
    return _written(file, text)


def save_whole(
    config: RunConfig, folder: Path, name: str, check: Callable[[Tree], RunConfig], *, overwrite: bool = False
) -> Path:
    """Write NAME.toml in `folder` with all that differs from the defaults in code, so that it extends nothing.

    `check` makes a config of a tree. Raises ConfigError as `save_preset` does.
    """
    file = _file(folder, name)
    _may_write(file, overwrite)
    text = to_toml({key: value for key, value in config.to_tree(defaults=False).items() if key != "preset"})
    if check({"preset": config.preset, **tomllib.loads(text)}) != config:
        raise ConfigError("These settings cannot be said as a preset.", f"{text[:200]!r} means others.", "")
    return _written(file, text)


def _file(folder: Path, name: str) -> Path:
    file = folder / f"{name}.toml"
    if not _NAME.fullmatch(name) or file.name in NOT_PRESETS:
        raise ConfigError(f"{name!r} cannot be the name of a preset.", "", "Use letters, digits, `-` and `_`.")
    return file


def _may_write(file: Path, overwrite: bool) -> None:
    if file.exists() and not overwrite:
        raise ConfigError(f"{file} is there already.", "", "Choose another name, or allow it with --overwrite.")


def _written(file: Path, text: str) -> Path:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError("A setting holds what is no text.", str(error), "Write it in UTF-8.") from None
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, data)
    return file


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Tree:
    found: Tree = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := _difference(old, value):
                found[key] = inner
        elif key not in before or old != value or type(old) is not type(value):
            found[key] = value
    return found


def _placed(before: Tree, after: Tree, changes: Tree) -> Tree:
    """The changes with `after` said of every step that would else stand at another place."""
    steps: Tree = dict(changes.get("steps", {}))
    order = [*before.get("steps", {}), *(name for name in steps if name not in before.get("steps", {}))]
    for earlier, name in pairwise(after.get("steps", {})):
        if order.index(name) != order.index(earlier) + 1:
            order.remove(name)
            order.insert(order.index(earlier) + 1, name)
            steps[name] = {**steps.get(name, {}), "after": earlier}
    return {**changes, "steps": {name: steps[name] for name in order if name in steps}} if steps else changes


def to_toml(tree: Mapping[str, Any]) -> str:
    """A preset's tree as text: a table each for `[steps.NAME]`, `[providers.NAME]`; what lies deeper stands inline."""
    lines, tables = [], []
    for key, value in tree.items():
        if isinstance(value, Mapping) and all(isinstance(entry, Mapping) for entry in value.values()):
            tables += [(f"{_key(key)}.{_key(name)}", entry) for name, entry in value.items()]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for title, entry in tables:
        lines += ["", f"[{title}]", *(f"{_key(key)} = {_value(value)}" for key, value in entry.items())]
    return "\n".join([*lines, ""])


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if value is None:
        raise ConfigError("A setting without a value cannot be kept in a preset.", "TOML has no word for nothing.", "")
    return str(value.isoformat())  # a date or a time: there is nothing else in TOML
