"""Presets: a TOML or JSON file, what it extends, and `--set` overrides, composed into one tree of plain values."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.engine.errors import ConfigError

Tree = dict[str, Any]
NOT_PRESETS = ("battery.toml", "gpus.toml", "prices.toml", "rubric.toml")
"""Tables that a person edits, in the same folder."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "; did you mean `seed`?", or nothing where no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def preset_files(folders: Iterable[Path]) -> dict[str, Path]:
    """Name -> file of every preset; a folder named earlier wins."""
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted([*folder.glob("*.toml"), *folder.glob("*.json")]):
            if path.name not in NOT_PRESETS:
                files.setdefault(path.stem, path)
    return files


def find_preset(name: str, folders: Iterable[Path], beside: Path | None = None) -> Path:
    """The file of a preset given by name or by path. Raises ConfigError."""
    path = Path(name)
    if path.suffix in (".toml", ".json"):
        for candidate in (path, beside / path if beside else path):
            if candidate.is_file():
                return candidate
    files = preset_files([beside, *folders] if beside else folders)
    if name in files:
        return files[name]
    raise ConfigError(
        f"There is no preset `{name}`{nearest(name, files)}",
        f"Known presets: {', '.join(sorted(files)) or 'none'}.",
        "Name one of these, or the path of a .toml or .json file.",
    )


def read_tree(path: Path) -> Tree:
    """The plain content of one preset file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", str(error), "Check the path.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid {path.suffix[1:].upper()}.", str(error), "Mend the file.") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} does not hold a table.", "", "Begin it with keys such as `seed` or `[steps.NAME]`.")
    return tree


def compose(name: str, folders: Iterable[Path], overrides: Iterable[str] = ()) -> Tree:
    """The tree of a preset with everything it extends and every `key=value` override applied, steps in order."""
    folders = list(folders)
    path = find_preset(name, folders)
    tree = _extended(path, folders, ())
    tree["preset"] = path.stem
    apply_overrides(tree, overrides)
    return tree


def _extended(path: Path, folders: list[Path], seen: tuple[Path, ...]) -> Tree:
    if path in seen:
        chain = " -> ".join(entry.stem for entry in (*seen, path))
        raise ConfigError(f"Presets extend each other in a circle: {chain}.", "", "Remove one `extends`.")
    tree = read_tree(path)
    if "extends" not in tree:
        return tree
    parent = _extended(find_preset(str(tree.pop("extends")), folders, beside=path.parent), folders, (*seen, path))
    return merge(parent, tree)


def merge(parent: Tree, child: Tree) -> Tree:
    """`child` over `parent`; a new step goes to the end, or behind the step that its `after` names."""
    steps = dict(parent.get("steps", {}))
    for name, step in child.get("steps", {}).items():
        if not isinstance(step, dict):
            raise ConfigError(f"`steps.{name}` is not a table.", "", f"Write it as [steps.{name}].")
        steps[name] = _deep(steps.get(name, {}), {key: value for key, value in step.items() if key != "after"})
        if "after" in step:
            steps = placed(steps, name, step["after"])
    merged = _deep({key: value for key, value in parent.items() if key != "steps"}, child | {"steps": {}})
    return merged | {"steps": steps}


def placed(steps: Tree, name: str, after: Any) -> Tree:
    """The steps with `name` behind the step `after`. Raises ConfigError where there is no such other step."""
    others = [other for other in steps if other != name]
    if after not in others:
        raise ConfigError(f"steps.{name}: `after` names no step: {after}{nearest(str(after), others)}", "", "")
    at = others.index(after) + 1
    return {other: steps[other] for other in [*others[:at], name, *others[at:]]}


def _deep(below: Tree, above: Tree) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _deep(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def apply_overrides(tree: Tree, overrides: Iterable[str]) -> None:
    """`step.key=value`, `providers.NAME.key=value` or `seed=value`, in place. Raises ConfigError naming every fault.

    `steps.NAME.stage=STAGE` adds a step at the end, `NAME.after=STEP` moves one.
    """
    faults = []
    for override in overrides:
        key, equals, text = override.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            faults.append(f"--set {override}: not of the form key=value")
            continue
        steps = tree.get("steps", {})
        if len(parts) > 1 and parts[0] in steps:
            parts = ["steps", *parts]
        elif len(parts) == 2 and parts[0] not in tree:
            faults.append(f"--set {override}: there is no step `{parts[0]}`{nearest(parts[0], steps)}")
            continue
        place = tree
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                faults.append(f"--set {override}: `{part}` is not a table")
                break
        else:
            if parts[0] == "steps" and len(parts) == 3 and parts[2] == "after":
                try:
                    tree["steps"] = placed(tree["steps"], parts[1], read_value(text))
                except ConfigError as error:
                    faults.append(f"--set {override}: {error.what}")
            else:
                place[parts[-1]] = read_value(text)
    if faults:
        raise ConfigError("\n".join(faults), "", "Write `--set step.key=value`.")


def read_value(text: str) -> Any:
    """A value as TOML reads it, else the text itself, so that words need no quotes on a command line."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
