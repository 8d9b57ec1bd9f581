"""Starts and stops runs: every one a child `python -m pipeline`, so that the screen and a script do the same thing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command said."""

    command: str
    """As a person would type it."""
    code: int
    value: Any
    """Its JSON; None where it printed none."""
    error: str
    """What it said on standard error, the last part."""

    @property
    def good(self) -> bool:
        return self.code == 0


def command(words: Sequence[str], root: Path | None) -> list[str]:
    """The command line; the root goes before `--`, after which everything is a value. None: it knows no root."""
    place = words.index("--") if "--" in words else len(words)
    rooted = ["--root", str(root)] if root else []
    return [sys.executable, "-m", "pipeline", *words[:place], *rooted, *words[place:]]


def ask(words: Sequence[str], root: Path | None, stdin: str = "", timeout: float = 600.0) -> Done:
    """Run a command to its end; call it in a thread. A child that hangs is killed after `timeout` seconds."""
    typed = "python -m pipeline " + " ".join(words)
    try:
        done = subprocess.run(
            command(words, root), input=stdin.encode("utf-8", "surrogatepass"), capture_output=True, timeout=timeout,
            check=False,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:  # ValueError: no such text in a command line
        return Done(typed, -1, None, str(error))
    out, said = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    try:
        value = json.loads(out)
    except ValueError:
        value = None
    return Done(typed, done.returncode, value, (said or ("" if value is not None else out)).strip()[-4000:])
