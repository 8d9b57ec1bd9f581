"""The commands: `python -m pipeline COMMAND`. Each is a few lines over the engine.

Everything but Typer is imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.engine.artifacts import Workspace
    from pipeline.engine.config import RunConfig
    from pipeline.engine.presets import Tree
    from pipeline.engine.runs import Run

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Run all of LLM post-training: prompts, traces, judge, SFT, GRPO, merge, export, evaluation, report.",
)  # fmt: skip

Root = Annotated[Path, typer.Option("--root", help="Folder that holds data/, models/ and configs/.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="step.key=value; wins over the preset.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RunName = Annotated[str, typer.Argument(help="A run's id, a part of it, its folder, or `last`.")]
HERE = Path()


def main() -> None:
    """Entry point: an error of ours is shown as what, why and how to mend it, with its exit code."""
    from pipeline.engine.errors import PipelineError

    try:
        app()
    except (PipelineError, OSError) as error:
        from pipeline.commands.terminal import show_error
        from pipeline.engine.execution import plain_error

        plain = plain_error(error)
        show_error(plain)
        sys.exit(plain.exit_code)


def _workspace(root: Path) -> Workspace:
    from pipeline.engine.artifacts import Workspace

    return Workspace(root.resolve())


def _preset_folders(workspace: Workspace) -> list[Path]:
    return [workspace.root / "configs", Path(__file__).parent.parent / "configs"]


def _check(tree: Tree, workspace: Workspace) -> RunConfig:
    from pipeline.catalog import CATALOG
    from pipeline.engine.config import check

    return check(tree, CATALOG, workspace.kind_of)


def _compose(preset: str, workspace: Workspace, sets: list[str] | None) -> RunConfig:
    from pipeline.engine.presets import compose

    return _check(compose(preset, _preset_folders(workspace), sets or []), workspace)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def _start(workspace: Workspace, config: RunConfig, options: dict[str, Any]) -> Run:
    """Check what can be checked, then create the run. Raises ConfigError for every fault of the plan at once."""
    from pipeline.engine import planner, runs
    from pipeline.engine.errors import ConfigError
    from pipeline.engine.runner import chosen

    planned = chosen(planner.plan(config, workspace), options)
    planner.inspect(planned, config, workspace)
    faults = [
        f"{entry.step.name}: {finding.text} {finding.mend}".rstrip()
        for entry in planned
        for finding in entry.findings
        if finding.level == "fault"
    ]
    if faults:
        raise ConfigError("The plan has faults, so nothing was started.", "\n".join(faults), "")
    return runs.create_run(workspace, config, options)


def _go(run: Run, detach: bool, as_json: bool) -> None:
    """Start the runner and, unless detached, follow it to its end."""
    from pipeline.commands import terminal
    from pipeline.engine import runs

    skip = sum(1 for _ in run.events.open("rb")) if run.events.exists() else 0
    process = runs.launch(run)
    if detach:
        _print_json({"run": run.id}) if as_json else terminal.say(run.id)
        return
    if as_json:
        process.wait()
        shown = _run_json(run)
        _print_json(shown)
        raise typer.Exit(shown["code"])
    terminal.say(f"run {run.id}", "bold")
    view = terminal.follow(run, lambda: process.poll() is not None, skip)
    raise typer.Exit(terminal.show_end(run, view))


def _run_json(run: Run) -> dict[str, Any]:
    from dataclasses import asdict

    from pipeline.engine.view import view_of

    view, life = view_of(run)
    return {
        "run": run.id,
        "state": life,
        "code": view.finished["code"] if view.finished else 1,
        "preset": run.about()["preset"],
        "error": view.finished["error"] if view.finished else None,
        "steps": [asdict(step) for step in view.steps.values()],
        "memory": view.memory,
        "alerts": [{"step": event.step, **event.data} for event in view.alerts],
        **run.notes(),
    }


@app.command()
def run(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a .toml or .json file.")],
    sets: Sets = None,
    until: Annotated[str | None, typer.Option(help="Stop after this step.")] = None,
    only: Annotated[str | None, typer.Option(help="This step alone; its inputs must be there.")] = None,
    fresh: Annotated[list[str] | None, typer.Option(help="Make this step anew even if it is cached.")] = None,
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Run a preset. The run lives in a process of its own: closing the terminal does not stop it."""
    workspace = _workspace(root)
    config = _compose(preset, workspace, sets)
    options = {"until": until, "only": only, "fresh": fresh or []}
    _go(_start(workspace, config, options), detach, as_json)


@app.command()
def resume(
    name: RunName,
    root: Root = HERE,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that stopped, failed or died; what is made stays made."""
    from pipeline.engine.errors import Busy
    from pipeline.engine.runs import find_run

    found = find_run(_workspace(root), name)
    if found.is_alive():
        raise Busy(f"{found.id} is running.", "", f"Watch it with: python -m pipeline show {found.id} --follow")
    _go(found, detach, as_json)


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

    found = find_run(_workspace(root), name)
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
    as_json: Json = False,
) -> None:
    """A new run with another one's settings, changed by --set; what did not change is taken over."""
    from pipeline.engine.presets import apply_overrides
    from pipeline.engine.runs import find_run

    workspace = _workspace(root)
    parent = find_run(workspace, name)
    tree = parent.tree()
    apply_overrides(tree, sets or [])
    options = {**parent.about()["options"], "fresh": []}
    _go(_start(workspace, _check(tree, workspace), options), detach, as_json)


@app.command()
def delete(
    name: RunName,
    root: Root = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run's directory: events, log and settings. Its artifacts stay; see `clean`."""
    from pipeline.engine.runs import find_run

    found = find_run(_workspace(root), name)
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

    found = find_run(_workspace(root), name)
    notes = found.notes()
    if note:
        notes["note"] = text
    else:
        kept = [known for known in notes["tags"] if known != text]
        notes["tags"] = kept if remove else [*kept, text]
    found.set_notes(notes)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="runs, models, artifacts, presets or stages.")] = "runs",
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """List runs, models, artifacts, presets or stages."""
    from pipeline.commands import listing, terminal

    columns, rows = listing.listing(what, _workspace(root), _preset_folders(_workspace(root)))
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
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

    found = find_run(_workspace(root), name)
    if follow:
        view = terminal.follow(found, lambda: not found.is_alive())
        raise typer.Exit(terminal.show_end(found, view))
    if as_json:
        _print_json(_run_json(found))
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

    workspace = _workspace(root)
    first, second = find_run(workspace, name), find_run(workspace, other)
    found = listing.difference(first, second)
    if as_json:
        _print_json(found)
        return
    terminal.say("Settings", "bold")
    for line in found["settings"] or ["(the same)"]:
        terminal.say(f"  {line}")
    terminal.table(("result", first.id, second.id), [list(row.values()) for row in found["results"]])


