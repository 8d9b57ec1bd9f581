"""The rubric: nine dimensions of a trace, the written levels a remote judge goes by, and the reward made of its scores.

Every judge, offline or remote, marks these; a mark is 0..1, or None where the dimension does not apply.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import content_hash
from pipeline.engine.settings import Settings
from pipeline.tasks.dimensions import DESCRIPTIONS, DIMENSIONS

_EQUAL = 1 / len(DIMENSIONS)


class Weights(Settings):
    """What every dimension counts in the reward."""

    entropy_reduction: float = Field(_EQUAL, ge=0)
    """Weight of entropy reduction."""
    calibrated_uncertainty: float = Field(_EQUAL, ge=0)
    """Weight of calibrated uncertainty."""
    conflict_resolution: float = Field(_EQUAL, ge=0)
    """Weight of conflict resolution."""
    context_faithfulness: float = Field(_EQUAL, ge=0)
    """Weight of context faithfulness."""
    process_transparency: float = Field(_EQUAL, ge=0)
    """Weight of process transparency."""
    honest_engagement: float = Field(_EQUAL, ge=0)
    """Weight of honest engagement."""
    helpfulness: float = Field(_EQUAL, ge=0)
    """Weight of helpfulness."""
    harm_avoidance: float = Field(_EQUAL, ge=0)
    """Weight of harm avoidance."""
    instruction_following: float = Field(_EQUAL, ge=0)
    """Weight of instruction following."""

    @model_validator(mode="after")
    def _some_weight(self) -> Weights:
        if not any(self.of(dimension) for dimension in DIMENSIONS):
            raise ValueError("all nine weights are zero, so that every reward would be; raise at least one")
        return self

    def of(self, dimension: str) -> float:
        return float(getattr(self, dimension))


def reward(scores: Mapping[str, float | None], weights: Weights, renormalise: bool = True) -> float:
    """The weighted sum of the marks (plan of phase 03e, section 6) over the dimensions that apply.

    `renormalise` divides by the weight of those dimensions, so that a prompt without a contradiction can earn as much
    as one with; without it this is the bare sum of the plan. 0.0 where no dimension with a weight applies.
    """
    applying = [(mark, weights.of(dimension)) for dimension, mark in scores.items() if mark is not None]
    total = sum(mark * weight for mark, weight in applying)
    if not renormalise:
        return total
    weight = sum(weight for _, weight in applying)
    return total / weight if weight else 0.0


def rubric_hash() -> str:
    """Names the wording that the embedded judge goes by (12 hex digits): marks made with another are not comparable."""
    return content_hash(DESCRIPTIONS)[:12]


RUBRIC = Path(__file__).parents[2] / "configs" / "rubric.toml"
LEVELS = range(5)
"""What a remote judge gives: 0 is the lowest, 4 the highest."""


@dataclass(frozen=True)
class Described:
    """A dimension as a remote judge reads it."""

    name: str
    asks: str
    applies: str
    levels: tuple[str, ...]
    """What each level looks like, from 0 to 4."""


Rubric = tuple[Described, ...]
"""All nine, in the order of DIMENSIONS."""


def load_rubric(path: Path | None = None) -> Rubric:
    """The rubric of a TOML file: a table for each of the nine dimensions with `asks`, `applies` and the levels 0 to 4.

    Without a path the one that comes with the program. Raises ConfigError that names every fault.
    """
    path = path or RUBRIC
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"The rubric {path} cannot be read.", str(error), "Check the setting `rubric`.") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"The rubric {path} is not valid TOML.", str(error), "Mend the file.") from None
    if faults := list(_faults(tables)):
        raise ConfigError(
            f"The rubric {path} is not whole.",
            "\n".join(faults),
            "Mend the file, or begin again from a copy of configs/rubric.toml.",
        )
    return tuple(
        Described(
            name,
            tables[name]["asks"].strip(),
            tables[name]["applies"].strip(),
            tuple(tables[name][str(level)].strip() for level in LEVELS),
        )
        for name in DIMENSIONS
    )


def _faults(tables: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a parsed file from being a rubric."""
    yield from (f"[{name}]: no such dimension{nearest(name, DIMENSIONS)}" for name in tables if name not in DIMENSIONS)
    keys = ("asks", "applies", *map(str, LEVELS))
    for name in DIMENSIONS:
        table = tables.get(name)
        if not isinstance(table, dict):
            yield f"[{name}]: the table is missing"
            continue
        yield from (f"[{name}] {key}: unknown key{nearest(key, keys)}" for key in table if key not in keys)
        for key in keys:
            if key not in table:
                yield f"[{name}] {key}: missing"
            elif not isinstance(table[key], str) or not table[key].strip():
                yield f"[{name}] {key}: a text was expected"
