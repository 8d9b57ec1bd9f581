"""The judge listens for meaning: no phrase of the teacher's, and none of the handwritten traces, stands in its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pipeline.tasks.offline_judge
import pipeline.tasks.offline_teacher
from tests.tasks.offline_judge.handwritten import TRACES

RUN = 3


def runs(text: str) -> set[tuple[str, ...]]:
    """Every three words in a row; a slot such as `{this}` parts what stands around it."""
    found: set[tuple[str, ...]] = set()
    for piece in re.split(r"\{[^}]*\}|[\n|]", text.casefold()):
        words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", piece)
        found.update(tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
    return found


def constants(package: object) -> Iterator[str]:
    """Every string in the code of a package but its docstrings."""
    for path in sorted(Path(package.__path__[0]).glob("*.py")):  # type: ignore[attr-defined]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                yield node.value


JUDGE = {run for text in constants(pipeline.tasks.offline_judge) for run in runs(text)}


def test_no_phrase_of_the_teacher() -> None:
    teacher = {run for text in constants(pipeline.tasks.offline_teacher) for run in runs(text)}
    assert len(teacher) > 500
    assert JUDGE & teacher == set()


def test_no_phrase_of_the_handwritten_traces() -> None:
    traces = {run for trace in TRACES for part in ("thought", "answer") for run in runs(trace[part])}
    assert len(traces) > 2000
    assert JUDGE & traces == set()


def test_the_check_can_fail() -> None:
    assert runs("we don’t know {this} very well indeed") == {
        ("we", "don’t", "know"),
        ("very", "well", "indeed"),
    }
