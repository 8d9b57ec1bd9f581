"""The composed tree of a preset, checked whole into one frozen RunConfig."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import Tree, nearest
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Catalog, Stage, Take


@dataclass(frozen=True)
class Step:
    """A stage in a preset, with checked settings; `inputs` holds references as written or wired."""

    name: str
    stage: Stage
    settings: Settings
    inputs: Mapping[str, tuple[str, ...]]
    label: str = ""
    """The artifact's name, where a person gave it one."""
    out: str = ""
    """The artifact's folder, where a person chose it; else it is named by the fingerprint."""


@dataclass(frozen=True)
class RunConfig:
    preset: str
    seed: int
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """Raises ConfigError for a step that the preset does not have."""
        for step in self.steps:
            if step.name == name:
                return step
        names = [step.name for step in self.steps]
        raise ConfigError(f"There is no step `{name}`{nearest(name, names)}", f"Steps: {', '.join(names)}.", "")

    def to_tree(self, *, defaults: bool = True) -> Tree:
        """Every setting written out, so that the tree alone brings this config back; without `defaults` only those
        that differ from what the code has."""
        steps: Tree = {}
        for step in self.steps:
            inputs = {
                name: references[0] if len(references) == 1 else list(references)
                for name, references in step.inputs.items()
            }
            settings = step.settings.model_dump(mode="json", exclude_defaults=not defaults)
            steps[step.name] = {"stage": step.stage.name, "from": inputs, **settings}
            steps[step.name] |= {key: text for key, text in (("name", step.label), ("out", step.out)) if text}
        return {"preset": self.preset, "seed": self.seed, "steps": steps}


def check(tree: Tree, catalog: Catalog, known: typing.Callable[[str], str | None] = lambda _: None) -> RunConfig:
    """Check a composed tree whole.

    `known` tells the kind of an artifact that stands under a name or path ("" where the kind cannot be told, None where
    there is nothing). Raises one ConfigError that lists every fault.
    """
    faults: list[str] = []
    tables = ("preset", "seed", "steps", *catalog.resources)
    faults += [f"`{key}`: unknown key{nearest(key, tables)}" for key in tree if key not in tables]
    seed = tree.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        faults.append(f"`seed`: a whole number was expected, not {seed!r}")
    resources = {name: {**catalog.defaults.get(name, {}), **tree.get(name, {})} for name in catalog.resources}
    used: set[tuple[str, str]] = set()
    steps: list[Step] = []
    written = _switched_on(tree.get("steps", {}), faults)
    if not written:
        faults.append("`steps`: there is none")
    for name, raw in written.items():
        step = _check_step(name, raw, catalog, resources, used, faults)
        if step is not None:
            steps += _wire(step, raw.get("from", {}), steps, catalog, tree, known, faults)
    used |= {pair for raw in _switched_off(tree).values() for pair in _named(raw, catalog)}
    for table, entries in resources.items():
        for name, raw in entries.items():
            _settings(catalog.resources[table], raw, f"{table}.{name}", faults)
            if name not in catalog.defaults.get(table, {}) and (table, name) not in used:
                faults.append(f"`{table}.{name}`: no step uses it, so it has no effect; remove it or name it in a step")
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)), "", "Mend these in the preset or in --set.")
    return RunConfig(str(tree.get("preset", "")), seed, tuple(steps))


def _switched_on(steps: Tree, faults: list[str]) -> Tree:
    written: Tree = {}
    for name, step in steps.items():
        if not isinstance(step, dict):
            faults.append(f"`steps.{name}`: a table was expected, not {step!r}")
        elif not isinstance(enabled := step.get("enabled", True), bool):
            faults.append(f"`steps.{name}.enabled`: true or false was expected, not {enabled!r}")
        elif enabled:
            written[name] = step
    return written


def _switched_off(tree: Tree) -> Tree:
    steps = {name: step for name, step in tree.get("steps", {}).items() if isinstance(step, dict)}
    return {name: {"stage": name, **step} for name, step in steps.items() if step.get("enabled", True) is False}


def _named(raw: Tree, catalog: Catalog) -> list[tuple[str, str]]:
    """(table, entry) of all that a step names: what one that is switched off would use is no mistake."""
    stage = catalog.stages.get(raw["stage"])
    fields = _resource_fields(stage.Config, catalog) if stage else []
    return [(table, raw[key]) for key, table in fields if isinstance(raw.get(key), str)]


RESERVED = ("stage", "from", "name", "out", "enabled")


def _check_step(
    name: str, raw: Tree, catalog: Catalog, resources: Mapping[str, Tree], used: set[tuple[str, str]], faults: list[str]
) -> Step | None:
    stage = catalog.stages.get(raw.get("stage", name))
    if stage is None:
        wanted = str(raw.get("stage", name))
        faults.append(f"`steps.{name}`: there is no stage `{wanted}`{nearest(wanted, catalog.stages)}")
        return None
    values = {key: value for key, value in raw.items() if key not in RESERVED}
    for key, table in _resource_fields(stage.Config, catalog):
        value = values.get(key)
        if isinstance(value, str):
            used.add((table, value))
            if value not in resources[table]:
                faults.append(f"`steps.{name}.{key}`: no [{table}.{value}]{nearest(value, resources[table])}")
                values.pop(key)
            else:
                values[key] = resources[table][value]
    settings = _settings(stage.Config, values, f"steps.{name}", faults)
    if settings is None:  # the fault is noted; the step stands in so that what is built on it is checked too
        settings = stage.Config.model_construct()
    return Step(name, stage, settings, {}, str(raw.get("name", "")), str(raw.get("out", "")))


