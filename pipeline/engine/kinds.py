"""What an event of each kind must hold for a reader to build on it; docs/formats.md has it in words.

A file may have been damaged or edited. A line is held against this once, where it is read, so that no reader has to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _amount(value: Any) -> bool:
    """Of rows, bytes, seconds: nothing that is counted comes near 2^62, and NaN is below nothing."""
    return isinstance(value, int | float) and 0 <= value < 2**62


def _figure(value: Any) -> bool:
    """A number as a chart can draw it."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False  # a whole number too large for a float


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _end(value: Any) -> bool:
    return value in ("done", "unmet", "stopped", "failed")


def _gpus(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(gpu, dict) and all(inner is None or _text(inner) or _amount(inner) for inner in gpu.values())
        for gpu in value
    )


FIELDS: Mapping[str, Mapping[str, Check]] = {
    "run.started": {"pid": _amount, "preset": _text},
    "run.finished": {"state": _end, "seconds": _or_null(_amount), "error": _or_null(_table)},
    "step.started": {"stage": _text, "artifact": _text},
    "step.cached": {"artifact": _text, "summary": _table},
    "step.finished": {"summary": _table, "seconds": _amount},
    "step.failed": {"error": _table},
    "progress": {"done": _amount, "total": _or_null(_amount), "unit": _text},
    "metric": {"step": _amount},
    "item": {"what": _text},
    "memory": {"host_used": _or_null(_amount), "host_total": _or_null(_amount), "process": _or_null(_amount),
               "gpus": _gpus},
    "alert": {"level": _text, "text": _text},
    "wait": {"reason": _text, "until": _or_null(_amount)},
    "log": {"text": _text},
}  # fmt: skip
"""Kind -> the fields that readers build on."""
ENVELOPE: Mapping[str, Check] = {
    "seq": _amount, "t": _amount, "attempt": _amount, "step": _text, "kind": _text, "data": _table,
}  # fmt: skip


def is_sound(event: Any) -> bool:
    """Whether a parsed line is an event whose kind holds what it must. A kind that is not known is let through."""
    if not isinstance(event, dict) or event.keys() != ENVELOPE.keys() or not _holds(event, ENVELOPE):
        return False
    kind, data = event["kind"], event["data"]
    if not _holds(data, FIELDS.get(kind, {})):
        return False
    if kind == "metric":
        return all(value is None or _figure(value) or not isinstance(value, int | float) for value in data.values())
    return kind != "item" or (data.get("reward") is None or _figure(data["reward"]))


def _holds(table: Mapping[str, Any], fields: Mapping[str, Check]) -> bool:
    return all(name in table and check(table[name]) for name, check in fields.items())
