"""What the track promises of a model, in small: learnt by heart, and the same under llama.cpp."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.engine.rows import Row, read_rows
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session
from pipeline.gpt.tokens import ask
from pipeline.stages import export, sample
from pipeline.tasks.questions import Question, read_questions
from tests.gpt.bpe import train_bpe
from tests.gpt.lesson_rig import run_train, write_questions
from tests.gpt.prepared import ANSWERS, SYSTEM, save_prepared
from tests.training.rig import context_of

PHASES = ("phase3a1_alpha", "phase3a1_beta", "phase3a1_gamma", "phase3a2")
CONFIGS = Path(__file__).parents[2] / "configs" / "prompts"


def sampled(model: Path, questions: Path, out: Path) -> tuple[Row, list[Row]]:
    found = sample.run(context_of(sample.Config(prompts_file=questions), {"model": model}, out))
    return found, list(read_rows(out / "rows.jsonl"))


def same_under_llama_cpp(model: Path, asked: Iterable[tuple[Question, Row]], folder: Path) -> int:
    """How many answers of the exported model are those of `sample`: all, or the test has failed."""
    exported = export.STAGE.run(context_of(export.Config(types=["F16"]), {"model": model}, folder))
    (file,) = exported["files"]
    count = 0
    with Session() as session:
        session.load(folder / file)
        for question, row in asked:
            said = [{"role": "system", "content": question.system}, {"role": "user", "content": question.prompt}]
            prompt = session.render(said)
            assert prompt == ask(question.prompt, question.system)
            stream = session.generate(prompt, Sampling(temperature=0.0, max_tokens=64))
            assert "".join(stream) == row["given"], question.prompt
            assert stream.answer.finish == "stop"
            count += 1
    return count


@pytest.mark.slow
def test_sixteen_episodes_by_heart_and_the_same_answers_under_llama_cpp(tmp_path: Path) -> None:
    tokenizer = train_bpe([*ANSWERS, *ANSWERS.values(), SYSTEM])
    data = save_prepared(tmp_path / "data", tokenizer=tokenizer)
    questions = write_questions(tmp_path / "prompts.json")
    summary = run_train(
        tmp_path / "model", {"data": data}, eval_prompts_file=questions, n_layer=2, n_embd=64, n_head=4, dropout=0.0,
        max_iters=150, eval_interval=150, batch_size=16, gradient_accumulation=1, save_every=1000, warmup_iters=10,
    )  # fmt: skip
    assert summary["evaluation"]["prompts_exact"] == 1.0
    found, rows = sampled(tmp_path / "model", questions, tmp_path / "samples")
    assert (found["exact"], found["expected"], found["cached_equals_uncached"]) == (16, 16, True)
    pairs = zip(read_questions(questions), rows, strict=True)
    assert same_under_llama_cpp(tmp_path / "model", pairs, tmp_path / "gguf") == 16


@pytest.mark.slow
def test_every_evaluation_prompt_of_the_four_phases_is_answered_the_same_under_llama_cpp(tmp_path: Path) -> None:
    """Of a model that knows them by heart, so that a difference would be one of the file and no near tie."""
    files = [CONFIGS / f"{phase}.json" for phase in PHASES]
    answers = {one.prompt: one.expected for file in files for one in read_questions(file)}
    (system,) = {one.system for file in files for one in read_questions(file)}
    tokenizer = train_bpe([*answers, *answers.values(), system], 512)
    data = save_prepared(tmp_path / "data", answers, system=system, tokenizer=tokenizer)
    run_train(
        tmp_path / "model", {"data": data}, n_layer=2, n_embd=64, n_head=4, dropout=0.0, max_iters=150,
        eval_interval=0, batch_size=16, gradient_accumulation=1, save_every=1000, warmup_iters=10, learning_rate=1e-2,
    )  # fmt: skip
    asked: list[tuple[Question, Row]] = []
    for file in files:
        found, rows = sampled(tmp_path / "model", file, tmp_path / file.stem)
        assert found["cached_equals_uncached"] and found["exact"] == found["expected"] == len(rows)
        asked += zip(read_questions(file), rows, strict=True)
    assert same_under_llama_cpp(tmp_path / "model", asked, tmp_path / "gguf") == len(asked) == 71
