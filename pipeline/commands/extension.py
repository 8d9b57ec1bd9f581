"""The settings of a run that trains a finished step of another for longer."""

from __future__ import annotations

from pathlib import Path

from pipeline.engine.artifacts import MADE, Workspace, read_made
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import Tree, nearest
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from pipeline.training.extension import EXTENDS


def extended(workspace: Workspace, run: Run, name: str, more: int) -> Tree:
    """The run's tree with `more` optimizer steps for the step `name`, from what that step made.

    A folder or name that a person chose for it stays with the artifact that has it. Raises ConfigError.
    """
    tree = run.tree()
    if name not in tree["steps"]:
        steps = ", ".join(tree["steps"])
        raise ConfigError(f"There is no step `{name}`{nearest(name, tree['steps'])}", f"Steps: {steps}.", "")
    step = tree["steps"][name]
    if "max_steps" not in step:
        raise ConfigError(f"`{name}` is a step of {step['stage']}, which does not train by steps.", "", "")
    seen = view_of(run)[0].steps.get(name)
    if seen is None or not (Path(seen.artifact) / MADE).is_file():
        raise ConfigError(f"`{name}` is not done.", "", f"Finish it first: python -m pipeline resume {run.id}")
    artifact = Path(seen.artifact)
    reference = artifact.name if workspace.find(artifact.name) == artifact else str(artifact)
    kept = {key: value for key, value in step.items() if key not in ("out", "name")}
    changes = {
        "from": {**step["from"], EXTENDS: reference},
        "max_steps": read_made(artifact)["summary"]["steps"] + more,
    }
    return {**tree, "steps": {**tree["steps"], name: kept | changes}}
