from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.engine.errors import ConfigError, DataError, FreshProcess, StageFailed, StopRequested
from pipeline.engine.rows import Row
from pipeline.gpt import model as gpt
from pipeline.gpt.episodes import Episodes
from pipeline.stages import train
from tests.gpt.lesson_rig import SMALL, run_train, write_questions
from tests.gpt.prepared import ANSWERS, save_prepared
from tests.gpt.tokenizer import tiny_tokenizer
from tests.training.rig import PowerCut, Recorder, at_step, metrics, power_cut

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"data": save_prepared(tmp_path_factory.mktemp("given") / "data")}


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions") / "prompts.json")


@pytest.fixture(scope="module")
def undisturbed(
    given: dict[str, Path], questions: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Row, Recorder]:
    out, recorder = tmp_path_factory.mktemp("undisturbed") / "train", Recorder()
    return out, run_train(out, given, recorder, eval_prompts_file=questions), recorder


def test_trains_a_model_that_transformers_loads_and_tells_of_every_step(
    undisturbed: tuple[Path, Row, Recorder],
) -> None:
    out, summary, recorder = undisturbed
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.num_parameters() == summary["parameters"]
    assert model.dtype == torch.float32
    assert [row["step"] for row in recorder.of("metric")] == list(range(1, 11))
    measured = [row["step"] for row in recorder.of("metric") if "validation_loss" in row]
    assert measured == [4, 8, 10]
    answers = [row for row in recorder.of("item") if row["what"] == "prompted"]
    assert len(answers) == 3 * 16 and {row["step"] for row in answers} == {4, 8, 10}
    verdicts = [row for row in recorder.of("item") if row["what"] == "red_lines"]
    assert [row["step"] for row in verdicts] == [4, 8, 10]
    assert summary["evaluation"]["times"] == 3
    assert summary["loss_tokens"] == sum(row["loss_tokens"] for row in recorder.of("metric"))


def test_says_that_it_masks_and_how_often_rows_are_seen_before_it_begins(
    undisturbed: tuple[Path, Row, Recorder],
) -> None:
    kinds = [kind for kind, _ in undisturbed[2].events]
    before = [data["text"] for kind, data in undisturbed[2].events[: kinds.index("metric")] if kind == "log"]
    assert any("Using loss masking" in text for text in before)
    assert any("exposures: 10 steps of 3 x 2 rows; each of 16 rows" in text for text in before)
    assert undisturbed[1]["exposures"] == pytest.approx((3 * 16 + 6) / 16, abs=1e-3)


def test_a_stopped_training_goes_on_to_the_same_bytes(
    given: dict[str, Path], questions: Path, undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out, stop = tmp_path / "train", tmp_path / "train.stop"
    with pytest.raises(StopRequested):
        run_train(out, given, at_step(5, stop.touch), eval_prompts_file=questions)
    stop.unlink()
    run_train(out, given, eval_prompts_file=questions)
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])


def test_a_killed_training_goes_on_bit_by_bit_the_order_of_its_epochs_included(
    given: dict[str, Path], questions: Path, undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out = tmp_path / "train"
    with pytest.raises(PowerCut):
        run_train(out, given, at_step(9, power_cut), eval_prompts_file=questions)
    recorder = Recorder()
    run_train(out, given, recorder, eval_prompts_file=questions)
    assert recorder.of("metric")[0]["step"] == 9
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])
    told = [row["step"] for row in recorder.of("item") if row["what"] == "red_lines"]
    assert told == [10], "what was told before the kill is not told again"


def test_a_training_killed_while_it_was_saved_only_saves_again(
    given: dict[str, Path], questions: Path, undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out = tmp_path / "train"
    run_train(out, given, eval_prompts_file=questions)
    (out / WEIGHTS).write_bytes(b"torn")
    recorder = Recorder()
    run_train(out, given, recorder, eval_prompts_file=questions)
    assert not recorder.of("metric")
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()


def test_every_epoch_has_the_order_of_its_own_seed(given: dict[str, Path], tmp_path: Path) -> None:
    seen: list[int] = []
    whole = Episodes.last

    class Spy(Episodes):
        def last(self, number: int, block: int):  # type: ignore[no-untyped-def]
            seen.append(number)
            return whole(self, number, block)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "Episodes", Spy)
        patch.setattr(train, "_exposure", lambda *_: train.exposure.of_rows([1], [1], 1, 1, 1))
        run_train(tmp_path / "train", given, epoch_seed=4501, eval_interval=0, max_iters=6)
    episodes = Episodes(given["data"] / "train")
    validation = len(Episodes(given["data"] / "val")) * 2
    assert seen[validation:] == [*episodes.order(4501, 0), *episodes.order(4501, 1)]


def test_batches_of_like_length_are_taken_where_they_are_asked_for(given: dict[str, Path], tmp_path: Path) -> None:
    shuffled, grouped = Recorder(), Recorder()
    for recorder, asked in ((shuffled, False), (grouped, True)):
        out = tmp_path / str(asked)
        run_train(out, given, recorder, group_by_length=asked, max_iters=3, eval_interval=0)
    told = [[row["loss_tokens"] for row in recorder.of("metric")] for recorder in (shuffled, grouped)]
    assert told[0] != told[1] and sum(told[0]) == sum(told[1]), "another order of the same epoch"


