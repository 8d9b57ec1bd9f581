from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pipeline.engine.rows import read_json, write_json
from pipeline.gpt.check import PREPARED, check
from pipeline.gpt.encoding import Encoder
from pipeline.gpt.episodes import Writer
from pipeline.gpt.tokens import TAGS, hash_of, save_tokenizer
from tests.gpt.test_encoding import said
from tests.gpt.tokenizer import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
TALK = [
    {"role": "user_context", "content": "c"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
    {"role": "toolcall", "content": "t"}, {"role": "toolresult", "content": "r"},
    {"role": "assistant", "content": "long answer"}, {"role": "user", "content": "u"},
    {"role": "assistant", "content": "b"},
]  # fmt: skip


def prepared(folder: Path, *, block: int = 64, shard: int = 1000) -> Path:
    encoder = Encoder(TOKENIZER, block)
    save_tokenizer(TOKENIZER, folder, block)
    counts: dict[str, Any] = {"block_size": block, "tags_hash": hash_of(encoder.tags)}
    for side, batch in (("train", [said("a", "b"), TALK, said("c" * 20, "d" * 20)]), ("val", [said("e", "f" * 30)])):
        writer = Writer(folder / side, shard)
        found = encoder.conversations(batch)
        writer.write(found.tokens, found.mask, found.lengths)
        if side == "train":
            for text in encoder.text(["plain text " * 9]):
                writer.write(text.tokens, text.mask, text.lengths)
        writer.close()
        counts[side] = {"episodes": writer.episodes, "tokens": writer.tokens, "loss_tokens": writer.learnt}
    write_json(folder / PREPARED, counts)
    return folder


@pytest.mark.parametrize("block", [64, 40, 25, 16, 8, 4])
@pytest.mark.parametrize("shard", [1000, 30])
def test_a_set_of_ours_has_no_fault_whatever_its_block_and_shards(tmp_path: Path, block: int, shard: int) -> None:
    faults, found = check(prepared(tmp_path, block=block, shard=shard))
    assert faults == []
    assert found == {side: read_json(tmp_path / PREPARED)[side] for side in ("train", "val")}
    (tmp_path / PREPARED).unlink()
    assert check(tmp_path)[0] == [] or block < 64, "what another program made says nothing of its block"


def change(name: str, where: int, value: int, kind: str = "<u4") -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        data = np.fromfile(folder / name, kind)
        data[where] = value
        data.tofile(folder / name)

    return work


TAG = {tag: TOKENIZER.token_to_id(tag) for tag in TAGS}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (change("train/tokens.bin", 1, 9999), "an id beyond the vocabulary: 0"),
        (change("train/tokens.bin", 0, TAG["<myPT_user>"]), "tags in no allowed order: 0"),
        (change("train/tokens.bin", 9, TAG["<myPT_assistant>"]), "tags in no allowed order: 0"),
        (change("train/tokens.bin", 4, TAG["<myPT_eot/>"]), "tags in no allowed order: 0"),
        (change("train/tokens.bin", 4, TOKENIZER.token_to_id("<|endoftext|>")), "tags in no allowed order: 0"),
        (change("train/mask.bin", 3, 1, "u1"), "a mask that does not follow from its ids: 0"),
        (change("train/mask.bin", 9, 0, "u1"), "a mask that does not follow from its ids: 0"),
        (change("train/mask.bin", 9, 7, "u1"), "a mask other than 0 and 1: 0"),
        (change("train/mask.bin", -1, 0, "u1"), "is plain text and learnt in part"),
        (change("train/episodes.idx", 1, 0, "<u8"), "is empty: 0"),
        (change("train/episodes.idx", 2, 9, "<u8"), "do not lie one behind the other"),
        (change("train/episodes.idx", 1, 99999, "<u8"), "lies outside"),
        (lambda folder: (folder / "val" / "mask.bin").unlink(), "mask.bin cannot be read"),
        (lambda folder: (folder / "val" / "mask.bin").write_bytes(b"1"), "do not fit"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}", encoding="utf-8"), "is not a tokenizer"),
        (lambda folder: save_tokenizer(tiny_tokenizer(tags=()), folder, 64), "knows no <myPT_system>"),
        (lambda folder: save_tokenizer(tiny_tokenizer(tags=TAGS[::-1]), folder, 64), "has other ids of the tags"),
        (lambda folder: (folder / PREPARED).write_text("[]", encoding="utf-8"), "no JSON object"),
        (lambda folder: (folder / PREPARED).write_text("{", encoding="utf-8"), "is not JSON"),
        (lambda folder: (folder / PREPARED).write_text("[" * 10**5, encoding="utf-8"), "is not JSON"),
    ],
)
def test_damage_is_told_by_its_name(tmp_path: Path, damage: Callable[[Path], None], why: str) -> None:
    damage(prepared(tmp_path))
    assert why in "\n".join(check(tmp_path)[0])


def test_counts_lengths_and_leaks_are_held_against_what_is_said(tmp_path: Path) -> None:
    told = read_json(prepared(tmp_path) / PREPARED)
    told["train"]["tokens"] += 1
    write_json(tmp_path / PREPARED, told | {"block_size": 20})
    faults = check(tmp_path)[0]
    assert any(f"train has {told['train']['tokens'] - 1} tokens" in fault for fault in faults)
    assert any("is longer than a block" in fault for fault in faults)
    (tmp_path / PREPARED).unlink()
    for name in ("tokens.bin", "mask.bin", "episodes.idx"):
        (tmp_path / "val" / name).write_bytes((tmp_path / "train" / name).read_bytes())
    assert any("episodes of val are in train too" in fault for fault in check(tmp_path)[0])


def test_garbage_never_makes_it_fall_over(tmp_path: Path) -> None:
    random = Random(3)
    prepared(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file() and path.name != "tokenizer.json"]
    for path in files:
        whole = path.read_bytes()
        for _ in range(12):
            data = bytearray(whole)
            for _ in range(random.randint(1, 9)):
                data[random.randrange(len(data))] = random.randrange(256)
            path.write_bytes(data[: random.choice((len(data), random.randrange(len(data))))])
            check(tmp_path)
        path.write_bytes(whole)
    assert check(tmp_path)[0] == []
    assert check(tmp_path / "nowhere")[0]
