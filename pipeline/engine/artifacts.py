"""Artifacts: folders named by what made them. `made.json`, written last, means done."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, content_hash, file_hash, read_json, write_json

if TYPE_CHECKING:
    from pipeline.engine.config import Step  # a screen that only looks for runs is spared pydantic

MADE = "made.json"
MAKING = "making.json"
"""Stands in an artifact from its beginning until it is done: which fingerprint, made by which run."""
CHECKPOINTS = "checkpoints"
"""A folder of an artifact that its files and digest leave out: what a training can go on from. It holds times and the
like, so that its bytes differ from run to run, and may be removed without a loss to what is built on the artifact."""
PROJECT = "training-cockpit"


@dataclass(frozen=True)
class Workspace:
    """The folders under a root: `data/`, `models/` and `data/runs/`."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "data" / "runs"

    def artifact(self, step: Step, fingerprint: str) -> Path:
        if step.out:
            return self.root / step.out
        return self.root / step.stage.home_for(step.settings) / f"{step.stage.name}-{fingerprint[:12]}"

    def artifacts(self) -> list[Path]:
        """Every artifact that is done, oldest first."""
        found = [path.parent for home in ("data", "models") for path in (self.root / home).glob(f"*/{MADE}")]
        return sorted(found, key=lambda path: (path / MADE).stat().st_mtime)

    def find(self, name: str) -> Path | None:
        """The artifact under a given name, an artifact's own name, or a path; None where there is nothing."""
        link = self._names / f"{name}.json"
        if "/" not in name and "\\" not in name and link.is_file():
            return self.root / str(read_json(link)["artifact"])
        for candidate in (self.root / "data" / name, self.root / "models" / name, self.root / name, Path(name)):
            if (candidate / MADE).is_file() or (candidate.exists() and candidate not in (self.root, Path())):
                return candidate
        return None

    def kind_of(self, name: str) -> str | None:
        """For `config.check`: the kind of what stands under a name or path, "" for a folder we did not make."""
        path = self.find(name)
        if path is None:
            return None
        return str(read_made(path)["kind"]) if (path / MADE).is_file() else ""

    def give_name(self, name: str, artifact: Path) -> None:
        """A name never moves. Raises ConfigError where it already stands for another artifact."""
        link = self._names / f"{name}.json"
        target = artifact.relative_to(self.root).as_posix()
        if link.is_file():
            known = read_json(link)["artifact"]
            if known != target:
                raise ConfigError(
                    f"The name `{name}` already stands for {known}, so it cannot be given to {target}.",
                    "A name never moves.",
                    f"Choose another `name`, or delete {link}.",
                )
            return
        write_json(link, {"artifact": target})

    @property
    def _names(self) -> Path:
        return self.root / "data" / "names"

    @property
    def locks(self) -> Path:
        return self.root / "data" / "locks"

    def lock(self, artifact: Path) -> FileLock:
        """Held while an artifact is being made."""
        self.locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self.locks / f"{artifact.name}.lock")

    def is_busy(self, artifact: Path) -> bool:
        """Whether a live process is making this artifact."""
        lock = self.lock(artifact)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False


def read_made(artifact: Path) -> Row:
    made = read_json(artifact / MADE)
    if not isinstance(made, dict) or not {"kind", "files", "digest", "inputs"} <= made.keys():
        raise DataError(f"{artifact / MADE} is not what this program wrote.", "", f"Delete {artifact} and run again.")
    return made


def maker(artifact: Path) -> str | None:
    """Id of the run that made an artifact or began it; None for a folder that is not ours."""
    for name in (MADE, MAKING):
        if (artifact / name).is_file():
            return str(read_json(artifact / name)["run"])
    return None


def begin(artifact: Path, fingerprint: str, run: str) -> None:
    """Make the folder, or take up what an earlier attempt left. Raises ConfigError for a folder that is not ours."""
    making = artifact / MAKING
    if artifact.exists() and any(artifact.iterdir()):
        begun = read_json(making)["fingerprint"] if making.exists() else None
        if begun != fingerprint:
            raise ConfigError(
                f"{artifact} holds something else.",
                "It is neither empty nor an unfinished attempt at this step.",
                "Choose another folder, or empty this one.",
            )
    artifact.mkdir(parents=True, exist_ok=True)
    write_json(making, {"fingerprint": fingerprint, "run": run})


def commit(artifact: Path, made: Row) -> Row:
    """Write `made.json` last: from here on the artifact is done. Adds files, digest, time and versions."""
    files = {
        file.relative_to(artifact).as_posix(): {
            "bytes": file.stat().st_size,
            "mtime_ns": file.stat().st_mtime_ns,
            "sha256": file_hash(file),
        }
        for file in sorted(artifact.rglob("*"))
        if file.is_file() and file.name not in (MADE, MAKING) and file.relative_to(artifact).parts[0] != CHECKPOINTS
    }
    digest = content_hash({name: entry["sha256"] for name, entry in files.items()})
    made = {**made, "files": files, "digest": digest, "made_at": round(time.time(), 3), "packages": packages()}
    write_json(artifact / MADE, made)
    (artifact / MAKING).unlink(missing_ok=True)
    return made


def verify(artifact: Path) -> None:
    """Raise DataError where an artifact was changed after it was made. Hashes only files whose time changed."""
    for name, entry in read_made(artifact)["files"].items():
        file = artifact / name
        try:
            state = file.stat()
        except OSError:
            raise _edited(artifact, f"{name} is missing") from None
        if state.st_size != entry["bytes"]:
            raise _edited(artifact, f"{name} has {state.st_size} bytes instead of {entry['bytes']}")
        if state.st_mtime_ns != entry["mtime_ns"] and file_hash(file) != entry["sha256"]:
            raise _edited(artifact, f"the content of {name} differs")


def _edited(artifact: Path, why: str) -> DataError:
    return DataError(
        f"{artifact} was changed after it was made: {why}.",
        "Results built on it would not say what they were made from.",
        "Restore the file, or make it anew: run again with --fresh and the name of its step.",
    )


def set_aside(artifact: Path) -> None:
    """Move a finished artifact out of the way of its successor; `discard_replaced` removes it once that is done."""
    replaced = _replaced(artifact)
    if replaced.exists():
        shutil.rmtree(replaced)
    artifact.rename(replaced)


def discard_replaced(artifact: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(_replaced(artifact))


def _replaced(artifact: Path) -> Path:
    return artifact.with_name(f".{artifact.name}.replaced")


def packages() -> dict[str, str]:
    """Versions of the installed packages that this project asks for."""
    from importlib import metadata  # slow, and only who makes something asks

    def names() -> Iterator[str]:
        for requirement in metadata.requires(PROJECT) or []:
            yield requirement.split(";")[0].split("[")[0].rstrip("0123456789.,<>=!~ ")

    found = {}
    for name in sorted(set(names())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def compare_settings(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Lines such as "learning_rate: 0.0002 -> 0.0001" for what differs between two trees of settings."""
    lines = []
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += compare_settings(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"{prefix}{key}: {json.dumps(old, default=str)} -> {json.dumps(new, default=str)}")
    return lines
