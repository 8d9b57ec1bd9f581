"""The plan of a run: for every step where its artifact lies, whether it is done, and if not, what changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.artifacts import MADE, MAKING, Workspace, compare_settings, read_made, verify
from pipeline.engine.config import RunConfig, Step
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.fingerprints import describe, fingerprint, path_hash
from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding, Marked, Marks, PlanContext, Take

State = Literal["cached", "partial", "new", "stale", "edited"]


@dataclass
class Planned:
    """One step of a plan."""

    step: Step
    fingerprint: str
    artifact: Path
    inputs: dict[str, dict[str, Path]]
    """Input name -> reference -> path."""
    state: State = "new"
    why: str = ""
    marks: Marks = field(default_factory=Marks)
    findings: list[Finding] = field(default_factory=list)

    def given(self) -> dict[str, Any]:
        """`inputs` in the form that a stage gets: a path, or a dict of paths for a kind marked `*` or `+`."""
        takes = {name: Take.read(name, spec) for name, spec in self.step.stage.takes.items()}
        return {name: paths if takes[name].many else next(iter(paths.values())) for name, paths in self.inputs.items()}

    def to_row(self) -> Row:
        return {
            "step": self.step.name,
            "stage": self.step.stage.name,
            "state": self.state,
            "why": self.why,
            "artifact": str(self.artifact),
            "findings": [
                {"level": f.level, "text": f.text, "mend": f.mend, "data": dict(f.data)} for f in self.findings
            ],
        }


def plan(config: RunConfig, workspace: Workspace) -> list[Planned]:
    """Where every step stands; nothing is made. Raises ConfigError for a named file that cannot be read."""
    planned: dict[str, Planned] = {}
    for step in config.steps:
        entry = place(step, planned, config.seed, workspace)
        entry.state, entry.why = _state(entry, planned, workspace)
        planned[step.name] = entry
    _tell_unmatched(list(planned.values()))
    return list(planned.values())


def place(step: Step, earlier: Mapping[str, Planned], seed: int, workspace: Workspace) -> Planned:
    """Where a step's artifact lies, as things are now: marks match only the rows of inputs that are made.

    So a runner asks again once the inputs are there.
    """
    inputs: dict[str, dict[str, Path]] = {}
    prints: dict[str, list[str]] = {}
    for name, references in step.inputs.items():
        located = [_locate(reference, earlier, workspace) for reference in references]
        inputs[name] = {reference: path for reference, (path, _) in zip(references, located, strict=True)}
        prints[name] = [mark for _, mark in located]
    entry = Planned(step, "", Path(), inputs)
    entry.marks = step.stage.marks(workspace.root, _made(entry.given()))
    pins = {**step.stage.pins(step.settings), **step.stage.reads(workspace.root)}
    entry.fingerprint = fingerprint(step, seed, prints, pins, entry.marks.honoured)
    entry.artifact = workspace.artifact(step, entry.fingerprint)
    return entry


def _tell_unmatched(planned: list[Planned]) -> None:
    """A note on marks that fit no row of this plan, at the first step that would honour them."""
    told = {key for entry in planned for marked in entry.marks.honoured.values() for key in marked}
    for entry in planned:
        lost = {key: name for key, name in entry.marks.unmatched.items() if key not in told}
        told |= lost.keys()
        if lost:
            some = ", ".join(list(lost.values())[:3]) + (" and more" if len(lost) > 3 else "")
            text = f"{_number(lost)} on rows that are not read here ({some}): the texts are others now."
            entry.findings.append(Finding("note", text, "", {"marks": len(lost)}))


def _locate(reference: str, planned: Mapping[str, Planned], workspace: Workspace) -> tuple[Path, str]:
    """The path of an input and the fingerprint that stands for it."""
    if reference in planned:
        return planned[reference].artifact, planned[reference].fingerprint
    path = workspace.find(reference)
    assert path is not None, "config.check has seen it"
    if (path / MADE).is_file():
        made = read_made(path)
        return path, str(made["fingerprint"])
    return path, path_hash(path)


def _state(entry: Planned, planned: dict[str, Planned], workspace: Workspace) -> tuple[State, str]:
    state, why = state_now(entry)
    if state == "new":
        return state, _changed(entry, workspace)
    if state == "cached":
        for name, reference, _ in _pairs(entry):
            if reference in planned and planned[reference].state != "cached":
                return "stale", f"its input {name} ({reference}) will be made anew"
    return state, why


def state_now(entry: Planned) -> tuple[State, str]:
    """How a step's artifact stands on disk at this moment, its inputs being what they are now."""
    artifact = entry.artifact
    if not (artifact / MADE).is_file():
        return ("partial", "begun, not finished") if artifact.exists() else ("new", "")
    if read_made(artifact)["fingerprint"] != entry.fingerprint:
        return "edited", f"{artifact} holds what other settings made."
    try:
        verify(artifact)
    except PipelineError as error:
        return "edited", error.what
    recorded = read_made(artifact)["inputs"]
    for name, reference, path in _pairs(entry):
        digest = recorded.get(name, {}).get(reference, {}).get("digest")
        if digest is not None and (path / MADE).is_file() and read_made(path)["digest"] != digest:
            return "stale", f"its input {name} ({reference}) was made anew since"
    return "cached", ""


