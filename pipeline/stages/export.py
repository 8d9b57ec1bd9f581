"""Export: a model as GGUF files, each held against the original under llama.cpp before it gets its name."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from pipeline.engine.errors import DataError, PipelineError, StageFailed
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.gguf.quantize import BLOCK, TYPES, bytes_needed, needs_wide_rows
from pipeline.gguf.toolchain import broken, missing
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.model import config_of, shape_of

PLAIN = "F16"
"""The type that is held to the HF model's logits, and that the quantised ones are made from."""
NARROW = "Q8_0"
"""What stands in for a type whose blocks the model's rows do not fill."""
CHECKED = "checked.json"


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Config(Settings):
    types: Annotated[list[str], BeforeValidator(_split)] = ["Q6_K"]  # noqa: RUF012 - pydantic copies it
    """Types of the files to make, by llama.cpp's usual names: F16, BF16, F32, Q8_0, Q6_K, Q4_K_M and so on."""
    model_name: str = "model"
    """Name of the model: in the file's metadata, and its name on disk (`model-Q6_K.gguf`)."""
    base_model: str = ""
    """What the model was tuned from, for the metadata; empty leaves it out."""
    license: str = ""
    """License of the model, for the metadata; empty leaves it out."""

    @field_validator("types")
    @classmethod
    def _known(cls, types: list[str]) -> list[str]:
        types = list(dict.fromkeys(kind.upper() for kind in types))
        unknown = [kind for kind in types if kind not in TYPES]
        if unknown or not types:
            raise ValueError(f"unknown {', '.join(unknown) or '(none given)'}; known are {', '.join(TYPES)}")
        return types

    @field_validator("model_name")
    @classmethod
    def _file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
            raise ValueError("use letters, digits, dots, dashes and underscores: it is the name of a file")
        return name


def plan(context: PlanContext) -> list[Finding]:
    absent = missing()
    findings = [Finding("fault", error.what, f"{error.why} {error.mend}") for error in (*absent, *broken())]
    source = context.inputs.get("model")
    if source is None:
        return findings + _foreseen(context)
    if absent:
        return findings
    from pipeline.gguf.architectures import read_config

    try:
        width = read_config(source).width
        parameters = _parameters(source)
    except DataError as error:
        return [*findings, Finding("fault", error.what, f"{error.why} {error.mend}")]
    types = _types_in_effect(context.config.types, width)
    findings += [
        Finding("note", f"{asked} needs rows of {BLOCK}, this model's have {width}: {NARROW} is made instead.")
        for asked in context.config.types
        if asked not in types
    ]
    needed, free = _bytes_needed(parameters, {PLAIN, *types}), shutil.disk_usage(_existing(context.root)).free
    text = f"export takes about {needed / 1e9:.2f} GB of disk, {free / 1e9:.2f} GB are free"
    data = {"bytes": needed, "free": free, **_disk(parameters, types).data}
    return [*findings, Finding("note" if needed <= free else "warning", text, data=data)]


def _foreseen(context: PlanContext) -> list[Finding]:
    """The disk that it will take, as far as the model to come is known."""
    config, shape = config_of(context), shape_of(context)
    if config is None or shape is None:
        return []
    return [_disk(shape.linear() + shape.rest(), _types_in_effect(context.config.types, int(config["hidden_size"])))]


def _disk(parameters: int, types: list[str]) -> Finding:
    """The plain file goes once the others are made, unless it was asked for."""
    files = {kind: _bytes_needed(parameters, [kind]) for kind in dict.fromkeys((*types, PLAIN))}
    return disk.tell([disk.Space(kind, size, "GGUF", stays=kind in types) for kind, size in files.items()])


