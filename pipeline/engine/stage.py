"""A stage is a value: its settings, what it takes and makes, and the function that does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.errors import ProcessDied, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.launch import Launch
from pipeline.engine.settings import Settings

Inputs = Mapping[str, Any]
"""Input name -> Path; for a kind marked `*` or `+` a dict of reference name -> Path; an optional input not given is
absent."""
Marked = Mapping[str, Mapping[str, Any]]
"""Input name -> key of a row -> what people said of that row (JSON-able)."""


@dataclass(frozen=True)
class Finding:
    """What `plan` has to say of a step, or a rule of a training as it runs. A fault stops the run, before it starts or
    there; `data` is for scripts and screens."""

    level: Literal["fault", "warning", "note"]
    text: str
    mend: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """What a stage is given to work with. `out` exists and may hold what an earlier, unfinished attempt left."""

    config: Any
    inputs: Inputs
    out: Path
    seed: int
    emit: Emitter
    stop_file: Path | None = None
    effective: dict[str, dict[str, Any]] = field(default_factory=dict)
    root: Path = Path()
    """The workspace: the folder that holds `data/`, `models/` and `configs/`."""
    run: str = ""
    """Id of the run."""
    step: str = ""
    marks: Marked = field(default_factory=dict)
    """What people said of the rows of the inputs, as the fingerprint has it; see `Stage.marks`."""

    def stop_requested(self) -> bool:
        """Whether a stop was asked for."""
        return self.stop_file is not None and self.stop_file.exists()

    def check_stop(self) -> None:
        """Call at every safe point. Raises StopRequested."""
        if self.stop_requested():
            raise StopRequested

    def in_effect(self, setting: str, asked: Any, value: Any, why: str) -> None:
        """Record that a setting was not honoured as asked; it stands in `made.json` and is shown as an alert."""
        self.effective[setting] = {"asked": asked, "in_effect": value, "why": why}
        self.emit.alert(f"{setting}: {asked!r} asked, {value!r} in effect: {why}", level="note")


def no_findings(_: PlanContext) -> list[Finding]:
    return []


@dataclass(frozen=True)
class PlanContext:
    """What a stage's `plan` is given. An input that is not made yet is absent from `inputs`."""

    config: Any
    inputs: Inputs
    seed: int
    root: Path
    marks: Marked = field(default_factory=dict)
    """Those of the inputs that are made."""
    expected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Input name -> the `data` of all findings of the step that will make it, where it is not made yet."""
    several: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Input name that takes several -> reference -> that `data`, or of one that is made its summary."""
    gpu: int | None = None
    """Bytes of the GPU that a person named to plan for; None: what is there."""


def no_pins(_: Any) -> dict[str, str]:
    return {}


def reads_nothing(_: Path) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Marks:
    """What people said of the rows that a step reads."""

    honoured: Marked = field(default_factory=dict)
    """What the stage acts on; it is part of the fingerprint."""
    unmatched: Mapping[str, str] = field(default_factory=dict)
    """Key -> the row's name at the time, of what was said of rows that none of the inputs holds."""


@dataclass(frozen=True)
class Trial:
    """How a training is tried for a few steps, to know what all of them will take."""

    config: Any
    """Its settings for the trial: the same work in every step, and nothing that costs money or leaves the folder."""
    cycle: int = 1
    """Steps that belong together, since only the first of them does all the work."""
    longest: int = 0
    """Tokens of a completion at most, for one that writes; else 0."""
    beside: tuple[str, ...] = ()
    """What the time of its steps does not hold."""


def no_marks(_: Path, __: Inputs) -> Marks:
    return Marks()


def no_way_on(_: Any, __: Path, ___: ProcessDied) -> str:
    return ""


def one_process(_: Any) -> Launch:
    return Launch()


@dataclass(frozen=True)
class Stage:
    """One file in `stages/` defines one of these; `catalog.py` lists them."""

    name: str
    Config: type[Settings]
    takes: Mapping[str, str]
    """Input name -> kind: "prompts", "model?" (optional), "traces*" (any number; not named: all),
    "adapter+" (one or more; not named: the nearest), "adapter?=" (optional, and only where `from` names it),
    "scores|traces" (either)."""
    makes: str
    """Kind of the artifact; "traces|model" where it depends on the settings, as `chooses` says."""
    run: Callable[[Context], dict[str, Any]]
    """Does the work, leaves files in `out`, returns a summary (JSON-able)."""
    plan: Callable[[PlanContext], list[Finding]] = no_findings
    pins: Callable[[Any], dict[str, str]] = no_pins
    """Of a config: what lies outside it and yet decides the result, such as the commit of a hub model."""
    reads: Callable[[Path], Mapping[str, str]] = reads_nothing
    """Of the root: hashes of what the stage reads from `configs/`, which a person may edit."""
    marks: Callable[[Path, Inputs], Marks] = no_marks
    """Of the root and of those inputs that are made: the marks that the result depends on. Asked at every planning."""
    version: int = 1
    """Raised when the same config means a new result."""
    libraries: Callable[[Any], str] | str = ""
    """Empty: light, the runner does it itself. Else a word for the libraries it needs; heavy steps in a row with the
    same word share one child process."""

    way_on: Callable[[Any, Path, ProcessDied], str] = no_way_on
    """Of a config, the unfinished artifact and how the step's process died: what the step, run again in a fresh one,
    will do otherwise, in a sentence never told twice, and written down in the artifact by now. Empty: nothing."""

    launch: Callable[[Any], Launch] = one_process
    """Of a config: how many processes it runs as. Heavy steps share them only where this is equal too."""
    trial: Callable[[Any, int], Trial] | None = None
    """Of a config and a number of steps; None: not a training."""
    home: Callable[[Any], str] | str = "data"
    """The folder its artifacts live in: data or models."""
    chooses: Callable[[Any], str] | None = None
    """Of a config: which of the kinds in `makes` comes of it."""

    def makes_for(self, config: Settings) -> str:
        return self.chooses(config) if self.chooses else self.makes

    def home_for(self, config: Settings) -> str:
        return self.home(config) if callable(self.home) else self.home

    def libraries_for(self, config: Settings) -> str:
        return self.libraries(config) if callable(self.libraries) else self.libraries


@dataclass(frozen=True)
class Take:
    """One entry of `Stage.takes`, read."""

    name: str
    kinds: tuple[str, ...]
    optional: bool
    many: bool
    named: bool = False
    """Never wired to an earlier step by itself."""

    @classmethod
    def read(cls, name: str, spec: str) -> Take:
        named, spec = spec.endswith("="), spec.rstrip("=")
        kinds = tuple(spec.rstrip("?*+").split("|"))
        return cls(name, kinds, optional=spec.endswith(("?", "*")), many=spec.endswith(("*", "+")), named=named)

    def words(self) -> str:
        """Its kinds for a sentence, such as "scores or traces"."""
        return " or ".join(self.kinds)


@dataclass(frozen=True)
class Catalog:
    """What the engine is told of the world above it."""

    stages: Mapping[str, Stage]
    resources: Mapping[str, type[Settings]]
    """Tables of a preset that settings may name, such as `providers`: the name of the table -> its Settings."""
    defaults: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Entries that every preset has without writing them: table -> name -> settings."""
    fetch: str
    """The stage whose `source` setting brings in a hub model where a preset names one instead of a step."""
    worker: str
    """The module that runs a heavy step when started with `python -m`."""
    gpu: frozenset[str] = frozenset()
    """Those words of `Stage.libraries` that stand for use of the GPU: two runs do not use it at once."""
