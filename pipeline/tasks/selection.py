"""Which traces are learnt: by what people marked, by reward, margin and type, by prompt and by category.

One mechanism for the stages that choose. Pure: it reads rows twice, so that only what is chosen need be in memory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import floor
from pathlib import Path

from pipeline.engine.artifacts import MADE
from pipeline.engine.rows import Row, read_json
from pipeline.tasks.marks import State, key_of
from pipeline.tasks.records import split_thought
from pipeline.tasks.rubric import Weights, reward

BY_HAND = ("accept", "edit")
"""The verdicts by which a row is learnt whatever its score."""
HAND = "set by hand"
"""The reason of a score that a person gave."""


@dataclass(frozen=True)
class Rule:
    """What a trace must be to be chosen. What a person accepted or edited only has to be finished."""

    per_prompt: int = 0
    """At most this many of a prompt, the best; 0: all."""
    min_reward: float = 0.0
    margin: float = 0.0
    """Reward of a prompt's best trace over its worst; a prompt with less teaches nothing."""
    types: Collection[str] = ()
    """What a trace may have been meant as; empty: anything."""
    quotas: Mapping[str, float] = field(default_factory=dict)
    """Category -> at most this many, or, below 1, at most this share of all that is chosen."""


@dataclass(frozen=True)
class Weighting:
    """How a reward is made of scores."""

    weights: Weights = field(default_factory=Weights)
    renormalise: bool = True

    @classmethod
    def of(cls, scores: Path) -> Weighting:
        """How the rewards of an artifact were made, by its `made.json`; equal weights where that does not say."""
        made = read_json(scores / MADE) if (scores / MADE).is_file() else {}
        told = made.get("summary", {}).get("weighting") or made.get("settings", {})
        if "weights" not in told:
            return cls()
        return cls(Weights.model_validate(told["weights"]), bool(told.get("renormalise", True)))

    def reward(self, scores: Mapping[str, float | None]) -> float:
        return round(reward(scores, self.weights, self.renormalise), 6)


@dataclass(frozen=True)
class Eye:
    """How rows are looked at: with the marks on them (key -> state), and with rewards made anew if asked."""

    marks: Mapping[str, State] = field(default_factory=dict)
    weighting: Weighting = field(default_factory=Weighting)
    reweigh: bool = False
    """Make every reward anew, not only those of rows with a score set by hand."""

    def see(self, row: Row) -> tuple[Row, State]:
        """The row as marks and weights have it, and what was said of it."""
        state = self.marks.get(key_of(row), {}) if self.marks else {}
        scores = state.get("scores", {})
        if "scores" in row and (scores or self.reweigh):
            marked = {**row["scores"], **scores}
            reasons = {**row.get("reasons", {}), **dict.fromkeys(scores, HAND)}
            row = {**row, "scores": marked, "reasons": reasons, "reward": self.weighting.reward(marked)}
        if state.get("verdict") == "edit":
            row = {**row, **edited(row, state["text"]), "finish": "stop"}
        if state.get("verdict") in BY_HAND:
            row = {**row, "mark": state["verdict"]}
        return row, state


def edited(row: Row, text: str) -> Row:
    """Thought and answer of a row that is to read `text`: with a think block both, else the answer alone."""
    thought, answer, _ = split_thought(text)
    return {"thought": thought if "</think>" in text else row["thought"], "answer": answer}


def see_prompt(row: Row, marks: Mapping[str, State]) -> tuple[Row, str]:
    """A prompt as a person had it, an edit being of its last turn, and the verdict: reject, edit or nothing."""
    state = marks.get(key_of(row), {}) if marks else {}
    if state.get("verdict") == "edit":
        *before, last = row["messages"]
        row = {**row, "messages": [*before, {**last, "content": state["text"]}]}
    return row, state.get("verdict", "")


