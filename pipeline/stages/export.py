"""Export: a model as GGUF files, each held against the original under llama.cpp before it gets its name."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, field_validator, model_validator

from pipeline.engine.artifacts import MADE, read_made
from pipeline.engine.errors import DataError, PipelineError, StageFailed
from pipeline.engine.lineage import lineage
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.gguf.architectures import Config as ModelConfig
from pipeline.gguf.checkout import convert_elsewhere, converter_hash, find_converter
from pipeline.gguf.convert import KINDS, About, Kind, check, convert
from pipeline.gguf.importance import read_importance
from pipeline.gguf.modelfile import write_modelfile
from pipeline.gguf.push import push
from pipeline.gguf.quantize import ALIASES, FILE_TYPES, NEED_IMPORTANCE, TYPES, block, bytes_needed, quantize
from pipeline.gguf.reference import Reference, read_marks
from pipeline.gguf.session import Session
from pipeline.gguf.toolchain import broken, missing
from pipeline.gguf.verify import check_file
from pipeline.tasks.card import write_card
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
    """Types of the files to make, by llama.cpp's usual names: F16, BF16, F32, Q8_0, Q6_K, Q4_K_M, IQ4_XS and so on."""
    imatrix: Path | None = None
    """Importance matrix, a file that llama.cpp's llama-imatrix made of this model: quantised types gain by it, and the
    coarsest are not made without one."""
    model_name: str = "model"
    """Name of the model: in the file's metadata, and its name on disk (`model-Q6_K.gguf`)."""
    base_model: str = ""
    """What the model was tuned from, for the metadata; empty: what its lineage names, if it names a hub model."""
    license: str = ""
    """License of the model, for the metadata; empty leaves it out."""
    bundle: bool = False
    """Also write a Modelfile for Ollama and a model card (README.md) with files, scores, lineage and settings."""
    push_to: str = ""
    """Upload the bundle to this repository of the Hugging Face hub (`name/repository`, private if it is new), with the
    key from HF_TOKEN; empty: nothing leaves this machine. Needs `bundle`."""
    llama_cpp: str = ""
    """Folder of a checkout of llama.cpp: its own converter is used for models that ours does not know."""

    @field_validator("types")
    @classmethod
    def _known(cls, types: list[str]) -> list[str]:
        types = list(dict.fromkeys(ALIASES.get(kind.upper(), kind.upper()) for kind in types))
        unknown = [kind for kind in types if kind not in TYPES]
        if unknown or not types:
            raise ValueError(f"unknown {', '.join(unknown) or '(none given)'}; known are {', '.join(TYPES)}")
        return types

    @model_validator(mode="after")
    def _in_effect(self) -> Config:
        needy = [kind for kind in self.types if kind in NEED_IMPORTANCE]
        if needy and self.imatrix is None:
            raise ValueError(f"{', '.join(needy)}: made with an importance matrix only; name one as `imatrix`")
        if self.imatrix is not None and all(kind in KINDS for kind in self.types):
            raise ValueError("`imatrix` has no effect on types that are not quantised; remove it or ask for others")
        if self.push_to and not self.bundle:
            raise ValueError("`push_to` uploads a bundle: set `bundle` too")
        return self

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

    config: Config = context.config
    try:
        elsewhere, width = _converter(source, config)
        parameters = _parameters(source)
        if config.imatrix:
            read_importance(config.imatrix)
    except PipelineError as error:
        return [*findings, Finding("fault", error.what, f"{error.why} {error.mend}")]
    if config.llama_cpp and not elsewhere:
        text = "`llama_cpp` has no effect: this model is converted here."
        findings.append(Finding("warning", text, "Remove it."))
    if elsewhere:
        findings.append(Finding("note", f"{elsewhere.what} So the converter of {config.llama_cpp} is used."))
    types = _types_in_effect(context.config.types, width)
    findings += [
        Finding("note", f"{asked} needs rows of {block(asked)}, this model's have {width}: {NARROW} is made instead.")
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
    config: Config = context.config
    source, out = Path(context.inputs["model"]), context.out
    elsewhere, width = _converter(source, config)
    types = _types_in_effect(config.types, width)
    if types != config.types:
        context.in_effect(
            "types", config.types, types, f"rows of {width} do not divide by {max(map(block, config.types))}"
        )
    _check_disk(out, _bytes_needed(_parameters(source), {PLAIN, *types}))

    about = _about(source, context)
    files = {kind: f"{config.model_name}-{kind}.gguf" for kind in (PLAIN, *types)}
    checked: dict[str, Row] = read_json(out / CHECKED) if (out / CHECKED).exists() else {}
    todo = [kind for kind in types if not (files[kind] in checked and (out / files[kind]).exists())]
    if todo:
        reference = Reference.of(source)
        if reference.template is None:
            context.emit.alert("The model has no chat template: it continues a text, and takes no turns.", level="note")
        # Always made and checked first, even where it is not asked for: it shows that the conversion itself is right.
        todo = [PLAIN, *(kind for kind in todo if kind != PLAIN)]
        with Session() as session:
            for done, kind in enumerate(todo):
                context.check_stop()
                context.emit.progress(done, len(todo), "files")
                unchecked = out / f"{files[kind]}.unchecked"
                if kind in FILE_TYPES and kind not in KINDS:
                    quantize(session, out / files[PLAIN], unchecked, kind, importance=config.imatrix)
                elif elsewhere:
                    convert_elsewhere(Path(config.llama_cpp), source, unchecked, cast(Kind, kind), about)
                else:
                    convert(source, unchecked, cast(Kind, kind), about)
                checked[files[kind]] = check_file(session, unchecked, kind, out / files[kind], reference)
                write_json(out / CHECKED, checked)
                if kind in types:
                    context.emit.item("file", name=files[kind], **checked[files[kind]])
            context.emit.progress(len(todo), len(todo), "files")
    if PLAIN not in types:
        (out / files[PLAIN]).unlink(missing_ok=True)
    made = {files[kind]: checked[files[kind]] for kind in types}
    for name, file in made.items():
        _tell_fallbacks(context, name, file)
    path = _shown(out / files[types[0]])
    chat = f'python -m pipeline chat "{path}"' if " " in path else f"python -m pipeline chat {path}"
    summary = {"gguf": path, "chat": chat, "files": made, "converter": "llama.cpp" if elsewhere else "ours"}
    return {**summary, **(_bundle(context, about, made) if config.bundle else {})}


def _converter(source: Path, config: Config) -> tuple[DataError | None, int]:
    """Why llama.cpp's own converter is needed, None where ours will do, and the width of the model.

    Raises DataError where ours does not know the model and no checkout is named.
    """
    try:
        return None, check(source).width
    except DataError as error:
        if not config.llama_cpp:
            raise
        find_converter(Path(config.llama_cpp))
        return error, ModelConfig(source, read_json(source / "config.json")).width


def _about(source: Path, context: Context) -> About:
    """What the files say of their origin. The run is the one that made the model, so that the same model gives the same
    bytes whoever exports it."""
    config: Config = context.config
    made = lineage(source, context.root)
    hub = next((of["summary"]["source"] for of in made if of["summary"].get("commit")), "")
    run = str(made[-1]["run"]) if made else ""
    return About(config.model_name, config.base_model or hub, config.license, run, source.resolve().name)


def _tell_fallbacks(context: Context, name: str, file: Row) -> None:
    """Tensors whose rows a type's blocks do not fill are stored in other types, as llama.cpp decides."""
    if file["fallbacks"]:
        why = f"the rows of these tensors do not divide by {block(file['type'])}"
        if file["type"] == "MXFP4_MOE":
            why = "llama.cpp stores only the experts of a mixture in it"
        context.in_effect(f"types: {name}", file["type"], file["fallbacks"], why)


def _bundle(context: Context, about: About, files: dict[str, Row]) -> Row:
    """Modelfile and card, and their way to the hub where that was asked for."""
    config, source, first = context.config, Path(context.inputs["model"]), next(iter(files))
    settings = source / "generation_config.json"
    text = write_modelfile(first, read_marks(source), read_json(settings) if settings.exists() else {})
    (context.out / "Modelfile").write_text(text, encoding="utf-8", newline="\n")
    evaluation = context.inputs.get("evaluation")
    scores = read_made(evaluation)["summary"] if evaluation and (evaluation / MADE).is_file() else None
    card = write_card(about.name, about.base_model, about.license, files, lineage(source, context.root), scores)
    (context.out / "README.md").write_text(card, encoding="utf-8", newline="\n")
    bundle = ["Modelfile", "README.md"]
    pushed = push(context.out, [*files, *bundle], config.push_to) if config.push_to else ""
    return {"bundle": bundle, **({"pushed": pushed} if pushed else {})}


def _types_in_effect(types: list[str], width: int) -> list[str]:
    return list(dict.fromkeys(NARROW if width % block(kind) else kind for kind in types))


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


def pins(config: Config) -> dict[str, str]:
    return {"converter": converter_hash(Path(config.llama_cpp))} if config.llama_cpp else {}


STAGE = Stage(
    name="export",
    Config=Config,
    takes={"model": "model", "evaluation": "evaluation?="},
    makes="gguf",
    run=run,
    plan=plan,
    pins=pins,
    libraries="gguf",
    home="models",
)