def _resource_fields(config: type[Settings], catalog: Catalog) -> list[tuple[str, str]]:
    """(field, table) of every field that may name an entry of a table of the preset."""
    found = []
    for key, field in config.model_fields.items():
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        for table, settings in catalog.resources.items():
            if any(inspect.isclass(kind) and issubclass(kind, settings) for kind in kinds):
                found.append((key, table))
    return found


def _settings(model: type[Settings], values: Tree, place: str, faults: list[str]) -> Settings | None:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            faults.append(f"`{'.'.join([place, *map(str, fault['loc'])])}`: {_reason(fault, model)}")
        return None


def _reason(fault: Any, model: type[BaseModel]) -> str:
    if fault["type"] == "value_error":  # words of our own
        whole = isinstance(fault["input"], Mapping)
        return f"{fault['ctx']['error']}" + ("" if whole else f", given {fault['input']!r}")
    if fault["type"] != "extra_forbidden":
        return f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {fault['input']!r}"
    for part in fault["loc"][:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            model = inner
    return f"unknown key{nearest(str(fault['loc'][-1]), model.model_fields)}"


def _wire(
    step: Step,
    given: Any,
    earlier: list[Step],
    catalog: Catalog,
    tree: Tree,
    known: typing.Callable[[str], str | None],
    faults: list[str],
) -> list[Step]:
    """The step with its inputs, behind the steps that fetch the hub models it names."""
    place = f"steps.{step.name}.from"
    if not isinstance(given, dict):
        faults.append(f'`{place}`: a table was expected, such as from = {{ model = "base" }}')
        return []
    given = {name: reference for name, reference in given.items() if reference != ""}  # unsays what a parent named
    takes = {name: Take.read(name, spec) for name, spec in step.stage.takes.items()}
    faults += [f"`{place}.{key}`: no such input{nearest(key, takes)}" for key in given if key not in takes]
    fetched: list[Step] = []
    inputs: dict[str, tuple[str, ...]] = {}
    for name, take in takes.items():
        fits = (other for other in earlier if other.stage.makes_for(other.settings) in take.kinds)
        makers = [] if take.named else [other.name for other in fits]
        if name not in given:
            inputs[name] = tuple(makers if take.many and take.optional else makers[-1:])
            if not makers and not take.optional:
                faults.append(f"`steps.{step.name}`: needs `{name}`, and no earlier step makes a {take.words()}")
            continue
        references = given[name] if isinstance(given[name], list) else [given[name]]
        if len(references) > 1:  # one of several may be switched off; one that is named alone is missed
            references = [reference for reference in references if reference not in _switched_off(tree)]
        if len(references) > 1 and not take.many:
            faults.append(f"`{place}.{name}`: one input was expected, not {len(references)}")
        if not references and not take.optional:
            faults.append(f"`{place}.{name}`: at least one {take.words()} is needed")
        inputs[name] = tuple(map(str, references))
        for reference in inputs[name]:
            fetch = _reference(reference, take, f"{place}.{name}", earlier, catalog, tree, known, faults)
            if fetch is not None and fetch.name not in [other.name for other in [*earlier, *fetched]]:
                fetched.append(fetch)
    kept = {name: references for name, references in inputs.items() if references}
    return [*fetched, Step(step.name, step.stage, step.settings, kept, step.label, step.out)]


def _reference(
    reference: str,
    take: Take,
    place: str,
    earlier: list[Step],
    catalog: Catalog,
    tree: Tree,
    known: typing.Callable[[str], str | None],
    faults: list[str],
) -> Step | None:
    """Check what an input names: a step, a name or path, or a hub id, for which the step that fetches it is given."""
    makes = next((other.stage.makes_for(other.settings) for other in earlier if other.name == reference), None)
    found = makes if makes is not None else known(reference)
    if found is not None:
        if found not in ("", *take.kinds):
            faults.append(f"`{place}`: `{reference}` is a {found}, and a {take.words()} is needed")
        return None
    fetch = catalog.stages[catalog.fetch]
    if fetch.makes in take.kinds and reference.count("/") == 1 and not Path(reference).is_absolute():
        return Step(reference, fetch, fetch.Config.model_validate({"source": reference}), {})
    written = tree.get("steps", {})
    if reference in written:
        late = "is switched off" if not written[reference].get("enabled", True) else "does not come earlier"
        faults.append(f"`{place}`: the step `{reference}` {late}")
    else:
        steps = [other.name for other in earlier]
        faults.append(f"`{place}`: no step, name or path `{reference}`{nearest(reference, steps)}")
    return None
