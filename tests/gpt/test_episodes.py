from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.engine.errors import DataError
from pipeline.gpt.episodes import Episodes, Writer


def write(folder: Path, lengths: list[int], *, shard: int = 100, chunks: int = 1) -> Writer:
    """Episode n holds the number n, and is learnt but for its first token."""
    writer = Writer(folder, shard)
    for part in np.array_split(np.arange(len(lengths)), chunks):
        sizes = np.array(lengths)[part]
        tokens = np.repeat(part, sizes).astype(np.uint32)
        mask = np.ones(len(tokens), np.uint8)
        mask[np.cumsum(sizes) - sizes] = 0
        writer.write(tokens, mask, sizes)
    writer.close()
    return writer


def held(folder: Path) -> list[tuple[list[int], list[int]]]:
    episodes = Episodes(folder)
    return [(tokens.tolist(), mask.tolist()) for tokens, mask in (episodes[n] for n in range(len(episodes)))]


@pytest.mark.parametrize("shard", [100, 7, 4])
@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_what_is_written_is_read_whatever_the_shards(tmp_path: Path, shard: int, chunks: int) -> None:
    lengths = [3, 2, 5, 1, 4]
    writer = write(tmp_path, lengths, shard=shard, chunks=chunks)
    assert held(tmp_path) == [([n] * size, [0] + [1] * (size - 1)) for n, size in enumerate(lengths)]
    assert (writer.episodes, writer.tokens, writer.learnt) == (5, 15, 10)
    episodes = Episodes(tmp_path)
    assert episodes.lengths().tolist() == lengths
    assert [len(part.tokens) for part in episodes.shards] == {100: [15], 7: [5, 6, 4], 4: [3, 2, 5, 1, 4]}[shard]
    assert isinstance(episodes.shards[0].tokens, np.memmap)
    assert episodes.last(2, 2)[0].tolist() == [2, 2] and len(episodes.last(2, 9)[0]) == 5
    with pytest.raises(IndexError):
        episodes[5]


def test_the_bytes_are_as_the_notes_have_them(tmp_path: Path) -> None:
    write(tmp_path, [2, 1])
    assert (tmp_path / "tokens.bin").read_bytes() == bytes([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    assert (tmp_path / "mask.bin").read_bytes() == bytes([0, 1, 0])
    assert np.fromfile(tmp_path / "episodes.idx", "<u8").tolist() == [0, 2, 2, 1]


def test_the_order_of_an_epoch_follows_from_seed_and_epoch(tmp_path: Path) -> None:
    write(tmp_path, [1] * 20)
    episodes = Episodes(tmp_path)
    first = episodes.order(4501, 0).tolist()
    assert sorted(first) == list(range(20)) and first != list(range(20))
    assert episodes.order(4501, 1).tolist() == episodes.order(4502, 0).tolist() != first


def test_an_empty_side_is_a_side(tmp_path: Path) -> None:
    Writer(tmp_path).close()
    assert len(Episodes(tmp_path)) == 0 and Episodes(tmp_path).lengths().tolist() == []


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("tokens.bin", lambda data: data[:-1], "is torn"),
        ("tokens.bin", lambda data: data[:-4], "do not fit"),
        ("mask.bin", lambda data: data + b"\x01", "do not fit"),
        ("episodes.idx", lambda data: data[:-8], "do not fit"),
        ("episodes.idx", lambda data: data[:-16] + b"\xff" * 16, "outside"),
        ("episodes.idx", lambda data: data[:-8] + b"\x09" + bytes(7), "outside"),
        ("mask.bin", lambda _: None, "cannot be read"),
    ],
)
def test_files_that_do_not_fit_are_errors(tmp_path: Path, name: str, change: Any, why: str) -> None:
    write(tmp_path, [3, 2])
    path = tmp_path / name
    data = change(path.read_bytes())
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(DataError, match=why):
        Episodes(tmp_path)
