"""Every invariant of a prepared set, whoever made it. Nothing that lies there makes it fall over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import read_json
from pipeline.gpt.episodes import Episodes, Shard
from pipeline.gpt.tokens import END, EOT, LETTERS, closing, find_tags, hash_of, loss_mask, open_tokenizer, opening

if TYPE_CHECKING:
    from pipeline.gpt.episodes import Mask, Tokens

SIDES = ("train", "val")
PREPARED = "prepared.json"
NAMED = 5
"""Episodes that a fault names."""

_CALL = r"(?:t\.T)"
_SPOKEN = rf"a(?:\.{_CALL}*|{_CALL}+)A"
_TURN = rf"u(?:c\.C)?\.U(?:k\.K)?{_SPOKEN}(?:r\.R{_SPOKEN})*e"
_EPISODE = re.compile(rf"(?:s\.S)?(?:{_TURN})+")
_REST = re.compile(rf"[^u]*(?:u(?:c\.C)?\.U(?:k\.K)?{_SPOKEN}(?:r\.R{_SPOKEN})*e)*")
"""An episode that lost its beginning, from its first whole turn on."""


class Judge:
    """Says of one episode what is wrong with it."""

    def __init__(self, tokenizer: Any, block: int) -> None:
        import numpy as np

        self.tags = find_tags(tokenizer)
        self.size, self.block = tokenizer.get_vocab_size(), block
        self._letters = {self.tags[opening(role)]: letter for role, letter in LETTERS.items()}
        self._letters |= {self.tags[closing(role)]: letter.upper() for role, letter in LETTERS.items()}
        self._letters |= {self.tags[EOT]: "e", tokenizer.token_to_id(END): "!"}
        self._marks = np.zeros(self.size, bool)
        self._marks[list(self._letters)] = True

    def faults(self, tokens: Tokens, mask: Mask) -> list[str]:
        import numpy as np

        if not len(tokens):
            return ["is empty"]
        if int(tokens.max()) >= self.size:
            return ["holds an id beyond the vocabulary"]
        if int(mask.max()) > 1:
            return ["has a mask other than 0 and 1"]
        found = [] if not self.block or len(tokens) <= self.block else ["is longer than a block"]
        marks = self._marks[tokens]
        kept = marks | np.concatenate([[True], marks[:-1]])  # of each text between two tags one token
        written = "".join(self._letters.get(number, ".") for number in tokens[kept].tolist())
        if not set(written) - {".", "!"}:  # plain text, or the middle of a long answer
            return found + ([] if mask.min() == mask.max() else ["is plain text and learnt in part"])
        whole = _EPISODE.fullmatch(written)
        cut = not whole and len(tokens) == self.block and written.endswith("e") and _REST.fullmatch(written)
        if not whole and not cut:
            return [*found, "has its tags in no allowed order"]
        inside = bool(cut) and 0 <= written.find("A") < (written.find("a") if "a" in written else len(written))
        before = np.array([self.tags[opening("assistant")]] if inside else [], tokens.dtype)
        if not np.array_equal(loss_mask(np.concatenate([before, tokens]), self.tags)[len(before) :], mask):
            found.append("has a mask that does not follow from its ids")
        return found


def check(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with a set, in sentences, and what is in it: {side: {episodes, tokens, loss_tokens, ...}}."""
    faults: list[str] = []
    told = _told(folder, faults)
    try:
        judge = Judge(open_tokenizer(folder), _whole(told.get("block_size")))
    except PipelineError as error:
        return [*faults, f"{error.what} {error.why}".strip()], {}
    if told and told.get("tags_hash") != hash_of(judge.tags):
        faults.append(f"{PREPARED} has other ids of the tags than the tokenizer.")
    found: dict[str, Any] = {}
    seen: dict[str, set[bytes]] = {}
    for side in SIDES:
        try:
            found[side], seen[side] = _check_side(side, Episodes(folder / side), judge, faults)
        except PipelineError as error:
            faults.append(f"{error.what} {error.why}".strip())
            continue
        written = told.get(side) if isinstance(told.get(side), Mapping) else {}
        for name, count in found[side].items():
            if written and written.get(name, count) != count:
                faults.append(f"{side} has {count} {name.replace('_', ' ')}, and {PREPARED} says {written[name]}.")
    if both := len(seen.get("train", set()) & seen.get("val", set())):
        faults.append(f"{both} different episodes of val are in train too.")
    return faults, found


def _told(folder: Path, faults: list[str]) -> dict[str, Any]:
    if not (folder / PREPARED).is_file():
        return {}
    try:
        told = read_json(folder / PREPARED)
    except (PipelineError, OSError) as error:
        faults.append(str(error).splitlines()[0])
        return {}
    if not isinstance(told, dict):
        faults.append(f"{PREPARED} is no JSON object.")
        return {}
    return told


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _check_side(side: str, episodes: Episodes, judge: Judge, faults: list[str]) -> tuple[dict[str, int], set[bytes]]:
    if not len(episodes) and side == "train":
        faults.append("train holds no episode.")
    faults += [f"{shard.folder}: {fault}" for shard in episodes.shards if (fault := _gap(shard))]
    places: dict[str, list[int]] = {}
    tokens = learnt = 0
    seen = set()
    for number in range(len(episodes)):
        ids, mask = episodes[number]
        for fault in judge.faults(ids, mask):
            places.setdefault(fault, []).append(number)
        if len(mask) and not mask.any():
            places.setdefault("has nothing to learn", []).append(number)
        tokens, learnt = tokens + len(ids), learnt + int((mask == 1).sum())
        seen.add(blake2b(ids.tobytes(), digest_size=16).digest())
    for fault, numbers in Counter({fault: len(numbers) for fault, numbers in places.items()}).most_common():
        named = ", ".join(map(str, places[fault][:NAMED]))
        faults.append(f"{side}: {numbers} of {len(episodes)} episodes: it {fault}: {named}{', …' * (numbers > NAMED)}.")
    return {"episodes": len(episodes), "tokens": tokens, "loss_tokens": learnt}, seen


def _gap(shard: Shard) -> str:
    """Whether the episodes lie one behind the other and fill the files."""
    import numpy as np

    ends = np.concatenate([[0], shard.index.sum(axis=1)]).astype(np.uint64)
    if not np.array_equal(ends[:-1], shard.index[:, 0]) or int(ends[-1]) != len(shard.tokens):
        return "the episodes do not lie one behind the other, or do not fill the files."
    return ""
