"""Which figures of a run stand together on one chart, and which are those of the nine dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.tasks.dimensions import DIMENSIONS
from tui.feed import Snapshot
from tui.series import Span, between

TOGETHER = (
    ("reward", ("reward", "heldout_reward")),
    ("loss", ("loss", "validation_loss")),
    ("answers", ("prompts_exact", "prompts_normalised", "prompts_likeness", "prompts_malformed", "prompts_repeating")),
    ("different answers", ("prompts_distinct", "prompts_expected")),
    ("plain language", ("plain_loss", "plain_loss_first")),
    ("mean loss", ("loss_mean", "loss_first")),
    ("length", ("completion_length", "completion_length_max")),
    ("step time", ("step_time", "time_generate", "time_score", "time_update")),
)
"""Figures of one unit that are read against each other; the first that a step has is shown first."""
BANDS = {
    "loss": ("expected_loss_low", "expected_loss_high"),
    "validation_loss": ("expected_validation_low", "expected_validation_high"),
}
"""Figure -> those between which it is expected."""
SCORE = "score/"


@dataclass(frozen=True)
class Curve:
    """One chart: its name, and its lines by name."""

    name: str
    lines: tuple[tuple[str, Sequence[Span]], ...]
    step: str = ""
    """The step of the run that tells these figures."""
    bands: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    """Line -> the room in which it is expected."""


def curves(snapshot: Snapshot) -> list[Curve]:
    """The charts of all steps that have figures, the newest step last and its first chart of all at the very end."""
    found: list[Curve] = []
    for step, series in snapshot.lines.items():
        spans = {name: one.spans() for name, one in series.items() if not name.startswith(SCORE)}
        bands = {
            name: between(spans.pop(low), spans.pop(high))
            for name, (low, high) in BANDS.items()
            if low in spans and high in spans
        }
        of_step = []
        for title, names in TOGETHER:
            lines = tuple((name, spans.pop(name)) for name in names if name in spans)
            if lines:
                mine = {name: bands[name] for name in names if name in bands}
                of_step.append(Curve(f"{step} {title}", lines, step, mine))
        first, rest = of_step[:1], of_step[1:]
        rest += [Curve(f"{step} {name}", ((name, points),), step) for name, points in spans.items()]
        found += [*rest, *first]
    return found


def dimensions(snapshot: Snapshot) -> dict[str, Sequence[Span]]:
    """The mean score of each dimension over the newest step that has any."""
    for series in reversed(list(snapshot.lines.values())):
        named: dict[str, Sequence[Span]] = {
            name: series[SCORE + name].spans() for name in DIMENSIONS if SCORE + name in series
        }
        if named:
            return named
    return {}
