"""Prepare: episodes as token ids with their loss mask, memory-mapped, for the training of a GPT."""

from __future__ import annotations

import gc
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import Field

from pipeline.engine.errors import ConfigError, DataError, PipelineError
from pipeline.engine.rows import RowWriter, write_json
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.gpt.check import PREPARED, SIDES
from pipeline.gpt.encoding import Encoder
from pipeline.gpt.episodes import SHARD, Writer
from pipeline.gpt.lesson import fit_vocabulary
from pipeline.gpt.tokens import TAGS, add_tags, fault_of, find_tags, hash_of, open_tokenizer, padded, save_tokenizer
from pipeline.gpt.vocabulary import GPT2, GPT2_SIZE, SMALLEST, gpt2, train_bpe
from pipeline.tasks.dialogues import Dialogue, read_dialogues
from pipeline.tasks.documents import Document, documents, is_rows
from pipeline.tasks.splitting import held_out

BATCH = 4096
"""Rows encoded at a time."""
LEFT_OUT = "left_out.jsonl"


class Config(Settings):
    input: Path | Literal["novel"] | None = None
    """A JSONL file whose rows have `messages`, or plain text, a .txt file or a folder of them, all of which is learnt;
    novel: the one that comes with the program. Beside the rows of an earlier step, or instead of them."""
    val_split: float = Field(0.1, ge=0, lt=1)
    """Share of the rows that validate: whole payloads that are never trained on."""
    tokenization: Literal["gpt2", "bpe"] = "gpt2"
    """GPT-2's vocabulary, or one trained here on what is prepared; a model named as `tokenizer` brings its own."""
    vocabulary: int = Field(4096, ge=SMALLEST)
    """bpe: tokens at most, the tags not counted."""
    gpt2: str = aside(GPT2)
    """Where GPT-2's vocabulary is: a folder with its tokenizer.json, or a hub id. It is the same everywhere."""
    block_size: int = Field(1024, ge=16)
    """Tokens of an episode at most: a longer one keeps its last ones. Plain text is parted into blocks of this."""
    strict: bool = True
    """A conversation that the tags cannot write is an error; else it is left out and counted."""
    shard: int = Field(SHARD, ge=1)
    """Tokens of a file at most; what has more lies in several folders."""


def run(context: Context) -> dict[str, Any]:
    collecting = gc.isenabled()
    gc.disable()  # every row lives until the end; looking for garbage among them again and again took half the time
    try:
        return _prepare(context)
    finally:
        if collecting:
            gc.enable()


def _prepare(context: Context) -> dict[str, Any]:
    config: Config = context.config
    for name in (*SIDES, LEFT_OUT):  # what a killed attempt left; to begin anew takes seconds
        shutil.rmtree(context.out / name, ignore_errors=True)
    (context.out / LEFT_OUT).unlink(missing_ok=True)
    dialogues = _fit(context)
    texts = documents(config.input)
    if not dialogues and not texts:
        raise ConfigError("There is nothing to prepare.", "", "Name an earlier step as `rows`, or a file as `input`.")
    tokenizer = _tokenizer(context, dialogues, texts)
    encoder = Encoder(tokenizer, config.block_size)
    save_tokenizer(tokenizer, context.out, config.block_size)
    val = _validating(context, dialogues)
    cut = dict.fromkeys(SIDES, 0)
    with ExitStack() as stack:
        writers = {side: stack.enter_context(Writer(context.out / side, config.shard)) for side in SIDES}
        for side in SIDES:
            mine = [row for place, row in enumerate(dialogues) if (place in val) == (side == "val")]
            for start in range(0, len(mine), BATCH):
                encoded = encoder.conversations([row.messages for row in mine[start : start + BATCH]])
                writers[side].write(encoded.tokens, encoded.mask, encoded.lengths)
                cut[side] += encoded.cut
                context.emit.progress(sum(writer.episodes for writer in writers.values()), len(dialogues), "rows")
                context.check_stop()
        _write_text(context, encoder, texts, writers)
    summary = {**_describe(encoder, writers, cut, dialogues, val), "documents": len(texts)}
    write_json(context.out / PREPARED, {"format": 1, "seed": context.seed, **summary})
    _tell(context, summary, dialogues)
    if not writers["train"].episodes:
        raise DataError("No episode is left to train on.", "", "Lower val_split, or prepare more rows.")
    return summary


