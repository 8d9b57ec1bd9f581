"""Evaluation prompts in the seeds' file format, and a model's raw text read as an answer to one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.errors import DataError
from pipeline.engine.fingerprints import locate
from pipeline.engine.rows import read_json
from pipeline.engine.text import safe_text
from pipeline.tasks.prompted import Answer

FORM = "{description, system_prompt, prompts {name: text}, expected_outputs {name: text}}"


@dataclass(frozen=True)
class Question:
    name: str
    prompt: str
    expected: str
    """Empty: nothing is expected."""
    system: str


def read_questions(path: Path) -> list[Question]:
    """Raises DataError for a file of another form, and for an expected output without a prompt."""
    path = locate(path)
    content = read_json(path)
    mend = f"The form is {FORM}."
    prompts = content.get("prompts") if isinstance(content, dict) else None
    expected = content.get("expected_outputs", {}) if isinstance(content, dict) else None
    for table in (prompts, expected):
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            raise DataError(f"{path} is no file of evaluation prompts.", "", mend)
    assert isinstance(prompts, dict) and isinstance(expected, dict)
    if not prompts:
        raise DataError(f"{path} holds no prompt.", "", mend)
    if alone := sorted(expected.keys() - prompts.keys()):
        raise DataError(f"{path} expects outputs of prompts that it does not have: {', '.join(alone)}.", "", mend)
    if not isinstance(system := content.get("system_prompt") or "", str):
        raise DataError(f"{path} has a system_prompt that is no text.", "", mend)
    return [Question(name, text, expected.get(name, ""), system) for name, text in prompts.items()]


def read_answer(question: Question, text: str, ends: str) -> Answer:
    """Of the raw text with its tags; `ends` is what stands behind a well-formed answer, a tag or several."""
    said, _, _ = text.partition("<myPT_")
    said, _, _ = said.partition("</myPT_")
    return Answer(question.name, question.prompt, question.expected, safe_text(said), text == said + ends)
