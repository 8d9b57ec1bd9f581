from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError, DataError, StopRequested
from pipeline.engine.rows import Row, read_json, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.scoring.distilled import Distilled, digest_of
from pipeline.stages import distill, grpo
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.training.distill import load_frozen
from tests.training.rig import Recorder, context_of, prompt
from tests.training.tiny_qwen import save_tiny_qwen

WORDS = ["the", "a", "of", "and", "to", "in", "is", "it"]
SMALL: dict[str, Any] = {"load_in_4bit": False, "batch_size": 16}


def scored(number: int, split: str) -> Row:
    """Helpfulness is the share of one word in the answer, honest engagement pure chance; harm avoidance applies only to
    every third prompt, which says so."""
    random = Random(number)
    answer = [random.choice(WORDS) for _ in range(12)]
    risky = number // 2 % 3 == 0
    scores: dict[str, float | None] = dict.fromkeys(DIMENSIONS)
    scores |= {
        "helpfulness": answer.count("the") / 12 + 0.3,
        "honest_engagement": random.random(),
        "harm_avoidance": answer.count("it") / 12 if risky else None,
    }
    return {
        "id": f"p{number // 2}/{number % 2}",
        "prompt_id": f"p{number // 2}",
        "split": split,
        "messages": [{"role": "user", "content": "Why is the sky blue?" if risky else f"Name {number // 2} rivers."}],
        "thought": "",
        "answer": " ".join(answer),
        "scores": scores,
        "judge": {"model": "a judge"},
    }


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("given")
    rows = [scored(number, "train" if number < 400 else "heldout") for number in range(520)]
    write_rows(folder / "scores" / "rows.jsonl", rows)
    return {"model": save_tiny_qwen(folder / "model"), "scores": folder / "scores"}


@pytest.fixture(scope="module")
def made(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row, Recorder]:
    out, recorder = tmp_path_factory.mktemp("made") / "scorer", Recorder()
    return out, distill.run(context_of(distill.Config(**SMALL), given, out, recorder)), recorder


def test_what_it_learnt_is_measured_on_prompts_it_has_not_seen(made: tuple[Path, Row, Recorder]) -> None:
    out, summary, recorder = made
    found = summary["dimensions"]
    assert summary["traces"] == {"train": 400, "heldout": 120} and summary["prompts"] == {"train": 200, "heldout": 60}
    assert found["helpfulness"]["count"] == 120 and found["harm_avoidance"]["count"] == 40
    assert min(found["helpfulness"]["pearson"], found["helpfulness"]["spearman"]) > 0.5
    assert found["helpfulness"]["correlation"] == min(found["helpfulness"]["pearson"], found["helpfulness"]["spearman"])
    assert abs(found["honest_engagement"]["correlation"]) < 0.5
    assert found["harm_avoidance"]["applies"] > 0.95 and found["conflict_resolution"]["applies"] == 1.0
    assert found["conflict_resolution"]["correlation"] is found["conflict_resolution"]["penalty"] is None
    assert "helpfulness" in summary["usable"] and "honest_engagement" in summary["weak"]
    assert {*summary["usable"], *summary["weak"]} == set(DIMENSIONS)
    (alert,) = [row for row in recorder.of("alert") if "not to be used" in row["text"]]
    assert "honest engagement" in alert["text"] and alert["correlations"].keys() == set(summary["weak"])
    assert sorted(path.name for path in out.iterdir()) == ["scorer.json", "scorer.safetensors"]