def _pairs(entry: Planned) -> list[tuple[str, str, Path]]:
    return [(name, reference, path) for name, paths in entry.inputs.items() for reference, path in paths.items()]


def _changed(entry: Planned, workspace: Workspace) -> str:
    """What differs from the newest artifact of the same stage and step."""
    for artifact in reversed(workspace.artifacts()):
        made = read_made(artifact)
        if made.get("stage") != entry.step.stage.name or made.get("step") != entry.step.name:
            continue
        lines = compare_settings(made["described"], describe(entry.step.settings))
        for name, reference, path in _pairs(entry):
            if made["inputs"].get(name, {}).get(reference, {}).get("path") != path.name:
                lines.append(f"input {name} changed")
        lines += _compare_marks(made.get("marks", {}), entry.marks.honoured)
        return "; ".join(lines) or "the seed, the version of the stage or what lies outside the config changed"
    return "never made"


def _compare_marks(before: Marked, after: Marked) -> list[str]:
    """Lines such as "2 marks on its scores changed"."""
    lines = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, {}), after.get(name, {})
        if changed := [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]:
            lines.append(f"{_number(changed)} on its {name} changed")
    return lines


def _number(marks: Collection[str]) -> str:
    return f"{len(marks)} mark" + ("" if len(marks) == 1 else "s")


def _made(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a step's inputs that can be read."""
    return {
        name: value
        for name, value in given.items()
        if all(_is_there(path) for path in (value.values() if isinstance(value, dict) else [value]))
    }


def _is_there(path: Path) -> bool:
    """Whether an input can be read: a finished artifact, or a file or folder of the user's own."""
    return path.exists() and not (path / MAKING).exists()


def inspect(planned: list[Planned], config: RunConfig, workspace: Workspace, gpu: int | None = None) -> None:
    """Add what each step's own `plan` finds. Of an input that has yet to be made it is given what its maker expects.

    `gpu`: bytes of the GPU to plan for, where it is not the one that is there.
    """
    found: dict[str, Row] = {}
    for entry in planned:
        if entry.state == "cached":
            continue
        expected = {name: found[reference] for name, reference, _ in _pairs(entry) if reference in found}
        given = {name: value for name, value in _made(entry.given()).items() if name not in expected}
        marks = entry.marks.honoured
        several = _several(entry, found)
        context = PlanContext(entry.step.settings, given, config.seed, workspace.root, marks, expected, several, gpu)
        try:
            entry.findings += entry.step.stage.plan(context)
        except PipelineError as error:
            entry.findings.append(Finding("fault", f"{error.what} {error.why}".strip(), error.mend))
        found[entry.step.name] = {key: value for finding in entry.findings for key, value in finding.data.items()}


def _several(entry: Planned, found: Mapping[str, Row]) -> dict[str, dict[str, Row]]:
    """Of inputs that take several: what the maker of each expects, or said when it was done."""
    takes = {name: Take.read(name, spec) for name, spec in entry.step.stage.takes.items()}
    return {
        name: {
            reference: found[reference] if reference in found else read_made(path).get("summary", {})
            for reference, path in paths.items()
            if reference in found or (path / MADE).is_file()
        }
        for name, paths in entry.inputs.items()
        if takes[name].many
    }


def chosen(planned: list[Planned], options: Row) -> list[Planned]:
    """The steps that `--until` and `--only` leave. Raises ConfigError where `--only` lacks an input."""
    names = [entry.step.name for entry in planned]
    until, only = options.get("until"), options.get("only")
    for name in (until, only, *options.get("fresh", [])):
        if name and name not in names:
            raise ConfigError(f"There is no step `{name}`.", f"Steps: {', '.join(names)}.", "")
    if until:
        planned = planned[: names.index(until) + 1]
    if not only:
        return planned
    entry = planned[names.index(only)]
    for name, paths in entry.inputs.items():
        for reference, path in paths.items():
            if not path.exists() or (reference in names and not (path / MADE).is_file()):
                raise ConfigError(
                    f"--only {only}: its input {name} ({reference}) is not made yet.",
                    "",
                    f"Run the steps before it first: --until {reference}",
                )
    return [entry]
