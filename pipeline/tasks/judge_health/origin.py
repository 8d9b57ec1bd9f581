"""Whose scores these are: a judge is measured by its own, all of them, and asked again in the very same way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import MADE, compare_settings
from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_json, read_rows


def check_origin(scores: Path, judge: Mapping[str, Any], rubric: str, prompts: bool) -> None:
    """Raise DataError unless the scores are this judge's, by this rubric, and untouched by a later step.

    `judge` are its settings as a fingerprint has them, `rubric` the hash of what it is told, `prompts` whether the
    embedded judge would be given the truths of the prompts. A folder without `made.json` is believed its rows.
    """
    made: Row = read_json(scores / MADE) if (scores / MADE).is_file() else {}
    if made:
        _check_made(scores, made, judge, prompts)
    first = next(read_rows(scores / "rows.jsonl"), None)
    if first and (first["judge"]["kind"], first["judge"]["rubric"]) != (judge["kind"], rubric):
        raise DataError(
            "These scores were made by another judge or another rubric.",
            f"They are of kind {first['judge']['kind']}, rubric {first['judge']['rubric']}; asked now would be "
            f"{judge['kind']}, {rubric}.",
            "Give `judge` and `rubric` as the step that made the scores had them, or judge again.",
        )


def _check_made(scores: Path, made: Row, judge: Mapping[str, Any], prompts: bool) -> None:
    described = made["described"]
    if "judge" not in described:
        raise DataError(
            f"{scores.name} holds scores that the stage `{made['stage']}` chose or changed.",
            "A judge is measured by all that it said.",
            'Name the judge\'s own, such as from = { scores = "judge" }',
        )
    known = {name: value for name, value in judge.items() if name in described["judge"]}
    if lines := compare_settings(described["judge"], known):
        raise DataError(
            "These scores are another judge's.",
            f"Its settings then and now: {'; '.join(lines)}.",
            "Give `judge` as the step that made the scores had it; a judge to compare with is named as `audit`.",
        )
    if judge["kind"] == "offline" and ("prompts" in made["inputs"]) != prompts:
        raise DataError(
            f"The embedded judge made these scores {'without' if prompts else 'with'} the truths of the prompts.",
            "Asked in the other way it says something else.",
            "Give `prompts` just as the judge step had them, or not at all: from = { prompts = [] }",
        )