def _fit(context: Context) -> list[Dialogue]:
    """Those conversations that the tags can write. Raises DataError for the others where `strict` is set."""
    config: Config = context.config
    paths = [context.inputs["rows"]] if "rows" in context.inputs else []
    paths += [config.input] if isinstance(config.input, Path) and is_rows(config.input) else []
    fit, faulty = [], []
    for path in paths:
        for dialogue in read_dialogues(path):
            fault = fault_of(dialogue.messages)
            if fault:
                faulty.append({"id": dialogue.where, "reason": fault})
            else:
                fit.append(dialogue)
    if faulty and config.strict:
        raise DataError(
            f"{len(faulty)} conversations cannot be written with the tags, first {faulty[0]['id']}.",
            f"{faulty[0]['reason']}.",
            "Mend them, or leave them out with strict = false.",
        )
    if faulty:
        with RowWriter(context.out / LEFT_OUT) as left:
            for row in faulty:
                left.write(row)
        text = f"{len(faulty)} conversations cannot be written with the tags and are left out, see {LEFT_OUT}."
        context.emit.alert(text, left_out=len(faulty))
    return fit


def _tokenizer(context: Context, dialogues: Sequence[Dialogue], texts: Sequence[Document]) -> Any:
    """The model's own, GPT-2's, or one trained on what is prepared and on `corpus`; with the tags."""
    config: Config = context.config
    if "tokenizer" in context.inputs:
        for name in ("tokenization", "vocabulary"):
            if (asked := getattr(config, name)) != Config.model_fields[name].default:
                context.in_effect(name, asked, None, "the tokenizer is that of the model")
        tokenizer = open_tokenizer(context.inputs["tokenizer"])
        find_tags(tokenizer)
        return tokenizer
    if config.tokenization == "bpe":
        more = (row for path in context.inputs.get("corpus", {}).values() for row in read_dialogues(path))
        tokenizer = train_bpe(_texts([*dialogues, *more], texts), config.vocabulary)
        if (size := tokenizer.get_vocab_size()) < config.vocabulary:
            context.in_effect("vocabulary", config.vocabulary, size, "the texts hold no more pairs that come twice")
    else:
        tokenizer = gpt2(config.gpt2)
    add_tags(tokenizer)
    return tokenizer


def _texts(dialogues: Sequence[Dialogue], plain: Sequence[Document]) -> Iterator[str]:
    """What a vocabulary is trained on: every text as often as it stands there, so that what stands in every row becomes
    few tokens."""
    for dialogue in dialogues:
        for message in dialogue.messages:
            if isinstance(text := message.get("content"), str):
                yield text
    for document in plain:
        yield from document()


def _validating(context: Context, dialogues: Sequence[Dialogue]) -> set[int]:
    """Places of the rows that validate: those that say so themselves, or a share of whole payloads."""
    config: Config = context.config
    if any(row.side == "heldout" for row in dialogues):
        context.in_effect("val_split", config.val_split, None, "the rows say themselves which are held out")
        return {place for place, row in enumerate(dialogues) if row.side == "heldout"}
    return held_out([row.unit for row in dialogues], config.val_split, context.seed)


def _write_text(
    context: Context, encoder: Encoder, texts: Sequence[Document], writers: dict[str, Writer]
) -> None:  # fmt: skip
    import numpy as np

    drawn = Random(f"{context.seed}/text")
    for number, document in enumerate(texts, 1):
        for encoded in encoder.text(document()):
            sides = np.array([drawn.random() < context.config.val_split for _ in encoded.lengths])
            owner = np.repeat(sides, encoded.lengths)
            for side, value in (("train", False), ("val", True)):
                mine = owner == value
                writers[side].write(encoded.tokens[mine], encoded.mask[mine], encoded.lengths[sides == value])
            context.check_stop()
        context.emit.progress(number, len(texts), "documents")