@app.command()
def plan(
    preset: Annotated[str, typer.Argument(help="A preset's name, or a .toml or .json file.")],
    sets: Sets = None,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Check everything and do nothing: faults, what is cached and why not, and what each step finds."""
    import shutil

    from pipeline.commands import terminal
    from pipeline.engine import planner

    workspace = _workspace(root)
    config = _compose(preset, workspace, sets)
    planned = planner.plan(config, workspace)
    planner.inspect(planned, config, workspace)
    faulty = any(finding.level == "fault" for entry in planned for finding in entry.findings)
    free = shutil.disk_usage(workspace.root).free
    if as_json:
        _print_json({"faulty": faulty, "disk_free": free, "steps": [entry.to_row() for entry in planned]})
    else:
        terminal.show_plan(planned)
        terminal.say(f"{terminal.gigabytes(free)} free at {workspace.root}")
    raise typer.Exit(2 if faulty else 0)


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
    workspace = _workspace(request.root)
    _go(_start(workspace, _check(request.tree, workspace), {"fresh": request.fresh}), False, as_json)


@app.command()
def traces(
    artifact: Annotated[str, typer.Argument(help="An artifact of traces or scores: its name or folder.")],
    where: Annotated[str, typer.Option(help="Such as: judge.helpfulness<0.4 and category='conflict'")] = "",
    search: Annotated[str, typer.Option(help="Words that stand somewhere in the trace.")] = "",
    limit: Annotated[int, typer.Option(help="Show at most so many.")] = 20,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Browse traces and their scores."""
    from pipeline.commands import browse

    browse.browse(_workspace(root), artifact, where, search, limit, as_json)


@app.command()
def mark(
    artifact: Annotated[str, typer.Argument(help="An artifact of traces or scores: its name or folder.")],
    row: Annotated[str, typer.Argument(metavar="ID", help="The trace's id.")],
    action: Annotated[str, typer.Argument(help="accept, reject, edit, score or note.")],
    value: Annotated[str, typer.Argument(help="edit: the new answer; score: dimension=0.5; note: the text.")] = "",
    root: Root = HERE,
) -> None:
    """Mark a trace by hand. Marks are keyed by content, so they outlive a rebuild."""
    from pipeline.commands import browse

    browse.mark(_workspace(root), artifact, row, action, value)


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
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """The report of a run, or of two side by side."""
    from pipeline.commands import browse
    from pipeline.engine.runs import find_run

    workspace = _workspace(root)
    runs = [find_run(workspace, wanted) for wanted in (name, other) if wanted]
    browse.report(runs, as_json)


@app.command()
def chat(
    model: Annotated[str, typer.Argument(help="A GGUF file, or an artifact that holds one.")],
    prompt: Annotated[str | None, typer.Option(help="Print one answer and end.")] = None,
    system: Annotated[str, typer.Option(help="System prompt.")] = "",
    thinking: Annotated[bool, typer.Option("--think/--no-think", help="Whether the model thinks first.")] = True,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.7,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 1024,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    root: Root = HERE,
) -> None:
    """Talk to a model."""
    from pipeline import chat as conversation
    from pipeline.commands import browse

    path = browse.gguf_file(_workspace(root), model)
    raise typer.Exit(
        conversation.chat(
            path,
            prompt=prompt,
            system=system,
            thinking=thinking,
            temperature=temperature,
            seed=seed,
            max_tokens=max_tokens,
        )
    )


@app.command()
def clean(
    root: Root = HERE,
    orphans: Annotated[bool, typer.Option("--orphans", help="Remove artifacts that no run uses.")] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Remove what was begun and never finished.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Disk by artifact, and which runs use it; removes orphans and unfinished artifacts on request, and asks first."""
    from pipeline.commands import disk, terminal

    entries = disk.usage(_workspace(root))
    if as_json:
        _print_json(entries)
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
            disk.remove(_workspace(root), doomed)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is installed, what is missing, and the line that mends it."""
    from pipeline.commands import doctor as checks
    from pipeline.commands import terminal

    found = checks.examine()
    if as_json:
        _print_json(found)
    else:
        terminal.table(("check", "state", "found", "mend"), [list(entry.values()) for entry in found])
    raise typer.Exit(1 if any(entry["state"] == "broken" for entry in found) else 0)


@app.command(hidden=True)
def drive(folder: Path) -> None:
    """What `run` starts: drive the run in this folder to its end."""
    from pipeline.catalog import CATALOG
    from pipeline.engine.runner import Runner
    from pipeline.engine.runs import Run

    raise typer.Exit(Runner(Run(folder), CATALOG).drive())
