from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.training.checkpoints import (
    SEAL,
    lengthen,
    newest_before,
    newest_whole,
    seal,
    step_of,
    stretches_of,
    whole,
)


def checkpoint(folder: Path, step: int, *, sealed: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "inner").mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"12345")
    (path / "inner" / "weights").write_bytes(b"123")
    if sealed:
        seal(path)
    return path


def test_the_newest_whole_one_by_number(tmp_path: Path) -> None:
    for step in (5, 10, 100, 20):
        checkpoint(tmp_path, step)
    found = newest_whole(tmp_path)
    assert found is not None and step_of(found) == 100


@pytest.mark.parametrize(
    "tear",
    [
        lambda path: (path / SEAL).unlink(),
        lambda path: (path / SEAL).write_bytes(b'{"optimizer.pt": 5'),
        lambda path: (path / "optimizer.pt").write_bytes(b"1234"),
        lambda path: (path / "inner" / "weights").unlink(),
    ],
)  # fmt: skip
def test_a_torn_one_does_not_count_and_is_removed(tear: object, tmp_path: Path) -> None:
    whole, torn = checkpoint(tmp_path, 2), checkpoint(tmp_path, 4)
    assert callable(tear)
    tear(torn)
    assert newest_whole(tmp_path) == whole
    assert not torn.exists()


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "checkpoints") is None
    checkpoint(tmp_path, 1, sealed=False)
    assert newest_whole(tmp_path) is None


def test_stretches_grow_only_where_something_changed() -> None:
    first = lengthen([], 0, rung=0)
    assert first == [{"from": 0, "rung": 0}]
    assert lengthen(first, 10, rung=0) == first, "a plain resume"
    second = lengthen(first, 10, rung=1)
    assert second == [{"from": 0, "rung": 0}, {"from": 10, "rung": 1}]
    assert lengthen(second, 6, rung=1) == [{"from": 0, "rung": 0}, {"from": 6, "rung": 1}], "from an older checkpoint"
    assert lengthen(second, 0, rung=1) == [{"from": 0, "rung": 1}], "from none"


def test_a_seal_tells_how_the_steps_were_trained(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 4, sealed=False)
    seal(path, [{"from": 0, "rung": 2}])
    assert stretches_of(path) == [{"from": 0, "rung": 2}] and stretches_of(None) == []
    checkpoint(tmp_path, 6, sealed=False)
    assert whole(tmp_path) == [path] and (tmp_path / "checkpoint-6").exists(), "looking removes nothing"


def test_the_newest_from_before_a_step(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-6").mkdir()
    assert newest_before(tmp_path, 10) == tmp_path / "checkpoint-4", "the one of 6 is torn, that of 10 came too late"
    assert newest_before(tmp_path, 2) is None
    assert newest_before(tmp_path / "none", 2) is None
    assert (tmp_path / "checkpoint-6").exists(), "nothing is removed"