def test_a_resumed_step_reads_nothing_twice_and_comes_to_the_same(
    given: dict[str, Path], made: tuple[Path, Row, Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scorer"
    stop = tmp_path / "scorer.stop"
    batches: list[int] = []
    whole = distill.features

    def counted(model: Any, texts: Any) -> Any:
        batches.append(len(texts))
        if len(batches) == 5:
            stop.touch()
        return whole(model, texts)

    monkeypatch.setattr(distill, "features", counted)
    with pytest.raises(StopRequested):
        distill.run(context_of(distill.Config(**SMALL), given, out))
    stop.unlink()
    assert distill.run(context_of(distill.Config(**SMALL), given, out)) == made[1]
    assert len(batches) == 33
    for name in ("scorer.json", "scorer.safetensors"):
        assert (out / name).read_bytes() == (made[0] / name).read_bytes()


def test_weak_dimensions_are_used_where_a_person_says_so(given: dict[str, Path], tmp_path: Path) -> None:
    recorder = Recorder()
    config = distill.Config(**SMALL, allow_weak=("honest_engagement",), most=200)
    summary = distill.run(context_of(config, given, tmp_path / "scorer", recorder))
    assert "honest_engagement" in summary["usable"] and summary["left_out"] == {"beyond_most": 320}
    assert any("Used though weak" in row["text"] for row in recorder.of("alert"))
    with pytest.raises(ValidationError, match="no dimension `helpfullness`; did you mean `helpfulness`"):
        distill.Config(allow_weak=("helpfullness",))


def test_what_cannot_be_read_is_left_out_and_counted(given: dict[str, Path], tmp_path: Path) -> None:
    rows = [scored(0, "heldout"), scored(1, "heldout") | {"answer": "the " * 600}]
    rows += [scored(2, "train") | {"answer": "<think>"}]
    write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError, match="no trace to learn from") as error:
        distill.run(context_of(distill.Config(**SMALL), {**given, "scores": tmp_path}, tmp_path / "scorer"))
    assert "'too_long': 1" in error.value.why and "'control_tokens': 1" in error.value.why
    config = distill.Config()
    (note,) = distill.plan(PlanContext(config, given, 7, tmp_path))
    assert note.text == "400 judged traces to learn from, 120 to measure it on."
    write_rows(tmp_path / "rows.jsonl", [scored(0, "train")])
    assert distill.plan(PlanContext(config, {"scores": tmp_path}, 7, tmp_path))[1].level == "warning"


def scorer_of(given: dict[str, Path], made: tuple[Path, Row, Recorder], **settings: Any) -> tuple[Distilled, Recorder]:
    config = grpo.Config.model_validate({"scorers": {"distilled": 1.0}, "load_in_4bit": False, **settings})
    recorder = Recorder()
    inputs = {"model": given["model"], "scorer": made[0]}
    return Distilled.open(context_of(config, inputs, made[0].parent / "grpo", recorder)), recorder


def test_as_a_scorer_it_says_of_a_completion_what_it_says_of_the_trace(
    given: dict[str, Path], made: tuple[Path, Row, Recorder]
) -> None:
    scorer, _ = scorer_of(given, made, batch_size=8)
    scorer.meet(load_frozen(given["model"], False), None)
    rows = [scored(number, "heldout") for number in range(400, 520)]
    marks = scorer(rows, [row["answer"] for row in rows])
    truth = [row["scores"]["helpfulness"] for row in rows]
    said = [mark["helpfulness"] for mark in marks]
    assert np.corrcoef(said, truth)[0, 1] == pytest.approx(made[1]["dimensions"]["helpfulness"]["pearson"], abs=1e-3)
    assert all(mark.keys() == set(made[1]["usable"]) for mark in marks), "of the weak ones it has no opinion"
    applies = [row["scores"]["harm_avoidance"] is not None for row in rows]
    assert [mark["harm_avoidance"] is not None for mark in marks] == applies


def test_it_marks_only_the_model_that_it_was_made_on(
    given: dict[str, Path], made: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    other = save_tiny_qwen(tmp_path / "other", seed=1)
    assert read_json(made[0] / "scorer.json")["model"] == digest_of(given["model"]) != digest_of(other)
    with pytest.raises(ConfigError, match="made on another model"):
        scorer_of({"model": other}, made)
    config = grpo.Config.model_validate({"scorers": {"distilled": 1.0}})
    inputs = {"model": other, "scorer": made[0]}
    assert "fault" in {found.level for found in grpo.plan(PlanContext(config, inputs, 7, tmp_path))}
    inputs = {"model": given["model"], "scorer": made[0]}
    assert "fault" not in {found.level for found in grpo.plan(PlanContext(config, inputs, 7, tmp_path))}


def test_it_must_be_of_use_for_a_dimension_that_counts(
    given: dict[str, Path], made: tuple[Path, Row, Recorder]
) -> None:
    weights = dict.fromkeys(DIMENSIONS, 0.0) | {"honest_engagement": 1.0}
    with pytest.raises(ConfigError, match="can mark no dimension that has a weight"):
        scorer_of(given, made, weights=weights)


def test_it_needs_the_model_whole(given: dict[str, Path], made: tuple[Path, Row, Recorder], tmp_path: Path) -> None:
    (tmp_path / "fsdp.yaml").write_text("distributed_type: FSDP\n", "utf-8")
    with pytest.raises(ConfigError, match="cannot mark a training that goes by an accelerate config file"):
        scorer_of(given, made, accelerate_config=tmp_path / "fsdp.yaml")
    config = grpo.Config.model_validate({"scorers": {"distilled": 1}, "accelerate_config": tmp_path / "fsdp.yaml"})
    inputs = {"model": given["model"], "scorer": made[0]}
    faults = [found.text for found in grpo.plan(PlanContext(config, inputs, 7, tmp_path)) if found.level == "fault"]
    assert any("leave each device a part" in text for text in faults)


def test_without_a_scorer_it_is_a_fault_before_the_run(given: dict[str, Path], tmp_path: Path) -> None:
    config = grpo.Config.model_validate({"scorers": {"distilled": 1.0}})
    (fault,) = [found for found in grpo.plan(PlanContext(config, {}, 7, tmp_path)) if found.level == "fault"]
    assert "no scorer was given" in fault.text
    expected = {"scorer": {}}
    assert not [
        found for found in grpo.plan(PlanContext(config, {}, 7, tmp_path, {}, expected)) if found.level == "fault"
    ]
    with pytest.raises(ConfigError, match="no scorer was given"):
        Distilled.open(context_of(config, {"model": given["model"]}, tmp_path / "grpo"))


def test_a_training_against_it_holds_no_second_model(
    given: dict[str, Path], made: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    write_rows(tmp_path / "prompts" / "rows.jsonl", [prompt(number, truth=None) for number in range(4)])
    config = grpo.Config.model_validate(
        {
            "backend": "standard", "load_in_4bit": False, "scorers": {"distilled": 1.0}, "batch_size": 8,
            "gradient_accumulation": 1, "max_completion_length": 12, "epochs": 2, "max_steps": 3, "learning_rate": 1e-2,
        }
    )  # fmt: skip
    inputs = {"model": given["model"], "prompts": tmp_path / "prompts", "scorer": made[0]}
    recorder = Recorder()
    summary = grpo.run(context_of(config, inputs, tmp_path / "grpo", recorder))
    assert (summary["steps"], summary["prompts"], summary["unmarked"], summary["completions"]) == (3, 4, 0, 24)
    scores = {name for row in recorder.of("metric") for name in row if name.startswith("score/")}
    assert "score/helpfulness" in scores and "score/honest_engagement" not in scores
