"""Events: one writer appends them to a run's `events.jsonl`, any number of readers tail it."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.kinds import is_sound
from pipeline.engine.rows import Row, RowWriter, mend_torn_tail

KINDS = (
    "run.started", "run.finished", "step.started", "step.cached", "step.finished", "step.failed",
    "progress", "metric", "item", "memory", "alert", "wait", "log",
)  # fmt: skip
Level = Literal["note", "warning", "error"]
Send = Callable[[str, Row], None]
"""(kind, data) -> None: towards the file, or over a connection to the process that owns it."""

PROGRESS_GAP = 0.2
MEMORY_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    t: float
    attempt: int
    step: str
    kind: str
    data: Row


class Emitter:
    """What a stage speaks through. Thins `progress` to 5 a second and `memory` to one in 2 seconds."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._last: dict[str, float] = {}

    def _thin(self, kind: str, gap: float) -> bool:
        now = time.monotonic()
        if now - self._last.get(kind, -gap) < gap:
            return True
        self._last[kind] = now
        return False

    def progress(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        """`done` of `total` units; the last one is never thinned away."""
        if not self._thin("progress", PROGRESS_GAP) or done == total:
            self._send("progress", {"done": done, "total": total, "unit": unit})

    def metric(self, step: int, **values: float | None) -> None:
        """Numbers at a training step. What is not finite is sent as null: JSON has no NaN, and a chart shows a gap."""
        finite = {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}
        self._send("metric", {"step": step, **finite})

    def item(self, what: str, **data: Any) -> None:
        """One thing worth a look: a completion, an answer, a row."""
        self._send("item", {"what": what, **data})

    def memory(self, **data: Any) -> None:
        if not self._thin("memory", MEMORY_GAP):
            self._send("memory", data)

    def alert(self, text: str, level: Level = "warning", **data: Any) -> None:
        self._send("alert", {"level": level, "text": text, **data})

    def wait(self, reason: str, until: float | None = None) -> None:
        """A wait for something outside; `until` is a time of day (Unix seconds) where it is known."""
        self._send("wait", {"reason": reason, "until": until})

    def log(self, text: str) -> None:
        self._send("log", {"text": text})


class EventLog:
    """The one writer of a run's events. Mends a torn tail and continues `seq` and `attempt`."""

    def __init__(self, path: Path) -> None:
        mend_torn_tail(path)
        last = _last_event(path)
        self.attempt = (last.attempt if last else 0) + 1
        self._seq = last.seq if last else 0
        self._writer = RowWriter(path)

    def write(self, step: str, kind: str, data: Row) -> None:
        self._seq += 1
        self._writer.write(
            {
                "seq": self._seq,
                "t": round(time.time(), 3),
                "attempt": self.attempt,
                "step": step,
                "kind": kind,
                "data": data,
            }
        )

    def close(self) -> None:
        self._writer.close()


class Tail:
    """Reads a growing event file from where it left off; waits at a line without its newline."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = -1
        """Size of the file when its last line had no newline yet: until it grows there is nothing to read."""
        self.damaged = 0
        """Lines that are no events, and were left out."""

    def read(self, limit: int | None = None) -> list[Event]:
        """New events, oldest first, at most `limit`; an empty list when there are none or no file yet."""
        events: list[Event] = []
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return events
        with file:
            size = os.fstat(file.fileno()).st_size
            if size in (self._offset, self._torn):
                return events
            file.seek(self._offset)
            for line in file:
                if limit is not None and len(events) >= limit:
                    break
                if not line.endswith(b"\n"):
                    self._torn = size
                    break
                self._offset += len(line)
                event = _parse(line)
                if event is None:
                    self.damaged += 1
                else:
                    events.append(event)
        return events


def _parse(line: bytes) -> Event | None:
    """None for a line that is no event: a reader shows what it can of a damaged file."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return Event(**found) if is_sound(found) else None


def _last_event(path: Path) -> Event | None:
    last = None
    for event in Tail(path).read():
        last = event
    return last
