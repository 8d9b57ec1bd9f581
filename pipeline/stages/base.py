"""Base: the model to tune. From the hub, from a folder, or a tiny Qwen3 made here and taught plain text."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, cast

from pipeline.engine.errors import DataError, PipelineError
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.rows import read_json, read_rows
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.shape import read_shape
from pipeline.tasks.plain_text import Source, document, exercise, gather
from pipeline.tasks.records import Prompt
from pipeline.training.fetch import bring, commit_of, download, hub_config, hub_sizes, model_files
from pipeline.training.pretrain import CHECKPOINT, Recipe, pretrain
from pipeline.training.tiny import Sizes, build, count_parameters, describe
from pipeline.training.tokenizer import train_tokenizer

TINY = "tiny"
EXERCISES = 64
"""Held-out documents that the copy accuracy is measured on."""
SPEED = 50e9
"""Operations a second on two cores, as measured."""
SAMPLE = 2000
"""Documents that the tokenizer is trained on, beside the prompts and a part of the novel."""
PROMPT_WEIGHT = 5
"""How often the tokenizer reads the prompts: what a tiny model is to copy from them should be one token each. Of the
bank's terms 99 % are then, instead of 93 %, and the novel's rare words are spelt out instead."""


class Config(Sizes, Recipe):
    source: str = TINY
    """`tiny` makes a model here; else the id of a hub model, such as mlabonne/Qwen3-8B-abliterated, or a folder."""
    revision: str = "main"
    """Branch, tag or commit of a hub model."""

    @property
    def folder(self) -> Path | None:
        """The folder that `source` names, if it is no hub id: a hub id has one slash, and no folder stands there."""
        path = Path(self.source).expanduser()
        is_id = self.source.count("/") == 1 and not path.is_absolute() and not self.source.startswith((".", "~"))
        return None if self.source == TINY or (is_id and not path.exists()) else path


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    if config.source == TINY:
        return _make_tiny(context)
    commit = ""
    if (folder := config.folder) is None:
        commit = commit_of(config.source, config.revision) or config.revision
        context.emit.log(f"fetching {config.source} at {commit}")
        folder = download(config.source, commit)
    files = model_files(folder)
    bring(files, context.out, lambda count: context.emit.progress(count, len(files), "files"))
    size = sum(path.stat().st_size for path in files)
    return {"source": config.source, "commit": commit, "files": len(files), "bytes": size}


def _make_tiny(context: Context) -> dict[str, Any]:
    config: Config = context.config
    source = _source(context)
    seed = context.seed

    def texts(step: int) -> Iterator[str]:
        random = Random(f"{seed}/pretraining/{step}")
        while True:
            yield document(random, source).text

    sample = Random(f"{seed}/tokenizer")
    documents = (document(sample, source).text for _ in range(SAMPLE))
    known = [*source.prompts * PROMPT_WEIGHT, *source.paragraphs[:: 2 * PROMPT_WEIGHT], *documents]
    tokenizer = train_tokenizer(known, config.vocabulary, config.context)
    model = build(config, tokenizer, seed)
    heldout = Random(f"{seed}/exercises")
    exercises = [(made.text, made.copied) for made in (exercise(heldout, source) for _ in range(EXERCISES))]
    result = pretrain(context, model, tokenizer, config, texts, exercises)
    tokenizer.save_pretrained(context.out)
    model.save_pretrained(context.out)
    (context.out / CHECKPOINT).unlink(missing_ok=True)
    return {
        "source": TINY,
        "commit": "",
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "steps": config.steps,
        "tokens": config.steps * config.batch * config.length,
        "loss": round(result.loss, 4),
        "copy_accuracy": round(result.copy_accuracy, 4),
    }


def _source(context: Context) -> Source:
    """Prompts held out from training are held out from pretraining too."""
    prompts = context.inputs.get("prompts")
    rows = read_rows(prompts / "rows.jsonl") if prompts else ()
    return gather(cast(Prompt, row) for row in rows)


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    if config.source == TINY:
        return _plan_tiny(config)
    idle = sorted(config.model_fields_set & (Sizes.model_fields.keys() | Recipe.model_fields.keys()))
    folder = config.folder
    if folder is not None and "revision" in config.model_fields_set:
        idle.append("revision")
    findings = [
        Finding("warning", f"`{name}` has no effect with the source {config.source}.", "Remove it.") for name in idle
    ]
    return findings + (_plan_hub(config) if folder is None else _plan_folder(folder))


def _plan_folder(folder: Path) -> list[Finding]:
    told = _foreseen(read_json(folder / "config.json") if (folder / "config.json").is_file() else None)
    try:
        files = model_files(folder)
    except PipelineError as error:
        return [Finding("fault", f"{error.what} {error.why}".strip(), error.mend), *told]
    size = sum(path.stat().st_size for path in files)
    why = "hard links, or a copy where the folder lies on another disk"
    return [
        Finding("note", f"{len(files)} files, {size / 1e9:.2f} GB.", data={"bytes": size}),
        disk.tell([disk.Space("model", size, why)]),
        *told,
    ]


def _plan_hub(config: Config) -> list[Finding]:
    if find_spec("huggingface_hub") is None:
        return [_missing("huggingface_hub")]
    if not (commit := commit_of(config.source, config.revision)):
        text = f"{config.source} ({config.revision}) is not in the local cache, and the hub does not answer for it."
        return [Finding("fault", text, "Check the id and the network, or name a folder as `source`.")]
    sizes = hub_sizes(config.source, commit)
    size = sum(sizes.values())
    why = f"{len(sizes)} files, as the hub has them; what its cache holds already is not fetched again"
    return [
        Finding("note", f"{config.source} at commit {commit}.", data={"commit": commit}),
        *([disk.tell([disk.Space("download", size, why)])] if size else []),
        *_foreseen(hub_config(config.source, commit)),
    ]


def _foreseen(found: Any) -> list[Finding]:
    """What the steps behind this one plan with, as long as the model is not there."""
    try:
        shape = read_shape(found) if found is not None else None
    except DataError:  # the steps that need the shape say so; the GPT track reads another
        known = isinstance(found, dict) and found.get("model_type") == "gpt2"
        return [Finding("note", "A GPT-2, by its config.json.", data={"config": found})] if known else []
    if shape is None:
        return []
    text = f"{(shape.linear() + shape.rest()) / 1e9:.3g} billion parameters, by its config.json."
    return [Finding("note", text, data={"config": found})]


def _plan_tiny(config: Config) -> list[Finding]:
    if missing := [name for name in ("torch", "transformers", "tokenizers", "trl") if find_spec(name) is None]:
        return [_missing(name) for name in missing]
    findings = []
    if "revision" in config.model_fields_set:
        findings.append(Finding("warning", "`revision` has no effect on the tiny model.", "Remove it."))
    count = count_parameters(config)
    tokens = config.steps * config.batch * config.length
    seconds = round(6 * count * tokens / SPEED)
    text = (
        f"{count / 1e6:.2f} million parameters, {tokens / 1e6:.2f} million tokens: about {seconds} s on two cores "
        f"(6 operations per parameter and token, {SPEED / 1e9:.0f} billion a second)."
    )
    data = {"parameters": count, "tokens": tokens, "seconds": seconds, "config": describe(config)}
    spaces = [
        disk.Space("model", 4 * count + disk.BESIDE, "32 bits, tokenizer"),
        disk.Space("checkpoints", 2 * 12 * count, "weights and AdamW's state, the newest and the next", stays=False),
    ]
    return [*findings, Finding("note", text, data=data), disk.tell(spaces)]


def _missing(package: str) -> Finding:
    return Finding("fault", f"{package} is not installed.", 'Install the extra: pip install -e ".[train]"')


def pins(config: Config) -> dict[str, str]:
    """A hub model by its commit, a folder by its content."""
    if config.source == TINY:
        return {}
    if (folder := config.folder) is not None:
        return {"content": path_hash(folder)} if folder.exists() else {}
    commit = commit_of(config.source, config.revision)
    return {"commit": commit} if commit else {}


STAGE = Stage(
    "base", Config, takes={"prompts": "prompts?"}, makes="model", run=run, plan=plan, pins=pins,
    libraries=lambda config: "torch" if config.source == TINY else "", home="models",
)  # fmt: skip
