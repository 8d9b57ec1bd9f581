"""What a GPT learns from, source by source: its share of the set, and how often each of its rows is seen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tui.curriculum import Exposure
from tui.text import figure, line
from tui.widgets.record_list import Column, RecordList, Rows


class Sources(RecordList):
    ABOUT = (
        "Rows that each source gives to a training, and how often each is seen so far: a figure to know, no red line."
    )

    def __init__(self, **options: object) -> None:
        columns = [Column("training", 12), Column("source", 0), Column("rows", 7, "right"),
                   Column("of", 7, "right", least=56), Column("share", 6, "right", least=64),
                   Column("copies", 6, "right", least=72), Column("seen", 8, "right")]  # fmt: skip
        super().__init__(columns, empty="No rows were prepared yet.", **options)
        self._shown: Sequence[Exposure] = ()

    def show_sources(self, found: Sequence[Exposure]) -> None:
        if found != self._shown:
            self._shown = found
            self.show(Rows([_cells(one) for one in found]))

    def as_text(self) -> str:
        return "\n".join("\t".join(cell.plain for cell in _cells(one)) for one in self._shown)


def _cells(one: Exposure) -> list[Content]:
    seen = None if one.seen is None else one.seen * one.copies
    return [
        line(one.step, most=80),
        line(one.source, most=80),
        Content(figure(one.rows)),
        Content(figure(one.of)),
        Content("–" if one.share is None else f"{one.share:.0%}"),
        Content(f"{one.copies:.2f}"),
        Content("–" if seen is None else f"{seen:,.1f} x"),
    ]
