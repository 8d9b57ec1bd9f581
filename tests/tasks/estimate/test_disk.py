from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.stages.sft import Config
from pipeline.tasks.estimate import disk
from pipeline.tasks.estimate.disk import BESIDE, Space
from tests.tasks.estimate.tiny import ALL, configured, tuned

MB = 10**6


def step(name: str, most: int, stays: int) -> tuple[str, str, dict[str, Any]]:
    return name, "model", {"disk": {"most": most * MB, "stays": stays * MB}}


def test_a_step_needs_what_it_writes_beside_all_that_those_before_it_left() -> None:
    steps = [step("base", 100, 100), step("sft", 60, 10), step("merged", 100, 100), step("export", 90, 40)]
    found = disk.in_all(steps, free=300 * MB)
    assert found.data == {"needed": 300 * MB, "at": "export", "stays": 250 * MB, "free": 300 * MB, "fits": True}
    assert found.level == "note"
    short = disk.in_all(steps, free=299 * MB)
    assert (short.level, short.data["fits"]) == ("warning", False)
    assert "clean" in short.mend and "`export`" in short.text


def test_rows_that_are_foreseen_take_room_too_and_paid_replies_more() -> None:
    steps = [("traces", "traces", {"traces": 1000}), ("judge", "scores", {"traces": 1000, "calls": 1000})]
    found = disk.in_all(steps, free=MB)
    assert found.data["needed"] == 1000 * (disk.ROW["traces"] + disk.ROW["scores"] + disk.REPLY)
    assert disk.in_all([("evaluate", "evaluation", {"prompts": 100})], free=MB).data["needed"] == 0


def test_what_goes_again_is_told_apart_from_what_stays() -> None:
    found = disk.tell([Space("Q8_0", 3 * 2**30, "GGUF"), Space("F16", 6 * 2**30, "GGUF", stays=False)])
    assert (found.data["disk"]["most"], found.data["disk"]["stays"]) == (9 * 2**30, 3 * 2**30)
    assert "9.00 GiB, 3.00 GiB once it is done" in found.text


@pytest.mark.parametrize("stay", [0, 2])
def test_a_training_keeps_its_newest_checkpoints_and_writes_one_more(stay: int) -> None:
    spaces = disk.training(1000, "adamw_torch", kept=2, stay=stay)
    each = 1000 * (4 + 8) + BESIDE
    assert sum(space.bytes for space in spaces) == 4 * 1000 + BESIDE + 3 * each
    assert sum(space.bytes for space in spaces if space.stays) == 4 * 1000 + BESIDE + stay * each


def test_a_checkpoint_is_as_large_as_a_real_one(tmp_path: Path) -> None:
    """Adapter and optimizer as the Trainer saves them; what lies beside them is far below the room given to it."""
    torch = pytest.importorskip("torch")
    model = tuned(configured("qwen3"), ALL, rank=64)
    trainable = [entry for entry in model.parameters() if entry.requires_grad]
    optimizer = torch.optim.AdamW(trainable)
    model(input_ids=torch.arange(64)[None], labels=torch.arange(64)[None]).loss.backward()
    optimizer.step()
    model.save_pretrained(tmp_path)
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    real = sum(path.stat().st_size for path in tmp_path.iterdir())
    count = sum(entry.numel() for entry in trainable)
    ours = disk.training(count, "adamw_torch", kept=0, stay=0)[1].bytes - BESIDE
    assert ours == pytest.approx(real, rel=0.02)


def test_every_optimizer_that_a_training_knows_has_a_size() -> None:
    assert set(get_args(Config.model_fields["optimizer"].annotation)) == set(disk.STATE)
