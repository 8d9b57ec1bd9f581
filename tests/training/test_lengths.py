from __future__ import annotations

from pathlib import Path

from pipeline.stages import grpo, sft
from pipeline.training.lengths import lengths_within, shorten
from tests.training.rig import context_of
from tests.training.tiny_qwen import save_tiny_qwen


def test_a_model_with_room_changes_nothing() -> None:
    assert lengths_within(grpo.Config(), 2048) == {}


def test_prompt_and_completion_keep_their_shares() -> None:
    assert lengths_within(sft.Config(), 512) == {"max_seq_length": 512}
    assert lengths_within(grpo.Config(), 512) == {"max_seq_length": 512, "max_completion_length": 256}
    assert lengths_within(grpo.Config(max_seq_length=100, max_completion_length=1), 16)["max_completion_length"] == 1


def test_what_changes_is_recorded(tmp_path: Path) -> None:
    model = save_tiny_qwen(tmp_path / "model", context=128)
    context = context_of(grpo.Config(), {"model": model}, tmp_path / "out")
    shortened = shorten(context, model)
    assert (shortened.config.max_seq_length, shortened.config.max_completion_length) == (128, 64)
    assert context.effective["max_completion_length"]["in_effect"] == 64
    assert context.effective["max_seq_length"]["asked"] == 2048
