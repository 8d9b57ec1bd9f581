"""What a person would want to be called for: a run ended, failed, or waits for long; told once, and to a webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tui.runs_feed import LIVE, RunRow

LONG = 600.0
"""Seconds of a wait that a person should hear of, such as that for the next day's quota."""
WORDS = {"done": "is done", "unmet": "is done, but its verdict is not met", "stopped": "has stopped",
         "failed": "has failed", "died": "has died"}  # fmt: skip
BAD = ("failed", "died")


@dataclass(frozen=True)
class Notice:
    row: RunRow
    text: str

    @property
    def bad(self) -> bool:
        return self.row.life in BAD

    def to_json(self) -> dict[str, Any]:
        """What a webhook is sent; `text` is what chat services show."""
        row = self.row
        return {
            "text": self.text, "run": row.run.id, "preset": row.preset, "state": row.life, "step": row.at,
            "seconds": row.seconds, "reason": row.waiting, "until": row.until, "figures": dict(row.figures),
        }  # fmt: skip


class News:
    """Compares each list of runs with the one before. The first one is no news."""

    def __init__(self) -> None:
        self._before: dict[str, str] | None = None

    def of(self, rows: Iterable[RunRow], now: float | None = None) -> list[Notice]:
        present = {row.run.id: (row, _matter(row, now or time.time())) for row in rows}
        before, self._before = self._before, {name: matter for name, (_, matter) in present.items()}
        if before is None:
            return []
        return [
            Notice(row, _text(row)) for name, (row, matter) in present.items() if matter and before.get(name) != matter
        ]


def _matter(row: RunRow, now: float) -> str:
    """What would be news of a run; empty while it goes its way."""
    if row.life == "waiting" and row.until is not None:
        return "waits" if row.until - now >= LONG else ""
    return "" if row.life in (*LIVE, "new") else row.life


def _text(row: RunRow) -> str:
    if row.life == "waiting" and row.until is not None:
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.until))
        return f"{row.run.id} waits until {until}: {row.waiting}"
    return f"{row.run.id} {WORDS.get(row.life, row.life)}" + (f", at {row.at}" if row.life in BAD and row.at else "")


def post(notice: Notice, address: str) -> str:
    """Send it to a webhook; in a thread. What went wrong, empty where nothing did."""
    import urllib.request  # HTTP and e-mail come with it: the first paint should not wait

    body = json.dumps(notice.to_json()).encode("ascii")
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10):
            return ""
    except (OSError, ValueError) as error:
        return str(error)
