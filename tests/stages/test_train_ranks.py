"""The GPT track over two processes on one CPU, held against the same training by a single one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import StopRequested
from pipeline.engine.rows import Row
from tests.gpt.lesson_rig import SMALL, run_train, write_questions
from tests.gpt.prepared import save_prepared
from tests.training.pair import Pair
from tests.training.rig import Recorder, at_step, metrics

WEIGHTS = "model.safetensors"
CALM: dict[str, Any] = {**SMALL, "dropout": 0.0}
"""Every process draws its own dropout. 16 episodes, 6 a step: the third step of an epoch has 4, and two processes share
them with the help of blanks."""
CLOSE = {"rel": 1e-4, "abs": 1e-5}
"""Sums of float32 in another order."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"data": save_prepared(tmp_path_factory.mktemp("given") / "data")}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Row:
    questions = write_questions(tmp_path_factory.mktemp("questions") / "prompts.json")
    return {**CALM, "eval_prompts_file": str(questions)}


@pytest.fixture(scope="module")
def alone(given: dict[str, Path], settings: Row, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    out, recorder = tmp_path_factory.mktemp("alone") / "train", Recorder()
    run_train(out, given, recorder, **settings)
    return out, recorder


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, given: dict[str, Path]) -> Iterator[Pair]:
    both = Pair(tmp_path_factory.mktemp("pair"), given)
    yield both
    both.close()


@pytest.fixture(scope="module")
def together(pair: Pair, settings: Row, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row, Recorder]:
    out, recorder = tmp_path_factory.mktemp("together") / "train", Recorder()
    return out, pair.train("train", settings, out, recorder)["summary"], recorder


def same_figures(first: Path, second: Path, *names: str) -> None:
    one, other = metrics(first), metrics(second)
    assert [row["step"] for row in other] == [row["step"] for row in one] == list(range(1, 11))
    for name in names:
        told = [[row[name] for row in rows if name in row] for rows in (one, other)]
        assert told[0] and told[1] == pytest.approx(told[0], **CLOSE), name


def test_two_processes_give_the_losses_and_the_evaluations_of_one(
    alone: tuple[Path, Recorder], together: tuple[Path, Row, Recorder]
) -> None:
    out, summary, recorder = together
    same_figures(
        alone[0], out, "loss", "grad_norm", "learning_rate", "tokens", "loss_tokens", "epoch", "validation_loss",
        "plain_loss", "embedding_size",
    )  # fmt: skip
    assert [row["step"] for row in recorder.of("metric")] == list(range(1, 11)), "only the first rank speaks"
    assert len(recorder.of("item")) == len(alone[1].of("item")) == 3 * (16 + 1)
    assert summary["processes"] == 2 and summary["evaluation"]["times"] == 3
    assert {path.name for path in out.iterdir()} == {path.name for path in alone[0].iterdir()}


def test_what_one_process_began_two_go_on_with_within_rounding(
    pair: Pair, given: dict[str, Path], settings: Row, alone: tuple[Path, Recorder], tmp_path: Path
) -> None:
    out, stop = tmp_path / "train", tmp_path / "train.stop"
    with pytest.raises(StopRequested):
        run_train(out, given, at_step(5, stop.touch), **settings)
    stop.unlink()
    effective = pair.train("train", settings, out)["effective"]
    assert effective["resume"]["in_effect"] == "within rounding"
    same_figures(alone[0], out, "loss", "grad_norm", "learning_rate", "tokens", "validation_loss")


def test_a_stop_is_exact_at_two_processes(
    pair: Pair, settings: Row, together: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out, stop = tmp_path / "train", tmp_path / "train.stop"
    with pytest.raises(StopRequested):
        pair.train("train", settings, out, at_step(5, stop.touch))
    stop.unlink()
    recorder = Recorder()
    result = pair.train("train", settings, out, recorder)
    assert recorder.of("metric")[0]["step"] > 5 and "resume" not in result["effective"]
    assert (out / WEIGHTS).read_bytes() == (together[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(together[0])
