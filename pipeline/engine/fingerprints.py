"""What decides a step's result, hashed: settings as the fingerprint sees them, named files by their content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.engine.config import Step
from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import content_hash, file_hash
from pipeline.engine.stage import Marked


def describe(settings: Any) -> Any:
    """Settings as the fingerprint sees them: asides left out, named files by their content."""
    if isinstance(settings, BaseModel):
        return {
            key: describe(getattr(settings, key))
            for key, field in type(settings).model_fields.items()
            if not (isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("aside"))
        }
    if isinstance(settings, Path):
        return {"content": path_hash(settings)}
    if isinstance(settings, Mapping):
        return {key: describe(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [describe(value) for value in settings]
    return settings


PROGRAM = Path(__file__).parents[2]


def locate(path: Path) -> Path:
    """A file or folder that a setting names; one that is not there is looked for where the presets' own lie."""
    path = path.expanduser()
    own = PROGRAM / path
    return own if not path.exists() and own.exists() else path


def path_hash(path: Path) -> str:
    """Hash of a file, or of all files of a folder. Raises ConfigError where there is none."""
    path = locate(path)
    if path.is_dir():
        return content_hash(
            {file.relative_to(path).as_posix(): file_hash(file) for file in sorted(path.rglob("*")) if file.is_file()}
        )
    try:
        return file_hash(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", str(error), "Check the path in the settings.") from None


def fingerprint(
    step: Step, seed: int, inputs: Mapping[str, Any], pins: Mapping[str, str], marks: Marked | None = None
) -> str:
    """What decides a step's result, hashed; `inputs` maps names to the fingerprints of what is read."""
    return content_hash(
        {
            **({"marks": marks} if marks else {}),
            "stage": step.stage.name,
            "version": step.stage.version,
            "settings": describe(step.settings),
            "inputs": inputs,
            "pins": pins,
            "seed": seed,
        }
    )
