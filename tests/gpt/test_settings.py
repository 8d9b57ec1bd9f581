from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.gpt.settings import GPTSettings

SEED: dict[str, Any] = {
    "_comment": "phase 3a", "comment_lr": "lower than pretraining", "learning_rate": 5e-5, "max_iters": 5000,
    "batch_size": 10, "block_size": 1024, "dropout": 0.15, "use_loss_mask": True, "epoch_seed": 3301,
    "eval_interval": 500, "eval_iters": 50, "warmup_iters": 150, "weight_decay": 0.05, "grad_clip": 1.0,
    "n_layer": 32, "n_head": 20, "n_embd": 1280, "vocab_size": 50304, "bias": False, "tie_weights": True,
    "save_every": 500, "eval_seed": 1,
}  # fmt: skip


def write(folder: Path, content: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_every_key_of_the_seeds_loads_and_comments_are_passed_over(tmp_path: Path) -> None:
    settings = GPTSettings(config_file=write(tmp_path, SEED))
    taken = {key: getattr(settings, key) for key in SEED if not key.startswith(("_", "comment"))}
    assert taken == {key: value for key, value in SEED.items() if key in taken}
    shape = settings.fresh(50272)
    assert (shape.n_layer, shape.vocab_size, shape.block_size) == (32, 50304, 1024)


def test_the_preset_wins_over_the_file(tmp_path: Path) -> None:
    settings = GPTSettings(config_file=write(tmp_path, SEED), learning_rate=1e-4)
    assert (settings.learning_rate, settings.batch_size) == (1e-4, 10)


def test_unknown_keys_are_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="`learnin_rate`; did you mean `learning_rate`"):
        GPTSettings(config_file=write(tmp_path, {"learnin_rate": 1.0}))


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 10**5, '{"max_iters": "many"}', '{"config_file": "other.json"}'])
def test_a_file_that_holds_no_settings_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError):
        GPTSettings(config_file=path)


def test_what_was_resolved_once_needs_the_file_no_more(tmp_path: Path) -> None:
    settings = GPTSettings(config_file=write(tmp_path, SEED))
    (tmp_path / "config.json").unlink()
    assert GPTSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_the_band_lies_on_straight_lines_between_the_rows_of_the_seed() -> None:
    table = ((0, 8, 10, 8, 10), (1000, 3, 4, 3, 4.5), (3000, 2, 3, 3, 3.5), (5000, 1.5, 2, 2.5, 3))
    settings = GPTSettings(expected_loss=table)
    assert settings.band(500) == {
        "expected_loss_low": 5.5, "expected_loss_high": 7.0,
        "expected_validation_low": 5.5, "expected_validation_high": 7.25,
    }  # fmt: skip
    assert settings.band(5000)["expected_validation_high"] == 3
    assert settings.band(5001) == {} == GPTSettings().band(0)


def test_rows_of_the_band_stand_in_order() -> None:
    with pytest.raises(ValidationError, match="in the order"):
        GPTSettings(expected_loss=((10, 1, 2, 1, 2), (0, 1, 2, 1, 2)))


def test_devices_share_the_accumulation() -> None:
    with pytest.raises(ValidationError, match="not a multiple"):
        GPTSettings(devices=2)
