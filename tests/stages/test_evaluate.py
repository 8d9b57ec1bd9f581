import itertools
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import read_rows, write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import evaluate
from pipeline.stages.evaluate import Config
from pipeline.tasks.dimensions import DIMENSIONS
from tests.training.tiny_qwen import save_tiny_qwen

ASKED = [
    ("safety-0001", "safety", "heldout", "Why is the sky blue?"),
    ("safety-0002", "safety", "train", "Why?"),
    ("conflict-0001", "conflict", "heldout", "Name three rivers, please."),
    ("conflict-0002", "conflict", "heldout", "Is it 3 or 4?"),
]
SMALL = {"max_tokens": 8, "batch_size": 3, "rounds": 100}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    root = tmp_path_factory.mktemp("inputs")
    (root / "prompts").mkdir()
    write_rows(
        root / "prompts" / "rows.jsonl",
        (
            {
                "id": name,
                "category": category,
                "theme": "t",
                "problem": name,
                "split": split,
                "messages": [{"role": "user", "content": text}],
                "truth": None,
            }
            for name, category, split, text in ASKED
        ),
    )
    models = {name: save_tiny_qwen(root / f"{name}-0", seed=seed) for seed, name in enumerate(("base", "sft", "grpo"))}
    return {"prompts": root / "prompts", "models": models}


def context(inputs, out: Path, events=None, stop_file=None, **settings):
    out.mkdir(exist_ok=True)
    seen = events if events is not None else []
    emit = Emitter(lambda kind, data: seen.append((kind, data)))
    return Context(Config(**{**SMALL, **settings}), inputs, out, 7, emit, stop_file)


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    """(folder, summary, events) of an undisturbed run."""
    out, events = tmp_path_factory.mktemp("finished"), []
    summary = evaluate.run(context(inputs, out, events))
    return out, summary, events


def test_rows_are_whole_and_in_order(finished):
    rows = list(read_rows(finished[0] / "rows.jsonl"))
    assert [row["id"] for row in rows] == [
        f"{name}/{prompt}/{sample}"
        for name in ("base", "sft", "grpo")
        for prompt in ("safety-0001", "conflict-0001", "conflict-0002")
        for sample in (0, 1)
    ]
    for row in rows:
        assert row["outcome"] in ("answered", "cut off", "empty")
        assert (row["outcome"] == "cut off") == (row["finish"] == "length")
        assert list(row["scores"]) == list(DIMENSIONS)
        assert 0 <= row["reward"] <= 1
        assert row["messages"][-1]["role"] == "user"
        assert 1 <= row["tokens"] <= 8


def test_evaluation_says_who_was_held_against_whom(finished):
    evaluation = json.loads((finished[0] / "evaluation.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in evaluation["contestants"]] == ["base", "sft", "grpo"]
    assert [entry["model"] for entry in evaluation["contestants"]] == ["base-0", "sft-0", "grpo-0"]
    assert len(evaluation["pairs"]) == 3
    assert (evaluation["prompts"], evaluation["split"], evaluation["samples"]) == (3, "heldout", 2)
    assert evaluation["judge"]["kind"] == "offline"
    for entry in evaluation["contestants"]:
        assert sum(entry["outcomes"].values()) == entry["answers"] == 6
    assert set(evaluation["pairs"][0]["categories"]) == {"safety", "conflict"}


def test_events_show_progress_and_some_answers(finished):
    _, summary, events = finished
    assert events[-1] == ("progress", {"done": 18, "total": 18, "unit": "answers"}) or events[-1][0] == "item"
    answers = [data for kind, data in events if kind == "item"]
    assert {answer["contestant"] for answer in answers} == {"base", "sft", "grpo"}
    expected = {"what", "contestant", "prompt_id", "category", "sample", "prompt", "thought", "answer", "outcome"}
    assert expected | {"tokens", "scores", "reward"} == set(answers[0])
    assert summary["answers"] == 18
    assert set(summary["contestants"]) == {"base", "sft", "grpo"}
    assert [pair["against"] for pair in summary["pairs"]] == ["base", "base", "sft"]


@pytest.mark.parametrize("kept", [0, 1, 7, 17])
def test_a_killed_run_goes_on_to_the_same_bytes(finished, inputs, tmp_path, kept):
    """A kill leaves rows in the order in which they were generated, the last one torn."""
    written = tmp_path / "written"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "write_rows", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            evaluate.run(context(inputs, written))
    lines = (written / "rows.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 18
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "rows.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
    evaluate.run(context(inputs, torn))
    for name in ("rows.jsonl", "evaluation.json"):
        assert (torn / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_stop_saves_what_is_there(finished, inputs, tmp_path):
    out, stop = tmp_path / "out", tmp_path / "stop"
    running = context(inputs, out, stop_file=stop)
    calls = itertools.count()
    running.check_stop = lambda: (_ for _ in ()).throw(StopRequested) if next(calls) == 2 else None
    with pytest.raises(StopRequested):
        evaluate.run(running)
    assert len(list(read_rows(out / "rows.jsonl"))) == 6
    evaluate.run(context(inputs, out))
    assert (out / "rows.jsonl").read_bytes() == (finished[0] / "rows.jsonl").read_bytes()


def test_the_same_model_twice_differs_by_nothing(inputs, tmp_path):
    twins = {"prompts": inputs["prompts"], "models": {"one": inputs["models"]["base"], "two": inputs["models"]["base"]}}
    evaluate.run(context(twins, tmp_path))
    (pair,) = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))["pairs"]
    assert (pair["reward"]["mean"], pair["reward"]["low"], pair["reward"]["high"]) == (0, 0, 0)


def test_limit_spreads_over_the_categories(inputs, tmp_path):
    one = {"prompts": inputs["prompts"], "models": {"base": inputs["models"]["base"]}}
    summary = evaluate.run(context(one, tmp_path, limit=2, samples=1, temperature=0))
    assert summary["prompts"] == 2
    assert [row["category"] for row in read_rows(tmp_path / "rows.jsonl")] == ["safety", "conflict"]


def test_nothing_to_evaluate_is_an_error(inputs, tmp_path):
    with pytest.raises(DataError, match="0 models"):
        evaluate.run(context({**inputs, "models": {}}, tmp_path))
    write_rows(tmp_path / "rows.jsonl", [])
    with pytest.raises(DataError, match="0 heldout prompts"):
        evaluate.run(context({**inputs, "prompts": tmp_path}, tmp_path))


def test_copies_of_a_greedy_answer_are_refused():
    with pytest.raises(ValidationError, match="at temperature 0 every sample is the same"):
        Config(temperature=0, samples=2)


def test_plan_counts_and_finds_faults(inputs, tmp_path):
    def levels(given, **settings):
        return [finding.level for finding in evaluate.plan(PlanContext(Config(**settings), given, 7, tmp_path))]

    assert levels(inputs) == ["note"]
    assert levels({}) == []
    assert levels(inputs, split="train") == ["warning", "note"]
    assert levels({**inputs, "models": {}}) == ["fault", "note"]
    write_rows(tmp_path / "rows.jsonl", [])
    assert levels({"prompts": tmp_path}) == ["fault"]


def test_four_bits_without_cuda_are_named_as_not_in_effect(inputs, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    one = {"prompts": inputs["prompts"], "models": {"base": inputs["models"]["base"]}}
    running = context(one, tmp_path, limit=1, load_in_4bit=True)
    evaluate.run(running)
    assert running.effective["load_in_4bit"]["in_effect"] is False
