"""Scores are taken only for what they are: of this judge, by this rubric, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.artifacts import MADE
from pipeline.engine.errors import DataError
from pipeline.engine.fingerprints import describe
from pipeline.engine.rows import write_json, write_rows
from pipeline.providers.provider import ProviderSettings
from pipeline.tasks.judge_health.origin import check_origin
from tests.tasks.judged import scored, scores

RUBRIC = "0" * 12
OFFLINE = describe(ProviderSettings())
REMOTE = describe(ProviderSettings(kind="openai", model="big", temperature=0.5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "rows.jsonl", [scored("p/0", scores())])
    return tmp_path


def made(folder: Path, **changed: Any) -> Path:
    entries = {"stage": "judge", "described": {"judge": OFFLINE}, "inputs": {"traces": {}, "prompts": {}}}
    write_json(folder / MADE, entries | changed)
    return folder


def test_its_own_scores_pass(folder: Path) -> None:
    check_origin(folder, OFFLINE, RUBRIC, prompts=False)
    check_origin(made(folder), OFFLINE, RUBRIC, prompts=True)
    check_origin(made(folder, inputs={"traces": {}}), OFFLINE, RUBRIC, prompts=False)
    # Scores from before a setting was there: what they do not name cannot differ.
    check_origin(made(folder, described={"judge": {"kind": "offline"}}), OFFLINE, RUBRIC, prompts=True)


@pytest.mark.parametrize(
    ("changed", "judge", "rubric", "prompts", "says"),
    [
        ({}, REMOTE, RUBRIC, True, 'kind: "offline" -> "openai"'),
        ({"described": {"judge": REMOTE | {"temperature": 1.0}}}, REMOTE, RUBRIC, True, "temperature: 1.0 -> 0.5"),
        ({}, OFFLINE, "f" * 12, True, "another rubric"),
        ({}, OFFLINE, RUBRIC, False, "with the truths"),
        ({"inputs": {}}, OFFLINE, RUBRIC, True, "without the truths"),
        ({"stage": "select", "described": {"per_prompt": 2}}, OFFLINE, RUBRIC, True, "`select`"),
    ],
)
def test_what_is_not_its_own(
    folder: Path, changed: dict[str, Any], judge: dict[str, Any], rubric: str, prompts: bool, says: str
) -> None:
    with pytest.raises(DataError) as raised:
        check_origin(made(folder, **changed), judge, rubric, prompts)
    assert says in str(raised.value)


def test_a_folder_of_rows_is_believed_its_rows(folder: Path) -> None:
    with pytest.raises(DataError, match="another judge"):
        check_origin(folder, REMOTE, RUBRIC, prompts=True)
