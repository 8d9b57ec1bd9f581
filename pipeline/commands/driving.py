"""The commands over runs: start one, watch it, stop it, compare it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.app import (
    HERE,
    Json,
    Root,
    RunName,
    Sets,
    ShareGpu,
    app,
    check_tree,
    compose,
    go,
    open_workspace,
    preset_folders,
    print_json,
    run_json,
    start,
)


@app.command()
def run(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a .toml or .json file.")],
    sets: Sets = None,
    until: Annotated[str | None, typer.Option(help="Stop after this step.")] = None,
    only: Annotated[str | None, typer.Option(help="This step alone; its inputs must be there.")] = None,
    fresh: Annotated[list[str] | None, typer.Option(help="Make this step anew even if it is cached.")] = None,
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    share_gpu: ShareGpu = False,
    as_json: Json = False,
) -> None:
    """Run a preset. The run lives in a process of its own: closing the terminal does not stop it."""
    workspace = open_workspace(root)
    config = compose(preset, workspace, sets)
    options = {"until": until, "only": only, "fresh": fresh or []}
    go(start(workspace, config, options), detach, as_json, share_gpu)


@app.command()
def resume(
    name: RunName,
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    share_gpu: ShareGpu = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that stopped, failed or died; what is made stays made."""
    from pipeline.engine.errors import Busy
    from pipeline.engine.runs import find_run

    found = find_run(open_workspace(root), name)
    if found.is_alive():
        raise Busy(f"{found.id} is running.", "", f"Watch it with: python -m pipeline show {found.id} --follow")
    go(found, detach, as_json, share_gpu)


@app.command()
def stop(
    name: RunName,
    root: Root = HERE,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it has stopped.")] = True,
) -> None:
    """Ask a run to stop at its next safe point, with everything saved."""
    import time

    from pipeline.commands import terminal
    from pipeline.engine.errors import ConfigError
    from pipeline.engine.runs import find_run

    found = find_run(open_workspace(root), name)
    if not found.is_alive():
        raise ConfigError(f"{found.id} is not running.", "", "")
    found.ask_stop()
    while wait and found.is_alive():
        time.sleep(0.2)
    terminal.say(f"{found.id}: {'stopped' if wait else 'asked to stop'}")


@app.command()
def branch(
    name: RunName,
    sets: Sets = None,
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    share_gpu: ShareGpu = False,
    as_json: Json = False,
) -> None:
    """A new run with another one's settings, changed by --set; what did not change is taken over."""
    from pipeline.engine.presets import apply_overrides
    from pipeline.engine.runs import find_run

    workspace = open_workspace(root)
    parent = find_run(workspace, name)
    tree = parent.tree()
    apply_overrides(tree, sets or [])
    options = {**parent.about()["options"], "fresh": []}
    go(start(workspace, check_tree(tree, workspace), options), detach, as_json, share_gpu)


