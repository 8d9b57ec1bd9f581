"""The evaluation prompts that come with the program say what the curriculum teaches."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from pipeline.tasks.echo.prefixes import ANTI_ECHO, ECHO, HELD_OUT, OBEYED, QUESTIONS, UNKNOWN
from pipeline.tasks.episode import LANGUAGES, SYSTEM
from pipeline.tasks.format_lock.generate import format_lock
from pipeline.tasks.questions import Question, read_questions

FOLDER = Path(__file__).parents[2] / "configs" / "prompts"
PHASES = ("phase3a1_alpha", "phase3a1_beta", "phase3a1_gamma", "phase3a2")


@cache
def questions(phase: str) -> tuple[Question, ...]:
    return tuple(read_questions(FOLDER / f"{phase}.json"))


@cache
def learnt() -> dict[str, str]:
    return {pair.prompt: pair.answer for pair in format_lock("full", "include", None, Random(0))}


def taught(prompt: str) -> str:
    """The answer that the generators give; empty where none does."""
    if prompt in learnt():
        return learnt()[prompt]
    for language in LANGUAGES:
        for forms, answer in ((ECHO, "{}"), (ANTI_ECHO, OBEYED[language]), (QUESTIONS, UNKNOWN[language])):
            for form in forms[language]:
                start, end = form.split("{}")
                if prompt.startswith(start) and prompt.endswith(end):
                    return answer.format(prompt[len(start) : len(prompt) - len(end)])
    return ""


@pytest.mark.parametrize("phase", PHASES)
def test_every_expected_output_is_what_is_taught(phase: str) -> None:
    asked = questions(phase)
    assert len(asked) > 10 and {question.system for question in asked} == {SYSTEM}
    assert {question.prompt: question.expected for question in asked} == {
        question.prompt: taught(question.prompt) for question in asked
    }


def test_a_phase_asks_for_what_the_phases_before_taught() -> None:
    for earlier, later in pairwise(PHASES):
        assert {question.prompt for question in questions(earlier)} & {question.prompt for question in questions(later)}


def test_the_seeds_own_prompts_are_among_them() -> None:
    found = {question.prompt: question.expected for phase in PHASES for question in questions(phase)}
    seeds = {
        "Say hello.": "hello.", "Say Hello.": "Hello.", "Sag Hallo.": "Hallo.", "Repeat: Hello world": "Hello world",
        "Echo: Testing 123": "Testing 123", "Say: Blurpix": "Blurpix", "Repeat: Zanthor quexling": "Zanthor quexling",
    }  # fmt: skip
    assert {prompt: found[prompt] for prompt in seeds} == seeds


def test_no_prompt_uses_a_template_that_is_held_out() -> None:
    held = [form.removesuffix("{}") for forms in HELD_OUT.values() for form in forms]
    asked = [question.prompt for phase in PHASES for question in questions(phase)]
    assert not [prompt for prompt in asked if prompt.startswith(tuple(held))]


def test_chat_is_asked_openly() -> None:
    assert {question.expected for question in questions("chat_sft")} == {""}
