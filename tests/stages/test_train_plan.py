"""What is known of a training of the GPT track before it begins, and what is told of settings that do not decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import write_json
from pipeline.engine.stage import PlanContext
from pipeline.gpt import model as gpt
from pipeline.stages import train
from tests.gpt.lesson_rig import SMALL, run_train, write_questions
from tests.gpt.prepared import save_prepared
from tests.training.rig import Recorder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"data": save_prepared(tmp_path_factory.mktemp("given") / "data")}


def plan(given: dict[str, Path], folder: Path, **settings: Any) -> dict[str, str]:
    """Text of a finding -> its level."""
    found = train.plan(PlanContext(train.Config(**{**SMALL, **settings}), given, 7, folder))
    return {finding.text: finding.level for finding in found}


def test_settings_that_do_not_decide_are_told_by_plan_and_run(given: dict[str, Path], tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "prompts.json")
    settings: dict[str, Any] = {"vocab_size": 64, "eval_interval": 0, "eval_prompts_file": questions, "max_iters": 1}
    planned = plan(given, tmp_path, **settings)
    recorder = Recorder()
    run_train(tmp_path / "train", given, recorder, **settings, warmup_iters=0)
    told = [row["text"] for row in recorder.of("alert")]
    why = "the tokenizer has so many tokens, padded"
    assert planned[f"vocab_size: 64 declared, 320 in effect: {why}."] == "note"
    assert f"vocab_size: 64 asked, 320 in effect: {why}" in told
    assert planned["`eval_prompts_file` has no effect: nothing is evaluated, since eval_interval is 0."] == "warning"
    assert any(text.startswith("eval_prompts_file: ") and "None in effect" in text for text in told)
    assert planned["The warm-up of 2 iterations never ends: there are 1."] == "warning"
    calm = plan(given, tmp_path, warmup_iters=9)
    assert set(calm.values()) == {"note"}


def test_what_a_config_file_says_in_vain_is_told(given: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    write_json(file, {"_note": "a comment", "learning_rate": 1e-4, "dropout": 0.2, "epoch_seed": 4501})
    settings = {name: value for name, value in SMALL.items() if name not in ("learning_rate", "dropout")}
    config = train.Config(**settings, config_file=file, dropout=0.1)
    assert (config.learning_rate, config.dropout, config.epoch_seed) == (1e-4, 0.1, 4501)
    found = [finding.text for finding in train.plan(PlanContext(config, given, 7, tmp_path))]
    in_vain = [text for text in found if "seed.json" in text]
    assert in_vain == ["dropout of seed.json: 0.2 declared, 0.1 in effect: what is set beside the file wins."]
    file.unlink()
    assert not [text for text in train.plan(PlanContext(config, given, 7, tmp_path)) if "seed.json" in text.text]


def test_the_model_to_start_from_decides_its_shape(given: dict[str, Path], tmp_path: Path) -> None:
    shape = gpt.Shape(2, 2, 32, 96, 320)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(shape.describe()), encoding="utf-8")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "model" / file).write_bytes((given["data"] / file).read_bytes())
    told = plan({**given, "model": tmp_path / "model"}, tmp_path, n_layer=4, size="750M")
    why = "the model that this starts from decides"
    assert told[f"n_layer: 4 declared, 2 in effect: {why}."] == "note"
    assert told[f"size: '750M' declared, '2 x 2 x 32' in effect: {why}."] == "note"


def test_plan_tells_exposures_memory_disk_hours_and_money(given: dict[str, Path], tmp_path: Path) -> None:
    config = train.Config(**SMALL, gpu="A100")
    found = train.plan(PlanContext(config, given, 7, tmp_path))
    data = {name: value for finding in found for name, value in finding.data.items()}
    assert data["exposures"]["rows"] == 16 and data["fits"] and data["disk"]["stays"]
    assert list(data["rent"]) == ["A100"] and data["rent"]["A100"]["mfu"] == 0.35
    assert data["config"]["n_embd"] == 32
    unknown = train.plan(PlanContext(train.Config(**SMALL, gpu="A10"), given, 7, tmp_path))
    assert any(finding.level == "fault" and "did you mean `A100`" in finding.text for finding in unknown)


def test_plan_of_750m_fits_where_it_should_and_advises_smaller_batches_where_not(tmp_path: Path) -> None:
    config = train.Config(size="750M", vocab_size=50304, block_size=1024, batch_size=10, dropout=0.15)
    expected = {"data": {"episodes": 900}}
    for room, fits in ((80, True), (24, False)):
        found = train.plan(PlanContext(config, {}, 7, tmp_path, expected=expected, gpu=room * 2**30))
        memory = next(finding for finding in found if finding.text.startswith("memory"))
        assert memory.data["fits"] is fits
        assert fits or "batch_size = " in memory.mend