@app.command()
def extend(
    name: RunName,
    step: Annotated[str, typer.Argument(help="A step of SFT or GRPO that is done.")],
    steps: Annotated[int, typer.Option(min=1, help="How many optimizer steps more.")],
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """A new run that trains one step of another for longer, from its last checkpoint, and makes anew what follows."""
    from pipeline.commands.extension import extended
    from pipeline.engine.runs import find_run

    workspace = open_workspace(root)
    parent = find_run(workspace, name)
    tree = extended(workspace, parent, step, steps)
    options = {**parent.about()["options"], "fresh": []}
    go(start(workspace, check_tree(tree, workspace), options), detach, as_json)


@app.command()
def plan(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a .toml or .json file.")],
    sets: Sets = None,
    gpu: Annotated[str | None, typer.Option(help="Plan for this GPU: 16GB, or a name in gpus.toml.")] = None,
    trial: Annotated[
        int | None, typer.Option(min=2, help="Try so many steps of each training, and tell the time.")
    ] = None,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Check everything and do nothing: faults, what is cached and why not, and what each step finds."""
    from pipeline.commands import terminal
    from pipeline.commands.foresight import look_ahead, read_gpu, rented
    from pipeline.commands.trial import try_out

    workspace = open_workspace(root)
    named, name = read_gpu(gpu, workspace.root) if gpu is not None else (None, "")
    config = compose(preset, workspace, sets)
    if name:
        config = compose(preset, workspace, [*(sets or []), *rented(config, name)])
    planned, disk = look_ahead(workspace, config, {}, named)
    if trial is not None:
        try_out(planned, config.seed, trial, terminal.aside, elsewhere=named is not None)
    faulty = any(finding.level == "fault" for entry in planned for finding in entry.findings)
    if as_json:
        steps = [entry.to_row() for entry in planned]
        told = {**disk.data, "text": disk.text, "mend": disk.mend}
        print_json({"faulty": faulty, "disk_free": disk.data["free"], "disk": told, "steps": steps})
    else:
        terminal.show_plan(planned)
        terminal.say(f"{disk.text} {disk.mend}".rstrip(), terminal.LEVELS[disk.level])
    raise typer.Exit(2 if faulty else 0)


@app.command()
def save(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a .toml or .json file.")],
    name: Annotated[str, typer.Option("--as", help="The new preset: configs/NAME.toml.")],
    sets: Sets = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of that name.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Let it stand alone: extend nothing.")] = False,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Keep a preset's settings, changed by --set, as a preset of their own that holds only what differs."""
    from pipeline.commands import terminal
    from pipeline.engine.saving import save_preset, save_whole

    workspace = open_workspace(root)
    config = compose(preset, workspace, sets)  # a preset with faults is not kept
    folders = preset_folders(workspace)
    if whole:
        file = save_whole(config, folders[0], name, lambda tree: check_tree(tree, workspace), overwrite=overwrite)
    else:
        file = save_preset(preset, folders, sets or [], name, overwrite=overwrite)
    print_json({"preset": name, "file": str(file)}) if as_json else terminal.say(str(file))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def stage(context: typer.Context) -> None:
    """Any stage on its own: `stage NAME --input PATH --field value --out DIR`; `stage NAME --help` shows its fields."""
    from pipeline.commands import single

    words = list(context.args)
    as_json = "--json" in words
    request = single.read([word for word in words if word != "--json"])
    if request is None:
        return
    workspace = open_workspace(request.root)
    go(start(workspace, check_tree(request.tree, workspace), {"fresh": request.fresh}), False, as_json)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="runs, models, artifacts, presets or stages.")] = "runs",
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """List runs, models, artifacts, presets or stages."""
    from pipeline.commands import listing, terminal

    columns, rows = listing.listing(what, open_workspace(root), preset_folders(open_workspace(root)))
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        terminal.table(columns, rows)


@app.command()
def show(
    name: RunName,
    follow: Annotated[bool, typer.Option("--follow", help="Watch it until it ends.")] = False,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Show where a run stands."""
    from pipeline.commands import terminal
    from pipeline.engine.runs import find_run
    from pipeline.engine.view import view_of

    found = find_run(open_workspace(root), name)
    if follow:
        view = terminal.follow(found, lambda: not found.is_alive())
        raise typer.Exit(terminal.show_end(found, view))
    if as_json:
        print_json(run_json(found))
        return
    view, life = view_of(found)
    terminal.say(f"{found.id}: {life}", "bold")
    terminal.show_steps(view)
    if view.finished:
        terminal.show_end(found, view)


@app.command()
def diff(name: RunName, other: RunName, root: Root = HERE, as_json: Json = False) -> None:
    """What differs between two runs: settings and results."""
    from pipeline.commands import listing, terminal
    from pipeline.engine.runs import find_run

    workspace = open_workspace(root)
    first, second = find_run(workspace, name), find_run(workspace, other)
    found = listing.difference(first, second)
    if as_json:
        print_json(found)
        return
    terminal.say("Settings", "bold")
    for line in found["settings"] or ["(the same)"]:
        terminal.say(f"  {line}")
    terminal.table(("result", first.id, second.id), [list(row.values()) for row in found["results"]])


@app.command()
def delete(
    name: RunName,
    root: Root = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run's directory: events, log and settings. Its artifacts stay; see `clean`."""
    from pipeline.engine.runs import find_run

    found = find_run(open_workspace(root), name)
    if yes or typer.confirm(f"Delete {found.path}?"):
        found.delete()


@app.command()
def tag(
    name: RunName,
    text: Annotated[str, typer.Argument(help="The tag; with --note a note.")],
    note: Annotated[bool, typer.Option("--note", help="Set the note instead of adding a tag.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
    root: Root = HERE,
) -> None:
    """Give a run a tag or a note."""
    from pipeline.engine.runs import find_run

    found = find_run(open_workspace(root), name)
    notes = found.notes()
    if note:
        notes["note"] = text
    else:
        kept = [known for known in notes["tags"] if known != text]
        notes["tags"] = kept if remove else [*kept, text]
    found.set_notes(notes)


@app.command(hidden=True)
def drive(folder: Path, share_gpu: ShareGpu = False) -> None:
    """What `run` starts: drive the run in this folder to its end."""
    from pipeline.catalog import CATALOG
    from pipeline.engine.runner import Runner
    from pipeline.engine.runs import Run

    raise typer.Exit(Runner(Run(folder), CATALOG, share_gpu).drive())