@dataclass(frozen=True)
class Selection:
    """Which rows were chosen, and why the others were not."""

    eye: Eye
    places: frozenset[int]
    """Counted from 0 in the rows that were looked at."""
    left_out: dict[str, int]
    """Reason -> rows."""
    marks: dict[str, int]
    """accept, reject, edit, score -> rows on which that was honoured."""
    unscored: int
    """Rows chosen without a reward to go by."""

    def taken(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The chosen of the same rows, in their order, as marks and weights have them."""
        for place, row in enumerate(rows):
            if place in self.places:
                yield self.eye.see(row)[0]


@dataclass(frozen=True)
class _Seen:
    """As much of a row as a choice needs."""

    place: int
    id: str
    category: str
    type: str
    reward: float | None
    scored: bool
    by_hand: bool

    def rank(self) -> tuple[bool, float, str]:
        """What a person took comes first, then the highest reward."""
        return not self.by_hand, -(self.reward or 0.0), self.id


def choose(rows: Iterable[Row], rule: Rule, eye: Eye) -> Selection:
    """Choose among rows of traces or scores; held-out and unfinished ones never are.

    Rows without a `reward` are all taken: there is nothing to rank them by.
    """
    left_out: Counter[str] = Counter()
    honoured: Counter[str] = Counter()
    prompts: dict[str, list[_Seen]] = defaultdict(list)
    for place, raw in enumerate(rows):
        row, state = eye.see(raw)
        if row["split"] != "train":
            left_out["heldout"] += 1
            continue
        if state.get("verdict") == "reject":
            left_out["rejected"] += 1
            honoured["reject"] += 1
            continue
        if row["finish"] != "stop":
            left_out["unfinished"] += 1
            continue
        honoured.update([verdict for verdict in BY_HAND if state.get("verdict") == verdict])
        honoured["score"] += bool(state.get("scores") and "scores" in row)
        prompts[row["prompt_id"]].append(
            _Seen(place, row["id"], row.get("category", ""), row.get("type", ""), row.get("reward"), "reward" in row,
                  row.get("mark") in BY_HAND)
        )  # fmt: skip
    chosen = [seen for some in prompts.values() for seen in _of_prompt(some, rule, left_out)]
    chosen = _within(chosen, rule.quotas, left_out)
    return Selection(
        eye,
        frozenset(seen.place for seen in chosen),
        {reason: count for reason, count in left_out.items() if count},
        {mark: count for mark, count in honoured.items() if count},
        sum(not seen.scored for seen in chosen),
    )


def _of_prompt(traces: list[_Seen], rule: Rule, left_out: Counter[str]) -> list[_Seen]:
    """What one prompt gives."""
    rewards = [seen.reward for seen in traces if seen.reward is not None]
    flat = bool(rewards) and max(rewards) - min(rewards) < rule.margin
    fit = []
    for seen in traces:
        reason = "" if seen.by_hand else _unfit(seen, rule, flat)
        if reason:
            left_out[reason] += 1
        else:
            fit.append(seen)
    ranked = sorted((seen for seen in fit if seen.scored), key=_Seen.rank)
    room = max(rule.per_prompt, sum(seen.by_hand for seen in ranked)) if rule.per_prompt else len(ranked)
    left_out["beyond_per_prompt"] += max(0, len(ranked) - room)
    return [*ranked[:room], *(seen for seen in fit if not seen.scored)]


def _unfit(seen: _Seen, rule: Rule, flat: bool) -> str:
    if rule.types and seen.type not in rule.types:
        return "type"
    if seen.scored and (seen.reward is None or seen.reward < rule.min_reward):
        return "low_reward"
    return "small_margin" if seen.scored and flat else ""


def _within(chosen: list[_Seen], quotas: Mapping[str, float], left_out: Counter[str]) -> list[_Seen]:
    """The best of every category, as many as its quota lets through.

    A share is of what is chosen in the end, so the counts are lowered until every share holds.
    """
    have = Counter(seen.category for seen in chosen)
    counts = dict(have)
    while True:
        total = sum(counts.values())
        lower = {category: min(count, _room(quotas.get(category), total, count)) for category, count in counts.items()}
        if lower == counts:
            break
        counts = lower
    left_out["beyond_quota"] += sum(have.values()) - sum(counts.values())
    kept: list[_Seen] = []
    for category, count in counts.items():
        kept += sorted((seen for seen in chosen if seen.category == category), key=_Seen.rank)[:count]
    return kept


def _room(quota: float | None, total: int, count: int) -> int:
    if quota is None:
        return count
    return int(quota) if quota >= 1 else floor(quota * total + 1e-9)
