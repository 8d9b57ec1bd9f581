from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError, DataError, StageFailed
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.gpt import model as gpt
from pipeline.gpt.template import ends, load_tokenizer
from pipeline.gpt.tokens import save_tokenizer
from pipeline.stages import sample
from tests.gpt.lesson_rig import write_questions
from tests.gpt.tokenizer import tiny_tokenizer
from tests.training.rig import Recorder, context_of

PROMPT = "<myPT_user>Say hello.</myPT_user><myPT_assistant>"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_tokenizer(tiny_tokenizer(), folder, 128)
    fresh = gpt.build(gpt.Shape(2, 2, 32, 128, 320, tie_weights=False), 3)
    fresh.lm_head.weight.data *= 20  # so that its answers differ from prompt to prompt
    ends(fresh, load_tokenizer(folder))
    fresh.save_pretrained(folder)
    return folder


def run(model: Path, out: Path, **settings: Any) -> Row:
    return sample.run(context_of(sample.Config(**settings), {"model": model}, out))


def test_greedy_is_greedy_whatever_the_seed_and_the_cache_changes_nothing(model: Path, tmp_path: Path) -> None:
    first = run(model, tmp_path / "a", prompt=PROMPT, max_new_tokens=12)
    assert first["cached_equals_uncached"] is True
    run(model, tmp_path / "b", prompt=PROMPT, max_new_tokens=12, seed=1, check_cache=False)
    one, other = (list(read_rows(tmp_path / name / "rows.jsonl")) for name in ("a", "b"))
    assert one == other and one[0]["tokens"] == 12


def test_above_0_the_seed_decides(model: Path, tmp_path: Path) -> None:
    texts = []
    for place, seed in enumerate((1, 1, 2)):
        run(model, tmp_path / str(place), prompt=PROMPT, temperature=1.5, seed=seed, max_new_tokens=12)
        texts.append(next(iter(read_rows(tmp_path / str(place) / "rows.jsonl")))["raw"])
    assert texts[0] == texts[1] != texts[2]


def test_a_batch_answers_as_each_prompt_alone(model: Path, tmp_path: Path) -> None:
    """Prompts of other lengths are padded in front, and positions do not count the padding."""
    questions = write_questions(tmp_path / "prompts.json", {"a": "x", "a much longer prompt": "y"})
    whole = run(model, tmp_path / "whole", prompts_file=questions, max_new_tokens=12)
    alone = write_questions(tmp_path / "alone.json", {"a": "x"})
    assert (
        run(model, tmp_path / "alone", prompts_file=alone, max_new_tokens=12)["answers"]["0"] == whole["answers"]["0"]
    )
    assert (whole["prompts"], whole["expected"], whole["exact"]) == (2, 2, 0)


def test_a_prompt_that_leaves_little_room_is_read_whole_and_its_answer_is_shorter(model: Path, tmp_path: Path) -> None:
    long = "a" * 100  # a token each, of 128 positions; tags, system prompt and end are 15 more
    questions = write_questions(tmp_path / "prompts.json", {"a": "x", long: "y", "b": "z"})
    recorder = Recorder()
    config = sample.Config(prompts_file=questions, max_new_tokens=64)
    sample.run(context_of(config, {"model": model}, tmp_path / "most", recorder))
    run(model, tmp_path / "few", prompts_file=questions, max_new_tokens=5)
    most, few = (list(read_rows(tmp_path / name / "rows.jsonl")) for name in ("most", "few"))
    assert [row["raw"].startswith(other["raw"]) for row, other in zip(most, few, strict=True)] == [True] * 3
    assert [row["tokens"] for row in few] == [5] * 3
    assert most[0]["tokens"] == most[2]["tokens"] == 64 > most[1]["tokens"] > 5
    assert not recorder.of("alert")
    far = write_questions(tmp_path / "far.json", {long * 2: "y"})
    sample.run(
        context_of(config.model_copy(update={"prompts_file": far}), {"model": model}, tmp_path / "far", recorder)
    )
    assert recorder.of("alert")[0]["text"].startswith("1 prompts leave the model no position for an answer")


def test_another_answer_without_the_cache_is_an_error(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "complete", lambda *_, cached, **__: [[1 if cached else 2]])
    with pytest.raises(StageFailed, match="with and without the key-value cache"):
        run(model, tmp_path / "a", prompt=PROMPT)


def test_a_model_without_tags_is_refused(tmp_path: Path) -> None:
    save_tokenizer(tiny_tokenizer(tags=()), tmp_path / "model", 128)
    with pytest.raises(DataError, match="knows no <myPT_system>"):
        run(tmp_path / "model", tmp_path / "out", prompt=PROMPT)


def test_one_of_prompt_and_file_is_needed(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="either prompt or prompts_file"):
        sample.Config(prompt="a", prompts_file=Path("b.json"))
    with pytest.raises(ConfigError, match="not one source of prompts"):
        run(model, tmp_path / "a")


def test_episodes_are_asked_up_to_their_last_answer_and_counted_by_topic(model: Path, tmp_path: Path) -> None:
    said = run(model, tmp_path / "a", prompt=PROMPT, max_new_tokens=12)["answers"]["prompt"]
    turns = [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": said}]
    other = [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "never this"}]
    rows = [
        {"id": "1", "messages": turns, "topic": "greeting"},
        {"id": "2", "messages": other, "topic": "greeting"},
        {"id": "3", "messages": turns, "topic": "other"},
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    config = sample.Config(max_new_tokens=12, least=0.2)
    found = sample.run(context_of(config, {"model": model, "rows": tmp_path}, tmp_path / "out"))
    assert found["topics"] == {"greeting": {"exact": 1, "of": 2}, "other": {"exact": 1, "of": 1}}
    assert (found["exact"], found["expected"]) == (2, 3)
    assert found["verdict"]["criteria"][0]["why"].startswith("66.7% of 3 are")
    assert found["verdict"]["met"]
