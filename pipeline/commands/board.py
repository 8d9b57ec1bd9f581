"""The data board of an artifact on the terminal, and the rows of it that could not be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.commands import terminal
from pipeline.commands.browse import rows_of
from pipeline.engine.artifacts import Workspace
from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import read_rows

QUARANTINE, LEFT_OUT = "quarantine.jsonl", "left_out.jsonl"
STYLES = {"red": "bold red", "amber": "yellow", "green": "green"}


def show_board(workspace: Workspace, artifact: str, where: str, search: str, as_json: bool) -> None:
    """The board of an artifact, or of those of its rows that pass `where` and `search`; red gates first."""
    from pipeline.tasks.board.board import board
    from pipeline.tasks.matching import matching

    path = rows_of(workspace, artifact)
    whole = not where and not search
    quarantine = path.with_name(QUARANTINE)
    lost = read_rows(quarantine) if whole and quarantine.is_file() else ()
    found = board(matching(workspace.root, path, where, search), lost).to_row()
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=True))
        return
    some = f"{found['read']} of {found['rows']} {found['kind'] or 'rows'} are read for quality, from {path}"
    terminal.say(some, "bold")
    grid = Table("gate", "state", "found", "share", "amber over", "red over", header_style="bold")
    for gate in found["gates"]:
        shares = map(_percent, (gate["value"], gate["amber"], gate["red"]))
        state = Text(gate["level"], style=STYLES[gate["level"]])
        grid.add_row(gate["name"], state, f"{gate['hits']} of {gate['of']}", *shares)
    terminal.console.print(grid)
    for gate in found["gates"]:
        if gate["level"] != "green":
            what = f"{gate['name']} is {gate['level']}: {gate['hits']} of {gate['of']} {gate['what']}. {gate['why']}"
            terminal.say(what, STYLES[gate["level"]])
            examples = f" Such as {', '.join(gate['examples'])}." if gate["examples"] else ""
            terminal.say(f"  {gate['mend']}{examples}")
    _show_figures(found["figures"])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _show_figures(figures: Mapping[str, Any]) -> None:
    for name in ("outcomes", "categories", "types", "splits", "languages", "quarantine"):
        if any(figures[name].values()):
            terminal.say(f"{name}: " + ", ".join(f"{key} {count}" for key, count in figures[name].items()))
    rows = [(part, *lengths.values()) for part, lengths in figures["words"].items()]
    if rows:
        terminal.table(("words of", "median", "95 % below", "longest"), rows)
    for name, said in (("openings", "Texts open"), ("thought_openings", "Thoughts open")):
        if figures[name]:
            most = ", ".join(f'"{entry["words"]}" {entry["share"]:.1%}' for entry in figures[name])
            terminal.say(f"{said} with: {most}")
    if figures["rewards"]["count"]:
        terminal.say(f"Mean reward {figures['rewards']['mean']} over {figures['rewards']['groups']} prompts.")


def show_lost(workspace: Workspace, artifact: str, search: str, limit: int, as_json: bool) -> None:
    """What could not be used: replies in quarantine, or rows that `ingest` left out. Raises ConfigError."""
    from pipeline.tasks.matching import matching

    folder = rows_of(workspace, artifact).parent
    path: Path | None = next((folder / name for name in (QUARANTINE, LEFT_OUT) if (folder / name).is_file()), None)
    if path is None:
        raise ConfigError(f"Nothing of `{artifact}` is in quarantine.", "", "")
    found = list(matching(workspace.root, path, search=search))
    if as_json:
        print(json.dumps(found[:limit], indent=2, ensure_ascii=True))
        return
    for row in islice(found, limit):
        what = row.get("outcome", row["reason"])
        why = row["reason"] if "outcome" in row else row["detail"]
        terminal.say(f"{row.get('id', row.get('at'))} ({what}): {why}", "bold")
        if row.get("text"):
            terminal.say(f"  {row['text']}")
    terminal.say(f"{min(limit, len(found))} of {len(found)} shown, from {path}", "bold")
