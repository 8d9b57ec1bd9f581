"""What the steps of a plan need of the disk, each while it runs and once it is done, and all of them one after another.

Sizes are reckoned, not measured: the blocks of a file system and a person's own files come on top. All in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate.memory import STATE, Optimizer
from pipeline.tasks.estimate.words import gib

BESIDE = 2**24
"""Of a model, an adapter or a checkpoint beside its weights: the tokenizer, above all. Qwen3's has 11 MB."""
ROW = {"prompts": 1_000, "traces": 6_000, "scores": 8_000}
"""Of a row, by kind, about. The bank's prompts have 880, traces and scores of the embedded teacher and judge 780 and
1,570; a service writes several times as much."""
REPLY = 8_000
"""Of a paid reply in the ledger, about: the raw body, compressed."""


@dataclass(frozen=True)
class Space:
    """Something that a step writes."""

    name: str
    bytes: int
    why: str
    stays: bool = True
    """Once the step is done."""


def tell(spaces: Sequence[Space]) -> Finding:
    """What a step writes: `data["disk"]` has its `parts`, `most` while it runs, and what `stays`."""
    most = sum(space.bytes for space in spaces)
    stays = sum(space.bytes for space in spaces if space.stays)
    of = ", ".join(f"{space.name} {gib(space.bytes)} ({space.why})" for space in spaces)
    after = "" if stays == most else f", {gib(stays)} once it is done"
    disk = {"parts": [asdict(space) for space in spaces], "most": most, "stays": stays}
    return Finding("note", f"disk: about {gib(most)}{after}: {of}.", data={"disk": disk})


def training(trainable: int, optimizer: Optimizer, kept: int, stay: int) -> list[Space]:
    """The adapter of `trainable` parameters, `kept` checkpoints and the one being written; `stay` in the end."""
    state = STATE[optimizer]
    each = trainable * (4 + state) + BESIDE
    of = f"adapter in 32 bits and {optimizer}'s {state} bytes for each of {trainable:,} parameters, tokenizer"
    spaces = [Space("adapter", 4 * trainable + BESIDE, "32 bits, tokenizer")]
    if stay:
        spaces.append(Space(f"{stay} checkpoints that stay", stay * each, of))
    passing = kept + 1 - stay
    return [*spaces, Space(f"{passing} checkpoints" + " more" * bool(stay), passing * each, of, stays=False)]


def rows(kind: str, count: int, paid: int = 0) -> Space:
    """The rows of a kind, and `paid` replies in the ledger."""
    ledger = f", {paid} replies of {REPLY:,} in the ledger" if paid else ""
    return Space(kind, count * ROW[kind] + paid * REPLY, f"{count} rows of about {ROW[kind]:,} bytes{ledger}")


def in_all(steps: Iterable[tuple[str, str, Mapping[str, Any]]], free: int) -> Finding:
    """Of steps in their order, by name, kind of artifact and data of their findings, against what is `free`.

    A step needs what it writes beside all that the steps before it left. `data` has `needed` (at the worst moment),
    `at` (the step that has it), `stays`, `free` and `fits`.
    """
    stays, needed, at = 0, 0, ""
    for name, kind, found in steps:
        disk = found.get("disk") or _of_rows(kind, found)
        if stays + disk["most"] > needed:
            needed, at = stays + disk["most"], name
        stays += disk["stays"]
    data = {"needed": needed, "at": at, "stays": stays, "free": free, "fits": needed <= free}
    text = f"disk: about {gib(needed)} are needed, most of all at `{at}`; {gib(free)} are free."
    if not needed:
        return Finding("note", f"disk: {gib(free)} are free; what is needed is not known yet.", data=data)
    if needed <= free:
        return Finding("note", f"{text} {gib(stays)} stay.", data=data)
    mend = "Free some space (`python -m pipeline clean` shows what is used), or name another --root."
    return Finding("warning", f"{text} It does not fit.", mend, data)


def _of_rows(kind: str, found: Mapping[str, Any]) -> Row:
    count = found.get("traces", found.get("prompts", 0)) if kind in ROW else 0
    size = rows(kind, int(count), int(found.get("calls", 0))).bytes if count else 0
    return {"most": size, "stays": size}
