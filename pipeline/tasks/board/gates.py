"""The data board held against what is about to be learnt: a red gate stops it unless a person answers for that gate.

How good the rows are is asked of those that were chosen; what was lost, of all that they were made from.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from pipeline.engine.artifacts import MADE
from pipeline.engine.errors import DataError
from pipeline.engine.fanout import QUARANTINE
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.stage import Finding
from pipeline.tasks.board.board import Gate, board
from pipeline.tasks.board.limits import LIMITS

STOPPING = frozenset(limit.name for limit in LIMITS if limit.red is not None)
"""The gates that can be red."""


@dataclass(frozen=True)
class Reds:
    """Red gates, by what becomes of them."""

    stopping: list[Gate] = field(default_factory=list)
    accepted: list[Gate] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    """Accepted, and not red at all."""

    def to_row(self) -> Row:
        """What was taken on: gate -> its figures."""
        return {gate.name: {"value": gate.value, "hits": gate.hits, "of": gate.of} for gate in self.accepted}

    def check(self) -> None:
        """Raises DataError where a gate is red that nobody answers for."""
        if self.stopping:
            why = "\n".join(f"{told(gate)} {gate.mend}" for gate in self.stopping)
            raise DataError("These traces are not fit to be learnt.", why, self._way_out())

    def findings(self) -> Iterator[Finding]:
        """The same for a plan."""
        for gate in self.stopping:
            yield Finding("fault", told(gate), f"{gate.mend} {self._way_out()}", asdict(gate))
        for gate in self.accepted:
            yield Finding("warning", f"{told(gate)} It is accepted.", gate.mend, asdict(gate))
        for name in self.idle:
            yield Finding("note", f"accept_red: {name} is not red.", "Leave it out.")

    def _way_out(self) -> str:
        names = [gate.name for gate in [*self.accepted, *self.stopping]]
        return f"Or answer for what comes of it: accept_red = {json.dumps(names)}"


def told(gate: Gate) -> str:
    """Why a gate is red."""
    return (
        f"The data board is red on {gate.name}: {gate.hits} of {gate.of} ({gate.value:.1%}) {gate.what}, and "
        f"{gate.red:.1%} is the most. {gate.why}"
    )


def find_reds(learnt: Iterable[Row], artifact: Path, accepted: Collection[str]) -> Reds:
    """The red gates of rows chosen from an artifact of traces or scores. Raises DataError for a broken file."""
    sources = [artifact, *_made_from(artifact)]
    whole = ({**row, "type": ""} for row in learnt)  # even what was meant to be bad is learnt now
    found = board(chain(whole, *map(_heldout, sources))).gates
    for source in sources:
        quarantine = source / QUARANTINE
        found += board(_asked(source), read_rows(quarantine) if quarantine.is_file() else ()).gates
    red: dict[str, Gate] = {}
    for gate in found:
        if gate.level == "red":
            red.setdefault(gate.name, gate)
    return Reds(
        [gate for gate in red.values() if gate.name not in accepted],
        [gate for gate in red.values() if gate.name in accepted],
        [name for name in accepted if name not in red],
    )


def _made_from(artifact: Path) -> list[Path]:
    """The artifacts of traces and scores behind this one, by its `made.json`, the nearest first; those still there."""
    inputs = read_json(artifact / MADE)["inputs"] if (artifact / MADE).is_file() else {}
    found = []
    for name in ("scores", "traces"):
        for entry in inputs.get(name, {}).values():
            source = artifact.parent / entry["path"]
            if (source / "rows.jsonl").is_file():
                found += [source, *_made_from(source)]
    return found


NOT_READ = {"type": "rejected"}
"""The board counts a row that is bad on purpose, and does not ask how good it is."""


def _heldout(source: Path) -> Iterator[Row]:
    """The held-out prompts, for nothing that is learnt may stand in them."""
    for row in read_rows(source / "rows.jsonl"):
        if row["split"] != "train":
            yield {**row, **NOT_READ, "finish": "stop", "thought": "", "answer": ""}


def _asked(source: Path) -> Iterator[Row]:
    """All rows, for how they ended."""
    return ({**row, **NOT_READ, "split": ""} for row in read_rows(source / "rows.jsonl"))
