"""The commands over what runs made: traces, marks, reports, models, disk, money; and `doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.commands.app import HERE, Json, Root, RunName, app, open_workspace, print_json


@app.command()
def traces(
    artifact: Annotated[str, typer.Argument(help="An artifact of traces or scores: its name or folder.")],
    where: Annotated[str, typer.Option(help="Such as: judge.helpfulness<0.4 and category='conflict'")] = "",
    search: Annotated[str, typer.Option(help="Words that stand somewhere in the trace.")] = "",
    mark: Annotated[str, typer.Option(help="Marked so: accept, reject, edit, score, note, any or none.")] = "",
    limit: Annotated[int, typer.Option(help="Show at most so many.")] = 20,
    board: Annotated[bool, typer.Option("--board", help="The data board: what these rows are like, by gates.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="What could not be used, and why.")] = False,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Browse traces and their scores; with --board, prompts and evaluations too: how far they can be trusted."""
    from pipeline.commands import board as data_board
    from pipeline.commands import browse

    workspace = open_workspace(root)
    if board:
        data_board.show_board(workspace, artifact, where, search, as_json)
    elif quarantine:
        data_board.show_lost(workspace, artifact, search, limit, as_json)
    else:
        browse.browse(workspace, artifact, where, search, mark, limit, as_json)


@app.command()
def mark(
    artifact: Annotated[str, typer.Argument(help="An artifact of traces, scores or prompts: its name or folder.")],
    row: Annotated[str, typer.Argument(metavar="ID", help="The id of the trace or prompt.")],
    action: Annotated[str, typer.Argument(help="accept, reject, edit, score, note, or clear to take all back.")],
    value: Annotated[str, typer.Argument(help="edit: the new text; score: dimension=0.5; note: the text.")] = "",
    root: Root = HERE,
) -> None:
    """Mark a trace or a prompt by hand: what is trained on it is made anew. Keyed by content, it outlives a rebuild."""
    from pipeline.commands import browse

    browse.mark(open_workspace(root), artifact, row, action, value)


@app.command()
def prepare(
    artifact: Annotated[str, typer.Argument(metavar="DIR", help="A prepared set: a folder, or an artifact's name.")],
    check: Annotated[bool, typer.Option("--check", help="Hold every invariant against it, whoever made it.")] = False,
    preview: Annotated[int, typer.Option(min=0, help="Show so many episodes, token by token, with their mask.")] = 0,
    side: Annotated[Literal["train", "val"], typer.Option(help="Of which side.")] = "train",
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Look into a prepared set; `stage prepare` makes one. Exit code 1 where the check finds a fault."""
    from pipeline.commands import prepared

    code = prepared.look(open_workspace(root), artifact, side, preview, check or not preview, as_json)
    raise typer.Exit(code)


@app.command()
def judge(
    text: Annotated[str, typer.Argument(help="A text to mark, or - to read it from standard input.")],
    prompt: Annotated[str, typer.Option(help="What was asked.")] = "",
    as_json: Json = False,
) -> None:
    """Mark one text: nine scores by the offline judge."""
    from pipeline.commands import browse

    if text == "-":
        text = sys.stdin.read()
    browse.judge(text, prompt, as_json)


@app.command()
def report(
    name: RunName,
    other: Annotated[str, typer.Argument(help="A second run, to compare.")] = "",
    html: Annotated[Path | None, typer.Option("--html", help="Write the two as a page of their own, too.")] = None,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """The report of a run, or of two side by side."""
    from pipeline.commands import browse
    from pipeline.engine.runs import find_run

    workspace = open_workspace(root)
    runs = [find_run(workspace, wanted) for wanted in (name, other) if wanted]
    browse.report(runs, as_json, html)


@app.command()
def clean(
    root: Root = HERE,
    orphans: Annotated[bool, typer.Option("--orphans", help="Remove artifacts that no run uses.")] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Remove what was begun and never finished.")] = False,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Remove those of finished artifacts, which then cannot be extended.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Disk by artifact, and which runs use it; removes orphans, what is unfinished and checkpoints when told, and asks
    first."""
    from pipeline.commands import disk, terminal

    entries = disk.usage(open_workspace(root))
    if as_json:
        print_json(entries)
    else:
        rows = [
            (entry["artifact"], entry["state"], terminal.gigabytes(entry["bytes"]), ", ".join(entry["runs"]) or "-")
            for entry in entries
        ]
        terminal.table(("artifact", "state", "size", "runs"), rows)
    doomed = disk.doomed(entries, orphans=orphans, unfinished=unfinished)
    if doomed:
        size = terminal.gigabytes(sum(entry["bytes"] for entry in doomed))
        if yes or typer.confirm(f"Remove {len(doomed)} artifacts, {size}?"):
            disk.remove(open_workspace(root), doomed)
    gone = {entry["path"] for entry in doomed}
    kept = [entry for entry in disk.kept(entries) if checkpoints and entry["path"] not in gone]
    if kept:
        size = terminal.gigabytes(sum(entry["checkpoints"] for entry in kept))
        if yes or typer.confirm(f"Remove the checkpoints of {len(kept)} artifacts, {size}?"):
            disk.remove_checkpoints(open_workspace(root), kept)


@app.command()
def spend(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run; empty: all of them.")] = "",
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """What the providers were paid, by run and step, and which calls may have been billed for nothing."""
    from pipeline.commands import money
    from pipeline.engine.runs import find_run

    workspace = open_workspace(root)
    found = money.bill(workspace.root, find_run(workspace, name).id if name else "")
    print_json(found) if as_json else money.show(found)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is installed, what is missing, and the line that mends it."""
    from pipeline.commands import doctor as checks
    from pipeline.commands import terminal

    found = checks.examine()
    if as_json:
        print_json(found)
    else:
        terminal.table(("check", "state", "found", "mend"), [list(entry.values()) for entry in found])
    raise typer.Exit(1 if any(entry["state"] == "broken" for entry in found) else 0)