def _describe(
    encoder: Encoder, writers: dict[str, Writer], cut: dict[str, int], dialogues: Sequence[Dialogue], val: set[int]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side, writer in writers.items():
        rows = [row for place, row in enumerate(dialogues) if (place in val) == (side == "val")]
        found[side] = {"episodes": writer.episodes, "tokens": writer.tokens, "loss_tokens": writer.learnt,
                       "cut": cut[side], "languages": dict(Counter(row.language for row in rows)),
                       "sources": dict(Counter(row.source for row in rows))}  # fmt: skip
    words: dict[str, set[str]] = {}
    for row in dialogues:
        words.setdefault(row.source, set()).update(row.payload.split())
    size = encoder.tokenizer.get_vocab_size()
    return {
        **found,
        "block_size": encoder.block,
        "vocabulary": size,
        "padded": padded(size),
        "tags": encoder.tags,
        "tags_hash": hash_of(encoder.tags),
        "fertility": {source: encoder.fertility(texts) for source, texts in words.items() if texts},
    }


def _tell(context: Context, summary: dict[str, Any], dialogues: Sequence[Dialogue]) -> None:
    if cut := sum(summary[side]["cut"] for side in SIDES):
        text = f"{cut} episodes are longer than {summary['block_size']} tokens, and keep their last ones."
        context.emit.alert(text, cut=cut)
    if thoughts := sum(row.thought for row in dialogues):
        context.emit.alert(f"{thoughts} rows have a thought; there is no tag for it, so only the answer is learnt.")
    if context.config.val_split and dialogues and not summary["val"]["episodes"]:
        context.emit.alert("No row is left to validate: every payload or fact is needed for training.")


def plan(context: PlanContext) -> list[Finding]:
    config: Config = context.config
    named = {*context.inputs, *context.expected}
    findings = []
    if not config.input and "rows" not in named:
        findings.append(Finding("fault", "There is nothing to prepare.", "Name a step as `rows`, or set `input`."))
    idle = {"vocabulary", "tokenization"} if "tokenizer" in named else set()
    idle |= set() if config.tokenization == "bpe" and "tokenizer" not in named else {"vocabulary"}
    for name in sorted(idle & config.model_fields_set):
        findings.append(Finding("warning", f"`{name}` has no effect: the vocabulary is given.", "Remove it."))
    if "corpus" in named and (config.tokenization != "bpe" or "tokenizer" in named):
        findings.append(Finding("warning", "`corpus` has no effect: no vocabulary is trained.", "Remove it."))
    try:
        documents(config.input)
        if "tokenizer" not in named and config.tokenization == "gpt2":
            gpt2(config.gpt2)
        if isinstance(config.input, Path) and is_rows(config.input):
            next(read_dialogues(config.input), None)
    except PipelineError as error:
        findings.append(Finding("fault", f"{error.what} {error.why}".strip(), error.mend))
    known = _foresee(context)
    parts = (f"about {known['episodes']} episodes to train on" if "episodes" in known else "",
             f"a vocabulary of {known['vocabulary']}" if "vocabulary" in known else "")  # fmt: skip
    if told := " and ".join(filter(None, parts)):
        findings.append(Finding("note", f"{told[0].upper()}{told[1:]}.", data=known))
    return findings


def _foresee(context: PlanContext) -> dict[str, int]:
    """What the training behind it is planned with: episodes to train on, and rows of the embedding for the tokens."""
    config: Config = context.config
    found: dict[str, int] = {}
    if "rows" in context.inputs:
        rows = sum(1 for _ in read_dialogues(context.inputs["rows"]))
    else:
        rows = int(context.expected.get("rows", {}).get("rows", 0))
    if rows:
        found["episodes"] = round(rows * (1 - config.val_split))
    if "tokenizer" in context.inputs:
        found["vocabulary"] = fit_vocabulary(context.inputs["tokenizer"])
    elif "tokenizer" in context.expected:
        model = context.expected["tokenizer"]
        size = model.get("vocabulary") or model.get("config", {}).get("vocab_size")
        found |= {"vocabulary": int(size)} if size else {}
    else:
        size = config.vocabulary if config.tokenization == "bpe" else GPT2_SIZE
        found["vocabulary"] = padded(size + len(TAGS))
    return found


STAGE = Stage(
    "prepare", Config, takes={"rows": "episodes|traces?", "corpus": "episodes*=", "tokenizer": "model|prepared?="},
    makes="prepared", run=run, plan=plan, libraries="tokenizers",
)  # fmt: skip
