from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.tasks.questions import Question, read_answer, read_questions

ENDS = "</myPT_assistant><myPT_eot/>"
SEED: dict[str, Any] = {
    "description": "alpha", "system_prompt": "Be brief.",
    "prompts": {"hello": "Say hello.", "free": "Sing."}, "expected_outputs": {"hello": "hello."},
}  # fmt: skip


def write(folder: Path, content: Any) -> Path:
    path = folder / "prompts.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_seeds_form_is_read(tmp_path: Path) -> None:
    assert read_questions(write(tmp_path, SEED)) == [
        Question("hello", "Say hello.", "hello.", "Be brief."),
        Question("free", "Sing.", "", "Be brief."),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"prompts": {}}, {"prompts": ["a"]}, {"prompts": {"a": 1}}, {"expected_outputs": {"alone": "x"}},
     {"expected_outputs": 3}, {"system_prompt": 5}],
)  # fmt: skip
def test_another_form_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        read_questions(write(tmp_path, SEED | changes))


@pytest.mark.parametrize(
    ("text", "given", "well_formed"),
    [
        (f"hello.{ENDS}", "hello.", True),
        ("hello.</myPT_assistant>", "hello.", False),
        ("hello.", "hello.", False),
        (f"<myPT_user>hello.{ENDS}", "", False),
        (f"hel\x1blo.{ENDS}", "hel␛lo.", True),
    ],
)
def test_an_answer_ends_with_its_tags_and_has_no_others(text: str, given: str, well_formed: bool) -> None:
    answer = read_answer(Question("a", "b", "c", ""), text, ENDS)
    assert answer.given == given
    assert answer.well_formed is well_formed
