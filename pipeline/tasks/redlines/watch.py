"""Rules over the metrics of a training: each looks at every step, and speaks once of what it sees.

Pure: a stage hands a Watch to the trainer, which calls it with every row of metrics and sends on what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding
from pipeline.tasks.redlines.history import History

WORSE = 10
"""A trouble that was told is told again when it is this many times as bad."""


@dataclass(frozen=True)
class Trouble:
    """What a rule sees at one step."""

    what: str
    """One sentence without figures."""
    evidence: str
    mend: str
    severity: float = 1.0
    """How bad, on a scale of the rule's own."""
    stops: bool = False
    """Whether going on is useless; only for what is plain."""
    level: Literal["warning", "note"] = "warning"
    since: int | None = None
    """The step at which it began; None: this one."""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    reads: str
    """A metric; the rule looks only at rows that hold a finite figure of it. Empty: at every row."""
    look: Callable[[History], Trouble | None]
    """Its name is the rule's."""
    recovered: int = 10
    """Looks in a row without trouble after which a trouble that was told is over."""


class Watch:
    """Call it with every row of metrics in order, those before a resume included; returns what is to be told.

    A finding of level `fault` is to stop the training; its `data` has `rule`, `since` (a step) and the rule's figures.
    """

    def __init__(self, rules: Sequence[Rule], settings: Mapping[str, Any]) -> None:
        self._history = History(settings)
        self._speakers = [_Speaker(rule) for rule in rules]

    def __call__(self, row: Row) -> list[Finding]:
        self._history.add(row)
        found = [
            speaker.speak(self._history)
            for speaker in self._speakers
            if not speaker.reads or self._history.holds(speaker.reads)
        ]
        return [finding for finding in found if finding]


class _Speaker:
    """One rule, and what it has said."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.reads = rule.reads
        self._told: Trouble | None = None
        self._quiet = 0

    def speak(self, history: History) -> Finding | None:
        trouble = self._rule.look(history)
        if trouble is None:
            return self._recover(history.step)
        self._quiet = 0
        if self._told and not trouble.stops and trouble.severity < WORSE * self._told.severity:
            return None
        self._told = trouble
        data = {
            "rule": self._rule.look.__name__,
            "since": history.step if trouble.since is None else trouble.since,
            **trouble.figures,
        }
        level = "fault" if trouble.stops else trouble.level
        return Finding(level, f"{trouble.what} {trouble.evidence}", trouble.mend, data)

    def _recover(self, step: int) -> Finding | None:
        if self._told is None:
            return None
        self._quiet += 1
        if self._quiet < self._rule.recovered:
            return None
        text = f"Over by step {step}: {self._told.what}"
        self._told, self._quiet = None, 0
        return Finding("note", text, data={"rule": self._rule.look.__name__})
