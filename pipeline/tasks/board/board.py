"""A data board: what an artifact's rows are like, and for each danger a gate - green, amber or red.

Pure: rows in, figures out. Red on a gate stops SFT unless a setting takes the responsibility.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.engine.rows import Row
from pipeline.tasks.board.limits import LIMITS, Limit
from pipeline.tasks.board.survey import Share, Survey, survey
from pipeline.tasks.statistics import mean, quantile

Level = Literal["green", "amber", "red"]


OPENINGS = 5
REASONS = 10


@dataclass(frozen=True)
class Gate:
    """One limit, and where these rows stand. Thresholds are shares, 0..1."""

    name: str
    level: Level
    what: str
    value: float
    hits: int
    of: int
    amber: float
    red: float | None
    why: str
    mend: str
    examples: list[str]
    """Ids of the first few; of an opening its words."""


@dataclass(frozen=True)
class Board:
    kind: str
    """prompts, traces, scores or evaluation; empty without rows."""
    rows: int
    read: int
    """Rows that the shares of quality are of: finished ones that are not bad on purpose (type `rejected`)."""
    gates: list[Gate]
    """Only those that the rows can say something of, reddest first."""
    figures: dict[str, Any]

    @property
    def red(self) -> list[str]:
        return [gate.name for gate in self.gates if gate.level == "red"]

    @property
    def amber(self) -> list[str]:
        return [gate.name for gate in self.gates if gate.level == "amber"]

    def to_row(self) -> Row:
        """As JSON; see docs/formats.md."""
        return {**asdict(self), "red": self.red, "amber": self.amber}


def board(rows: Iterable[Row], quarantine: Iterable[Row] = ()) -> Board:
    """The board of an artifact's rows, read once and not kept. Raises DataError for rows that have none."""
    found = survey(rows, quarantine)
    gates = [_gate(limit, found.shares[limit.name]) for limit in LIMITS if limit.name in found.shares]
    gates = [gate for gate in gates if gate.of]
    gates.sort(key=lambda gate: ("red", "amber", "green").index(gate.level))  # stable: in the order of LIMITS
    return Board(found.kind, found.rows, found.read, gates, _figures(found))


def _gate(limit: Limit, share: Share) -> Gate:
    value = share.hits / share.of if share.of else 0.0
    level: Level = "green"
    if share.hits >= limit.fewest and value > limit.amber:
        level = "red" if limit.red is not None and value > limit.red else "amber"
    return Gate(
        limit.name, level, limit.what, round(value, 6), share.hits, share.of, limit.amber, limit.red, limit.why,
        limit.mend, share.examples,
    )  # fmt: skip


def _figures(found: Survey) -> dict[str, Any]:
    return {
        "outcomes": {"asked": found.outcomes.total(), **found.outcomes},
        "finish": dict(found.counts["finish"]),
        "quarantine": dict(found.quarantine.most_common(REASONS)),
        "categories": dict(found.counts["category"]),
        "types": dict(found.counts["type"]),
        "splits": dict(found.counts["split"]),
        "prompts": {side: len(prompts) for side, prompts in found.sides.items()},
        "words": {part: _lengths(lengths) for part, lengths in found.words.items() if lengths},
        "languages": dict(found.languages.most_common()),
        "openings": _openings(found.openings["three"]),
        "thought_openings": _openings(found.openings["thought"]),
        "rewards": {"count": len(found.rewards), "mean": _rounded(mean(found.rewards)), "groups": len(found.groups)},
    }


def _lengths(lengths: Sequence[int]) -> dict[str, float | None]:
    return {
        "median": _rounded(quantile(lengths, 0.5)),
        "p95": _rounded(quantile(lengths, 0.95)),
        "longest": max(lengths),
    }


def _openings(counted: Counter[str]) -> list[dict[str, Any]]:
    total = counted.total()
    return [
        {"words": words, "count": count, "share": round(count / total, 4)}
        for words, count in counted.most_common(OPENINGS)
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
