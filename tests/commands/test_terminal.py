from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.terminal import MOST_ANSWERS, Follower, show_summary
from pipeline.engine.events import Event
from pipeline.engine.view import RunView

SHARE = {"mean": 0.5, "low": 0.1, "high": 0.9, "n": 2}


def test_an_answer_to_one_prompt_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    show_summary({"answers": {"prompt": "hello.\x1b[31m"}, "expected": 0}, Path())
    assert capsys.readouterr().out == "hello.␛[31m\n"


def test_of_many_answers_the_count_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    many = {str(number): "said" for number in range(MOST_ANSWERS + 1)}
    show_summary({"answers": many, "exact": 1, "expected": 2, "share": SHARE}, Path())
    assert capsys.readouterr().out == "Exact: 1 of 2, 0.500 [0.100, 0.900]\n"
    show_summary({"answers": {"a": "yes", "b": "no"}, "expected": 0}, Path())
    assert "yes" in capsys.readouterr().out


def test_what_a_step_says_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for step, text in (("train", "Using loss masking.\x1b[31m"), ("", "2 steps: prepare, train")):
        Follower().show(Event(1, 0.0, 1, step, "log", {"text": text}), RunView())
    assert capsys.readouterr().out == "train: Using loss masking.␛[31m\n"
