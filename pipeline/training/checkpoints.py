"""Checkpoints are whole or do not count: the trainer writes into place, so a seal, written last, vouches for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_json, write_json

SEAL = "whole.json"


def seal(checkpoint: Path, stretches: Sequence[Row] = ()) -> None:
    """Vouch for a checkpoint: all its files on the disk itself, and their sizes written down.

    `stretches` tells how its steps were trained: {`from`: the steps done before, and whatever decides the rounding}.
    """
    sizes = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != SEAL:
            with path.open("rb+") as file:
                os.fsync(file.fileno())
                sizes[path.relative_to(checkpoint).as_posix()] = file.seek(0, os.SEEK_END)
    write_json(checkpoint / SEAL, {"files": sizes, "stretches": list(stretches)})


def stretches_of(checkpoint: Path | None) -> list[Row]:
    """How the steps of a whole checkpoint were trained; none without one."""
    return list(read_json(checkpoint / SEAL)["stretches"]) if checkpoint else []


def lengthen(stretches: Sequence[Row], step: int, **how: object) -> list[Row]:
    """`stretches` up to `step`, and from there on as `how` says; no new one where that is as before."""
    known = [stretch for stretch in stretches if stretch["from"] < step]
    if known and {**known[-1], "from": 0} == {**how, "from": 0}:
        return known
    return [*known, {"from": step, **how}]


def is_whole(checkpoint: Path) -> bool:
    try:
        sizes = read_json(checkpoint / SEAL)["files"]
    except (DataError, KeyError):
        return False
    return all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size for name, size in sizes.items()
    )


def step_of(checkpoint: Path) -> int:
    """The optimizer step after which it was taken: the trainer names its folders `checkpoint-<step>`."""
    return int(checkpoint.name.rpartition("-")[2])


def whole(folder: Path) -> list[Path]:
    """Those that count, oldest first; nothing is removed."""
    return sorted((path for path in folder.glob("checkpoint-*") if is_whole(path)), key=step_of)


def newest_before(folder: Path, step: int) -> Path | None:
    """The newest whole checkpoint that was taken before this step was done, if any."""
    return next((path for path in reversed(whole(folder)) if step_of(path) < step), None)


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint to go on from, if any. What is torn is removed, so that it is never counted among those kept."""
    found = sorted((path for path in folder.glob("checkpoint-*") if path.is_dir()), key=step_of)
    for checkpoint in found:
        if not is_whole(checkpoint):
            shutil.rmtree(checkpoint)
    return next((path for path in reversed(found) if path.exists()), None)
