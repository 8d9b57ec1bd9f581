"""What `plan --json` found, in words: faults first, then what each step will cost, then what it takes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual.content import Content

from pipeline.engine.artifacts import Workspace
from pipeline.engine.gpus import present_gpu
from tui.launch import Done
from tui.runs_feed import LIVE, RunRow
from tui.text import gib, line, shown
from tui.widgets.signs import sign


def queue(workspace: Workspace, rows: Sequence[RunRow]) -> str:
    """Who has the GPU that a run started now would train on; empty where it is free, or there is none."""
    gpu = present_gpu()
    if gpu is None:
        return ""
    try:
        holder = (workspace.locks / f"gpu-{gpu}.holder").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    if not any(row.run.id == holder and row.life in LIVE for row in rows):
        return ""  # its process died without a word, and its lock with it
    waiting = sum(1 for row in rows if row.life == "waiting" and row.waiting.startswith(f"GPU {gpu} "))
    return f"GPU {gpu} is in use by {holder}" + (f", {waiting} more wait" if waiting else "")


def plan_text(done: Done, queued: str, share: bool, plain: bool) -> Content:
    value = done.value
    if not isinstance(value, Mapping):
        return shown(done.error or "The plan said nothing.", "$error")
    parts: list[Content] = []
    for level in ("fault", "warning"):
        for step, finding in _findings(value):
            if finding.get("level") == level:
                words = f"{step}: {finding.get('text', '')} {finding.get('mend', '')}".rstrip()
                parts.append(sign(level, plain) + Content(" ") + shown(words))
    disk = value.get("disk") or {}
    if disk.get("fits") is False:  # a warning to the command, as sizes are reckoned; here it must not be overlooked
        words = f" {disk.get('text', '')} {disk.get('mend', '')}".rstrip()
        parts.append(sign("fault", plain) + shown(words, "$error"))
    if not parts:
        parts.append(sign("done", plain) + Content(" no fault"))
    if queued:
        then = "this run trains beside it (H: wait)" if share else "this run waits for its turn (H: share)"
        parts.append(sign("waiting", plain) + line(f" {queued}: {then}"))
    parts += [Content.styled(f"  {text}", "$foreground-muted") for text in _totals(value)]
    for step in value.get("steps", []):
        state, why = str(step.get("state")), step.get("why") or ""
        parts.append(Content(""))
        parts.append(sign(state, plain) + line(f" {step['step']}", "bold") + line(f" {state}", "$foreground-muted"))
        parts += [shown(f"  {finding.get('text', '')}") for finding in step["findings"] if finding["level"] == "note"]
        if why and state != "cached":
            parts.append(shown(f"  {why}", "$foreground-muted"))
    return Content("\n").join(parts)


def _totals(value: Mapping[str, Any]) -> Iterator[str]:
    """Disk, money and the tightest memory of the whole run."""
    disk = value.get("disk") or {}
    need = f"{gib(disk['needed'])} needed, " if isinstance(disk.get("needed"), int | float) else ""
    if disk.get("fits") is not False:  # told above
        yield f"disk: {need}{gib(value.get('disk_free'))} free"
    figures = [finding["data"] for _, finding in _findings(value) if isinstance(finding.get("data"), Mapping)]
    paid = [data for data in figures if "cost" in data]
    if any(data["cost"] is None for data in paid):
        yield "money: not known, for a price is missing"
    elif paid:
        most = [data.get("bound") for data in paid]
        bound = f", at most ${sum(most):,.2f}" if None not in most else ""
        yield f"money: about ${sum(data['cost'] for data in paid):,.2f}{bound}"
    trained = [data for data in figures if "peak" in data and isinstance(data.get("device"), Mapping)]
    if trained:
        data = max(trained, key=lambda data: float(data["total"]))
        yield f"memory: {gib(data['total'])} of {gib(data['device'].get('bytes'))} at most"


def _findings(value: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for step in value.get("steps", []):
        for finding in step.get("findings", []):
            yield str(step["step"]), finding