def run(context: Context) -> dict[str, Any]:
    from pipeline.gguf.architectures import read_config
    from pipeline.gguf.convert import KINDS, About, convert
    from pipeline.gguf.header import read_header
    from pipeline.gguf.quantize import quantize
    from pipeline.gguf.reference import Reference
    from pipeline.gguf.session import Session
    from pipeline.gguf.verify import TOLERANCE, verify

    source, out, name = Path(context.inputs["model"]), context.out, context.config.model_name
    width = read_config(source).width
    types = _types_in_effect(context.config.types, width)
    if types != context.config.types:
        context.in_effect("types", context.config.types, types, f"rows of {width} do not divide by {BLOCK}")
    _check_disk(out, _bytes_needed(_parameters(source), {PLAIN, *types}))

    files = {kind: f"{name}-{kind}.gguf" for kind in (PLAIN, *types)}
    checked: dict[str, Row] = read_json(out / CHECKED) if (out / CHECKED).exists() else {}
    todo = [kind for kind in types if not (files[kind] in checked and (out / files[kind]).exists())]
    if todo:
        about = About(name, context.config.base_model, context.config.license, artifact=source.name)
        reference = Reference.of(source)
        # Always made and checked first, even where it is not asked for: it shows that the conversion itself is right.
        todo = [PLAIN, *(kind for kind in todo if kind != PLAIN)]
        with Session() as session:
            for done, kind in enumerate(todo):
                context.check_stop()
                context.emit.progress(done, len(todo), "files")
                unchecked = out / f"{files[kind]}.unchecked"
                if kind in KINDS:
                    convert(source, unchecked, kind, about)
                else:
                    quantize(session, out / files[PLAIN], unchecked, kind)
                try:
                    figures = verify(session, unchecked, reference, TOLERANCE if kind in ("F16", "F32") else None)
                except PipelineError as error:
                    raise _set_aside(unchecked, files[kind], error) from None
                checked[files[kind]] = {
                    "type": kind,
                    "bytes": unchecked.stat().st_size,
                    "tensors": read_header(unchecked).types(),
                    "verified": figures,
                }
                unchecked.replace(out / files[kind])
                write_json(out / CHECKED, checked)
                if kind in types:
                    context.emit.item("file", name=files[kind], **checked[files[kind]])
            context.emit.progress(len(todo), len(todo), "files")
    if PLAIN not in types:
        (out / files[PLAIN]).unlink(missing_ok=True)
    path = _shown(out / files[types[0]])
    return {
        "gguf": path,
        "chat": f'python -m pipeline chat "{path}"' if " " in path else f"python -m pipeline chat {path}",
        "files": {files[kind]: checked[files[kind]] for kind in types},
    }


def _types_in_effect(types: list[str], width: int) -> list[str]:
    return list(dict.fromkeys(NARROW if width % BLOCK and needs_wide_rows(kind) else kind for kind in types))


def _parameters(source: Path) -> int:
    from pipeline.gguf.weights import Weights

    weights = Weights(source)
    return sum(math.prod(weights.shape(name)) for name in weights.names)


def _bytes_needed(parameters: int, types: Iterable[str]) -> int:
    """The files of those types, with some room for vocabularies."""
    return sum(bytes_needed(parameters, kind) + 2**24 for kind in types)


def _shown(path: Path) -> str:
    """From where the command was given, if it lies below."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path.resolve())


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _check_disk(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed > free:
        raise StageFailed(
            f"{out}: export needs {needed / 1e9:.2f} GB of disk, {free / 1e9:.2f} GB are free.",
            f"The {PLAIN} file that the others are made from is part of it.",
            "Free some space (`python -m pipeline clean`), or ask for fewer types.",
        )


def _set_aside(unchecked: Path, name: str, error: PipelineError) -> StageFailed:
    failed = unchecked.with_name(f"{name}.failed")
    unchecked.replace(failed)
    return StageFailed(
        f"{name} did not pass its check: {error.what}", error.why, f"It is kept as {failed}. {error.mend}"
    )


STAGE = Stage(
    name="export",
    Config=Config,
    takes={"model": "model"},
    makes="gguf",
    run=run,
    plan=plan,
    libraries="gguf",
    home="models",
)
