"""What the track promises of a model, in small: learnt by heart, and the same under llama.cpp."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.rows import read_rows
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session
from pipeline.gpt.tokens import ask
from pipeline.stages import export, sample
from tests.gpt.bpe import train_bpe
from tests.gpt.lesson_rig import run_train, write_questions
from tests.gpt.prepared import ANSWERS, SYSTEM, save_prepared
from tests.training.rig import context_of


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
    asked = sample.Config(prompts_file=questions)
    found = sample.run(context_of(asked, {"model": tmp_path / "model"}, tmp_path / "samples"))
    assert (found["exact"], found["expected"], found["cached_equals_uncached"]) == (16, 16, True)

    exported = export.STAGE.run(
        context_of(export.Config(types=["F16"]), {"model": tmp_path / "model"}, tmp_path / "gguf")
    )
    (file,) = exported["files"]
    with Session() as session:
        session.load(tmp_path / "gguf" / file)
        for row in read_rows(tmp_path / "samples" / "rows.jsonl"):
            said = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row["prompt"]}]
            prompt = session.render(said)
            assert prompt == ask(row["prompt"], SYSTEM)
            stream = session.generate(prompt, Sampling(temperature=0.0, max_tokens=64))
            assert "".join(stream) == row["given"]
            assert stream.answer.finish == "stop"