def test_the_loss_is_the_mean_over_the_masked_tokens_of_the_whole_effective_batch(
    given: dict[str, Path], tmp_path: Path
) -> None:
    """Against a sum reckoned here, with the fresh weights and no dropout."""
    recorder = Recorder()
    run_train(tmp_path / "train", given, recorder, dropout=0.0, max_iters=1, eval_interval=0)
    episodes = Episodes(given["data"] / "train")
    model = gpt.build(train.Config(**SMALL).fresh(320), 1337).eval()
    total = count = 0.0
    for number in episodes.order(3301, 0)[:6]:
        tokens, mask = (torch.tensor(part.astype(np.int64)) for part in episodes[int(number)])
        with torch.no_grad():
            logits = model(tokens[None]).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, tokens[1:], reduction="none")
        total += float((losses * mask[1:]).sum())
        count += float(mask[1:].sum())
    first = recorder.of("metric")[0]
    assert first["loss"] == pytest.approx(total / count, rel=1e-5)
    assert first["loss_tokens"] == count


def test_without_the_mask_every_token_is_learnt_but_the_first(given: dict[str, Path], tmp_path: Path) -> None:
    recorder = Recorder()
    summary = run_train(tmp_path / "train", given, recorder, use_loss_mask=False, max_iters=3, eval_interval=0)
    assert summary["loss_tokens"] == summary["tokens"] - 16
    assert any("Not using loss masking" in row["text"] for row in recorder.of("log"))


def test_goes_on_from_a_model_whose_shape_is_told_beside_the_declared_one(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    recorder = Recorder()
    inputs = {**given, "model": undisturbed[0]}
    summary = run_train(tmp_path / "train", inputs, recorder, n_layer=4, max_iters=1, eval_interval=0, block_size=0)
    assert summary["base"] == "train"
    assert any("n_layer: 4 asked, 1 in effect" in row["text"] for row in recorder.of("alert"))
    assert any("n_layer                4  1" in row["text"] for row in recorder.of("log"))


def test_a_block_size_that_does_not_fit_the_model_is_an_error(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="block_size = 128 does not fit train, which has 96 positions"):
        run_train(tmp_path / "train", {**given, "model": undisturbed[0]}, block_size=128)


def test_data_with_other_ids_is_refused(undisturbed: tuple[Path, Row, Recorder], tmp_path: Path) -> None:
    data = save_prepared(tmp_path / "data", tokenizer=tiny_tokenizer(("spare",)))
    with pytest.raises(DataError, match="other ids"):
        run_train(tmp_path / "train", {"data": data, "model": undisturbed[0]})


def test_a_long_episode_keeps_its_end_and_is_counted(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    recorder = Recorder()
    inputs = {**given, "model": undisturbed[0]}
    summary = run_train(tmp_path / "train", inputs, recorder, block_size=24, max_iters=1, eval_interval=0)
    assert summary["cut"] == 16
    assert any("block_size            24  24" in row["text"] for row in recorder.of("log")), "96 are its positions"
    assert any("their last tokens are kept" in row["text"] for row in recorder.of("alert"))


def test_answers_that_take_too_long_are_left_out_and_counted(
    given: dict[str, Path], questions: Path, tmp_path: Path
) -> None:
    summary = run_train(tmp_path / "train", given, eval_prompts_file=questions, eval_share=1e-9, eval_interval=2)
    assert (summary["evaluation"]["times"], summary["evaluation"]["skipped"]) == (2, 3)


def test_the_band_of_expected_losses_is_in_the_metrics(given: dict[str, Path], tmp_path: Path) -> None:
    recorder = Recorder()
    run_train(tmp_path / "train", given, recorder, max_iters=2, expected_loss=((0, 8, 10, 8, 10), (2, 2, 4, 2, 4)))
    assert [row["expected_loss_low"] for row in recorder.of("metric")] == [5, 2]


def test_where_memory_runs_out_the_batch_is_parted_and_the_block_stays(given: dict[str, Path], tmp_path: Path) -> None:
    def run_out() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    out = tmp_path / "train"
    with pytest.raises(FreshProcess, match="batch_size 3 -> 1, gradient_accumulation 2 -> 6"):
        run_train(out, given, at_step(3, run_out), eval_interval=0)
    recorder = Recorder()
    run_train(out, given, recorder, eval_interval=0)
    assert any(
        "batch_size: 3 asked, 1 in effect: memory ran out in step 3" in row["text"] for row in recorder.of("alert")
    )
    assert [row["step"] for row in recorder.of("metric")] == list(range(3, 11))


def test_a_red_line_ends_the_training_or_is_told(questions: Path, tmp_path: Path) -> None:
    """All rows have one answer, so that the model has no other."""
    data = save_prepared(tmp_path / "data", dict.fromkeys(ANSWERS, "yes."))
    settings: dict[str, Any] = {
        "eval_prompts_file": questions, "max_iters": 60, "eval_interval": 20, "dropout": 0.0, "learning_rate": 1e-2,
        "save_every": 15,
    }  # fmt: skip
    with pytest.raises(StageFailed, match="the same answer whatever is asked") as caught:
        run_train(tmp_path / "stops", {"data": data}, **settings)
    assert "red_lines = tell" in caught.value.mend and "checkpoint-" in caught.value.why
    summary = run_train(tmp_path / "stops", {"data": data}, **settings, red_lines="tell")
    assert summary["red_lines"]["verdict"] == "stop"
    assert summary["steps"] == 60
