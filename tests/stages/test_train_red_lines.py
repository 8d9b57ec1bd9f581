"""The red lines of the GPT track on real trainings in small: healthy ones cross none, each sabotaged one its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import Row
from pipeline.gpt.tokens import TAGS, save_tokenizer
from tests.gpt.lesson_rig import run_train, write_questions
from tests.gpt.prepared import ANSWERS, save_prepared
from tests.gpt.tokenizer import tiny_tokenizer
from tests.training.rig import Recorder

pytestmark = pytest.mark.slow
EVERY = 50
LESSON: dict[str, Any] = {
    "n_layer": 2, "n_embd": 64, "max_iters": 350, "eval_interval": EVERY, "batch_size": 16, "gradient_accumulation": 1,
    "warmup_iters": 10, "dropout": 0.0, "save_every": 1000, "red_lines": "tell",
}  # fmt: skip
"""350 steps, since simple tasks count as late from step 300 on."""


def verdicts(out: Path, data: Path, questions: Path, model: Path | None = None, **settings: Any) -> list[Row]:
    """What each evaluation of a training says."""
    recorder = Recorder()
    inputs = {"data": data, **({"model": model} if model else {})}
    run_train(out, inputs, recorder, **{**LESSON, **settings}, eval_prompts_file=questions)
    return [row for row in recorder.of("item") if row["what"] == "red_lines"]


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions") / "prompts.json")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_prepared(tmp_path_factory.mktemp("good") / "data")


@pytest.fixture(scope="module")
def healthy(good: Path, questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Row]]]:
    out = tmp_path_factory.mktemp("healthy")
    yield out / "1", [row for seed in (1, 2) for row in verdicts(out / str(seed), good, questions, seed=seed)]


def caught(found: list[Row], line: str, since: int) -> None:
    """By its name alone, and sure at the second evaluation from step `since` on."""
    told = [(row["step"], row["verdict"], row["line"]) for row in found]
    before = [row for row in told if row[0] < since]
    assert before == [(row[0], "go on", "") for row in before]
    assert told[len(before) : len(before) + 2] == [(since, "watch", line), (since + EVERY, "stop", line)]


def test_healthy_trainings_of_two_seeds_cross_none(healthy: tuple[Path, list[Row]]) -> None:
    assert [row["verdict"] for row in healthy[1]] == ["go on"] * 14


def test_answers_that_do_not_belong_to_their_prompts(questions: Path, tmp_path: Path) -> None:
    turned = [*list(ANSWERS.values())[5:], *list(ANSWERS.values())[:5]]
    data = save_prepared(tmp_path / "data", dict(zip(ANSWERS, turned, strict=True)))
    caught(verdicts(tmp_path / "model", data, questions), "random_garbage", 300)


def test_a_learning_rate_that_teaches_nothing(good: Path, questions: Path, tmp_path: Path) -> None:
    caught(verdicts(tmp_path / "model", good, questions, learning_rate=1e-7, max_iters=100), "stuck_loss", 50)


def test_tags_with_other_ids(questions: Path, tmp_path: Path) -> None:
    data = save_prepared(tmp_path / "data", tokenizer=tiny_tokenizer(tags=(*TAGS[1:], TAGS[0])))
    save_tokenizer(tiny_tokenizer(), data, 256)
    caught(verdicts(tmp_path / "model", data, questions, max_iters=100), "broken_tags", 50)


def test_one_answer_to_everything(questions: Path, tmp_path: Path) -> None:
    data = save_prepared(tmp_path / "data", dict.fromkeys(ANSWERS, "yes."))
    caught(verdicts(tmp_path / "model", data, questions, max_iters=100), "mode_collapse", 50)


def test_noise_on_the_embedding(good: Path, questions: Path, healthy: tuple[Path, list[Row]], tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    model = shutil.copytree(healthy[0], tmp_path / "noisy")
    weights = load_file(model / "model.safetensors")
    noise = torch.randn(weights["transformer.wte.weight"].shape, generator=torch.Generator().manual_seed(1))
    weights["transformer.wte.weight"] += 0.5 * noise
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    settings: dict[str, Any] = {"learning_rate": 5e-4, "max_iters": 100}
    caught(verdicts(tmp_path / "model", good, questions, model, **settings), "corrupted_embeddings", 50)
