"""The command line's app, the options that commands share, and how they compose a config and start a run.

Everything but Typer is imported inside functions, so that `--help` is quick.
"""

from __future__ import annotations

import json
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
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="step.key=value; wins over the preset. Also STEP.enabled, STEP.from.INPUT, STEP.after, steps.NEW.stage.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ShareGpu = Annotated[bool, typer.Option("--share-gpu", help="Train beside another run on the same GPU; else it waits.")]
RunName = Annotated[str, typer.Argument(help="A run's id, a part of it, its folder, or `last`.")]
HERE = Path()


def open_workspace(root: Path) -> Workspace:
    from pipeline.engine.artifacts import Workspace

    return Workspace(root.resolve())


def preset_folders(workspace: Workspace) -> list[Path]:
    return [workspace.root / "configs", Path(__file__).parents[2] / "configs"]


def check_tree(tree: Tree, workspace: Workspace) -> RunConfig:
    from pipeline.catalog import CATALOG
    from pipeline.engine.config import check

    return check(tree, CATALOG, workspace.kind_of)


def compose(preset: str, workspace: Workspace, sets: list[str] | None) -> RunConfig:
    from pipeline.engine.presets import compose

    return check_tree(compose(preset, preset_folders(workspace), sets or []), workspace)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def start(workspace: Workspace, config: RunConfig, options: dict[str, Any]) -> Run:
    """Check what can be checked, then create the run. Raises ConfigError for every fault of the plan at once."""
    from pipeline.engine import runs

    check_plan(workspace, config, options)
    return runs.create_run(workspace, config, options)


def check_plan(workspace: Workspace, config: RunConfig, options: dict[str, Any]) -> None:
    """Look at all steps before the first of them costs anything; warnings are shown. Raises ConfigError for faults."""
    from pipeline.commands import terminal
    from pipeline.commands.foresight import look_ahead
    from pipeline.engine.errors import ConfigError

    planned, disk = look_ahead(workspace, config, options)
    found = [(f"{entry.step.name}: ", finding) for entry in planned for finding in entry.findings] + [("", disk)]
    told = {
        level: [f"{step}{finding.text} {finding.mend}".rstrip() for step, finding in found if finding.level == level]
        for level in ("warning", "fault")
    }
    for text in told["warning"]:
        terminal.aside(text, "warning")
    if told["fault"]:
        raise ConfigError("The plan has faults, so nothing was started.", "\n".join(told["fault"]), "")


def go(run: Run, detach: bool, as_json: bool, share_gpu: bool = False) -> None:
    """Start the runner and, unless detached, follow it to its end."""
    from pipeline.commands import terminal
    from pipeline.engine import runs

    skip = sum(1 for _ in run.events.open("rb")) if run.events.exists() else 0
    process = runs.launch(run, share_gpu)
    if detach:
        print_json({"run": run.id}) if as_json else terminal.say(run.id)
        return
    if as_json:
        process.wait()
        shown = run_json(run)
        print_json(shown)
        raise typer.Exit(shown["code"])
    terminal.say(f"run {run.id}", "bold")
    view = terminal.follow(run, lambda: process.poll() is not None, skip)
    raise typer.Exit(terminal.show_end(run, view))


def run_json(run: Run) -> dict[str, Any]:
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
