"""The formats that `ingest` reads, and how a file's own is recognised: by the fields of its first rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.engine.rows import Row
from pipeline.tasks.ingest import columns, openai, ours, sharegpt
from pipeline.tasks.ingest.conversation import Conversation

Format = Literal["traces", "openai", "sharegpt", "alpaca", "csv"]


@dataclass(frozen=True)
class Reader:
    fits: Callable[[Row], bool]
    read: Callable[[Row], Conversation]
    """Raises LeftOut."""
    unread: Callable[[Row], set[str]]
    """Fields of a row that mean nothing here."""


def readers(names: Mapping[str, str]) -> dict[Format, Reader]:
    """Every format, the most particular first. `names`: what a column holds -> its name, where a person chose it."""
    table = Reader(
        lambda row: columns.fits(row, names),
        lambda row: columns.read(row, names),
        lambda row: row.keys() - columns.fields(row, names),
    )
    return {
        "traces": Reader(ours.fits, ours.read, lambda row: row.keys() - ours.FIELDS),
        "openai": Reader(openai.fits, openai.read, lambda row: row.keys() - openai.FIELDS),
        "sharegpt": Reader(sharegpt.fits, sharegpt.read, lambda row: row.keys() - sharegpt.FIELDS),
        "alpaca": Reader(lambda row: "instruction" in row and table.fits(row), table.read, table.unread),
        "csv": table,
    }


def recognise(row: Row, known: Mapping[Format, Reader]) -> Format | None:
    return next((name for name, reader in known.items() if reader.fits(row)), None)
