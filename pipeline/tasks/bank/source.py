"""Prompts of the user's own: a JSONL file (`prompt` or `messages` a row; `category`, `theme`, `problem`, `truth` if
wanted) or a text file with one prompt a line."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.engine.errors import DataError
from pipeline.engine.rows import content_hash
from pipeline.tasks.records import Category, Message, Prompt

MEND = "Mend or remove that line, then run again."


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class GivenMessage(_Given):
    role: Literal["system", "user", "assistant"]
    content: str


Word = Annotated[str, Field(min_length=1)]
Words = Annotated[list[Word], Field(min_length=1)]


class GivenVariable(_Given):
    name: Word
    terms: Words
    value: str = ""


class GivenConflict(_Given):
    sides: Annotated[list[Word], Field(min_length=2)]
    terms: Annotated[list[Words], Field(min_length=2)]
    resolution: list[Word] = []

    @model_validator(mode="after")
    def _terms_for_every_side(self) -> GivenConflict:
        if len(self.sides) != len(self.terms):
            raise ValueError("as many lists of terms as sides are needed")
        return self


class GivenUnknown(_Given):
    name: Word
    terms: Words


class GivenRisk(_Given):
    harm: Words
    legitimate: Words
    alternative: Words


class GivenTruth(_Given):
    """`records.Truth`, with what is left out taken to be empty."""

    model_config = ConfigDict(extra="forbid")

    variables: list[GivenVariable] = []
    groups: list[Words] = []
    conflict: GivenConflict | None = None
    unknown: list[GivenUnknown] = []
    answer: Words | None = None
    request: list[Word] = []
    risk: GivenRisk | None = None


class GivenPrompt(_Given):
    prompt: str | None = None
    messages: list[GivenMessage] | None = None
    category: Category | None = None
    theme: str = "own"
    problem: str | None = None
    """Rows with the same name stay on the same side of the split."""
    truth: GivenTruth | None = None


@dataclass
class Source:
    prompts: list[Prompt] = field(default_factory=list)
    duplicates: int = 0
    ignored: set[str] = field(default_factory=set)
    """Keys of rows that mean nothing here."""


def read_source(path: Path, category: Category) -> Source:
    """Every prompt of the file, its first copy only, all in `train`. `category` is for rows that name none.

    Raises DataError naming file and line of what cannot be read, and where there is no prompt at all.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path} is missing.", "", "Check the path in the setting `source`.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text.", str(error), "Save it as UTF-8, then run again.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read.", str(error), "Give a file, with leave to read it.") from None
    source, seen, numbers = Source(), set[str](), Counter[str]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        given = _parse(where, line, source) if path.suffix == ".jsonl" else GivenPrompt(prompt=line.strip())
        messages = _messages(where, given)
        key = content_hash([[turn["role"], " ".join(turn["content"].lower().split())] for turn in messages])
        if key in seen:
            source.duplicates += 1
            continue
        seen.add(key)
        of = given.category or category
        numbers[of] += 1
        truth: Any = None if given.truth is None else given.truth.model_dump()
        source.prompts.append(
            {
                "id": f"{of}-{numbers[of]:04d}",
                "category": of,
                "theme": given.theme,
                "problem": (key if given.problem is None else content_hash(given.problem))[:16],
                "split": "train",
                "messages": messages,
                "truth": truth,
            }
        )
    if not source.prompts:
        raise DataError(f"{path} holds no prompt.", "Every line is empty.", "Write one prompt a line.")
    return source


def _parse(where: str, line: str, source: Source) -> GivenPrompt:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON.", str(error), MEND) from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: a JSON object was expected, not {type(row).__name__}.", "", MEND)
    source.ignored.update(row.keys() - GivenPrompt.model_fields.keys())
    try:
        return GivenPrompt.model_validate(row)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise DataError(f"{where}: not a prompt.", "; ".join(faults) + ".", MEND) from None


def _messages(where: str, given: GivenPrompt) -> list[Message]:
    if (given.prompt is None) == (given.messages is None):
        raise DataError(f"{where}: a row needs either `prompt` or `messages`.", "", MEND)
    messages: list[Message] = [{"role": "user", "content": given.prompt or ""}]
    if given.messages is not None:
        messages = [{"role": turn.role, "content": turn.content} for turn in given.messages]
    if not messages or messages[-1]["role"] != "user":
        raise DataError(f"{where}: the last message must be the user's.", "", MEND)
    if not all(turn["content"].strip() for turn in messages):
        raise DataError(f"{where}: a message is empty.", "", MEND)
    return messages
