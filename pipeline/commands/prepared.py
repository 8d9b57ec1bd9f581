"""`prepare`: what a prepared set holds, token by token, and whether it is as it should be."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.commands import terminal
from pipeline.commands.app import print_json
from pipeline.engine.artifacts import Workspace
from pipeline.engine.errors import ConfigError

EDGE = "│"
"""Stands between two tokens."""


def look(workspace: Workspace, name: str, side: str, count: int, checked: bool, as_json: bool) -> int:
    """Show `count` episodes of a side, and what a check finds; returns the exit code. Raises ConfigError where there is
    no such set, DataError where what is to be shown cannot be read."""
    folder = workspace.find(name)
    if folder is None or not folder.is_dir():
        raise ConfigError(
            f"There is no prepared set {name}.", "", "Make one: python -m pipeline stage prepare --input FILE"
        )
    from pipeline.gpt.check import check

    faults, found = check(folder) if checked else ([], {})
    episodes = _episodes(folder, side, count) if count else []
    if as_json:
        print_json({"faults": faults, "found": found, "episodes": episodes})
        return 1 if faults else 0
    for number, tokens in enumerate(episodes):
        terminal.table(("learnt", f"{side} {number}, {len(tokens)} tokens"), _runs(tokens))
    if checked:
        rows = [(one, *(f"{found[one][key]:,}" for key in COLUMNS)) for one in found]
        terminal.table(("side", *(key.replace("_", " ") for key in COLUMNS)), rows)
        for fault in faults:
            terminal.say(fault, "red")
        terminal.say(f"Faults: {len(faults)}." if faults else "No fault found.", "red" if faults else "green")
    return 1 if faults else 0


COLUMNS = ("episodes", "tokens", "loss_tokens")


def _episodes(folder: Path, side: str, count: int) -> list[list[dict[str, Any]]]:
    from pipeline.gpt.encoding import preview
    from pipeline.gpt.episodes import Episodes
    from pipeline.gpt.tokens import open_tokenizer

    tokenizer, held = open_tokenizer(folder), Episodes(folder / side)
    return [
        [{"id": number, "mask": mask, "text": text} for number, mask, text in preview(tokenizer, *held[place])]
        for place in range(min(count, len(held)))
    ]


def _runs(tokens: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Tokens with the same mask in a row, an edge between each two."""
    return [
        (str(mask), EDGE.join(token["text"].replace("\n", "↵") for token in run))
        for mask, run in groupby(tokens, key=lambda token: token["mask"])
    ]
