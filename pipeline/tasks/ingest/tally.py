"""What became of the rows of an ingest: how many were taken, and how many left out, by reason and where first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.engine.rows import Row

NAMED = 3
"""Places of rows left out that are named for each reason."""
IGNORED = 20
"""Unread fields that are named."""


@dataclass
class Tally:
    """What became of the rows."""

    rows: int = 0
    traces: int = 0
    by: dict[str, Counter[str]] = field(
        default_factory=lambda: {key: Counter() for key in ("split", "category", "type")}
    )
    thoughts: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def take(self, trace: Row) -> None:
        self.traces += 1
        self.thoughts += bool(trace["thought"])
        for key, counter in self.by.items():
            counter[trace[key]] += 1

    def leave_out(self, where: str, reason: str) -> None:
        self.left_out[reason] += 1
        if self.left_out[reason] <= NAMED:
            self.first.setdefault(reason, []).append(where)

    def ignore(self, fields: set[str]) -> None:
        for name in sorted(fields):
            if name in self.ignored or len(self.ignored) < IGNORED:
                self.ignored[name] += 1

    def left_out_in_words(self) -> str:
        """Such as "images 2 (a.jsonl:3, a.jsonl:9)"."""
        return "; ".join(
            f"{reason} {count} ({', '.join(self.first[reason])}{', ...' if count > NAMED else ''})"
            for reason, count in self.left_out.most_common()
        )
