"""One pass over an artifact's rows: what a board judges is counted here, and no row is kept."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row
from pipeline.tasks.board.language import control_tokens, language, refuses
from pipeline.tasks.board.leakage import leakage, plain
from pipeline.tasks.near import Near

FINISHES = {"stop": "answered", "length": "cut_off", "blocked": "blocked", "invalid": "invalid"}
EXAMPLES = 5
WORDS_NEAR, WORDS_REPEATED = 20, 8
"""Words that a text must have for its copies to count: short answers are alike because they are right."""
READ = 1000
"""Letters read at either end of a prompt when prompts are held against each other."""
FEW_WORDS = 3


@dataclass
class Share:
    """How many of how many, and the first few by id."""

    hits: int = 0
    of: int = 0
    examples: list[str] = field(default_factory=list)

    def count(self, id: str, hit: object) -> None:
        self.of += 1
        if hit:
            self.hits += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(id)


@dataclass
class Group:
    """Rewards of one prompt's traces."""

    low: float
    high: float
    count: int = 1


class Survey:
    """Rows go in one by one. Traces that are bad on purpose (type `rejected`) count in no share that asks how good the
    rest is; the quarantine counts in what was asked for."""

    def __init__(self) -> None:
        self.kind, self.rows, self.read = "", 0, 0
        self.counts: dict[str, Counter[str]] = {key: Counter() for key in ("category", "type", "split", "finish")}
        self.outcomes = Counter({"answered": 0, "cut_off": 0, "blocked": 0, "invalid": 0})
        self.quarantine: Counter[str] = Counter()
        self.shares: dict[str, Share] = {}
        self.words = {part: array("L") for part in ("prompt", "thought", "answer")}
        self.languages: Counter[str] = Counter()
        self.openings: dict[str, Counter[str]] = {name: Counter() for name in ("two", "three", "thought")}
        self.sides: dict[str, dict[str, str]] = {"train": {}, "heldout": {}}
        """Side -> prompt -> its text."""
        self.problems: dict[str, dict[str, str]] = {"train": {}, "heldout": {}}
        """Side -> problem -> a prompt of it."""
        self.rewards, self.groups = array("d"), dict[str, Group]()
        self._unclosed = Share()
        self._seen: set[bytes] = set()
        self._answers: dict[bytes, bytes] = {}
        self._near: dict[str, Near] = {}

    def take(self, row: Row) -> None:
        kind = kind_of(row)
        self.kind = self.kind or kind
        if (kind == "prompts") != (self.kind == "prompts"):
            raise DataError(
                f"Row {row['id']} is of {kind} among {self.kind}.", "A board is of rows of one kind.", "Take it out."
            )
        self.rows += 1
        for key, counter in self.counts.items():
            if isinstance(row.get(key), str):
                counter[row[key]] += 1
        self._prompt(row)
        if self.kind == "prompts":
            self._take_prompt(row)
        else:
            self._take_answer(row)

    def take_quarantined(self, row: Row) -> None:
        outcome = str(row["outcome"]).replace(" ", "_")
        self.outcomes[outcome] += 1
        self.quarantine[str(row["reason"])[:80]] += 1
        text = str(row.get("text", ""))
        self._unclosed.count(str(row["id"]), "<think>" in text and "</think>" not in text)

    def share(self, name: str) -> Share:
        return self.shares.setdefault(name, Share())

    def finish(self) -> None:
        """Counts what only the whole can tell."""
        asked = self.outcomes.total()
        for outcome in ("cut_off", "blocked", "invalid"):
            if self.kind != "prompts":
                self.shares[outcome] = Share(self.outcomes[outcome], asked)
        if self.kind != "prompts":
            self.shares["unclosed_thoughts"] = self._unclosed
        for name, opening in (("same_two_words", "two"), ("same_three_words", "three")):
            (words, hits), *_ = self.openings[opening].most_common(1) or [("", 0)]
            self.shares[name] = Share(hits, self.openings[opening].total(), [words])
        self._leaks()
        if self.rewards:
            count = len(self.rewards)
            self.shares["reward_ceiling"] = Share(sum(reward >= 1 - 1e-9 for reward in self.rewards), count)
            self.shares["reward_floor"] = Share(sum(reward <= 1e-9 for reward in self.rewards), count)
            for prompt, group in self.groups.items():
                if group.count > 1:
                    self.share("flat_groups").count(prompt, group.high - group.low < 1e-9)

    def _leaks(self) -> None:
        train, heldout = self.sides["train"], self.sides["heldout"]
        if not train or not heldout:
            return
        found = leakage(train, heldout)
        shared = {
            self.problems["heldout"][problem]
            for problem in self.problems["train"].keys() & self.problems["heldout"].keys()
        }
        for name, ids in (("leaked", found.same), ("near_leaked", found.near), ("overlapping", found.overlapping)):
            hits = sorted(shared.union(ids))
            self.shares[f"{name}_prompts"] = Share(len(hits), len(heldout), hits[:EXAMPLES])

    def _prompt(self, row: Row) -> None:
        """Keeps each prompt's text once."""
        if (side := row.get("split")) in self.sides:
            id, asked = str(row.get("prompt_id", row["id"])), asked_of(row)
            short = asked if len(asked) <= 2 * READ else f"{asked[:READ]} {asked[-READ:]}"
            self.sides[side].setdefault(id, short)
            self.problems[side].setdefault(str(row.get("problem", id)), id)

    def _take_prompt(self, row: Row) -> None:
        id, asked = str(row["id"]), asked_of(row)
        self.read += 1
        self.words["prompt"].append(len(asked.split()))
        self.languages[language(asked) or "short"] += 1
        self._copies(id, "", asked, plain(asked))
        self._open(asked)
        self.share("control_tokens").count(id, control_tokens(asked))

    def _take_answer(self, row: Row) -> None:
        id, finish = str(row["id"]), str(row.get("finish", "stop"))
        thought, answer = str(row.get("thought", "")), str(row["answer"])
        self.outcomes[FINISHES.get(finish, "invalid")] += 1
        self._unclosed.count(id, "<think>" in thought or ("<think>" in answer and "</think>" not in answer))
        if isinstance(row.get("reward"), int | float):
            self._reward(str(row.get("prompt_id", "")), float(row["reward"]))
        if finish != "stop" or row.get("type") == "rejected":
            return
        self.read += 1
        asked, words = asked_of(row), answer.split()
        for part, text in (("prompt", asked.split()), ("thought", thought.split()), ("answer", words)):
            self.words[part].append(len(text))
        self.share("missing_thoughts").count(id, not thought.strip())
        self.share("empty_answers").count(id, not words)
        self.share("short_answers").count(id, 0 < len(words) < FEW_WORDS)
        self.share("refusals").count(id, refuses(answer))
        held = any(control_tokens(text) for text in (thought, answer, asked))
        self.share("control_tokens").count(id, held)
        spoken, heard = language(answer), language(asked)
        self.languages[spoken or "short"] += 1
        if spoken and heard:
            self.share("other_language").count(id, spoken != heard)
        who = str(row.get("contestant", ""))
        self._copies(id, who, f"{thought}\n{answer}", repr([who, row["messages"], thought, answer]))
        if len(words) >= WORDS_REPEATED:
            key, prompt = _digest(f"{who}\n{plain(answer)}"), _digest(plain(asked))[:8]
            self.share("repeated_answers").count(id, self._answers.setdefault(key, prompt) != prompt)
        self._open(answer)
        self.openings["thought"].update([_opening(thought, 3)] if thought.strip() else [])

    def _copies(self, id: str, who: str, text: str, whole: str) -> None:
        """Counts a row that is the same as, or near to, an earlier one (of the same contestant)."""
        key = _digest(whole)
        self.share("exact_duplicates").count(id, key in self._seen)
        if key not in self._seen and len(text.split()) >= WORDS_NEAR:
            near = self._near.setdefault(who, Near()).add(text)
            self.share("near_duplicates").count(id, near is not None)
        self._seen.add(key)

    def _open(self, text: str) -> None:
        if text.strip():
            self.openings["two"][_opening(text, 2)] += 1
            self.openings["three"][_opening(text, 3)] += 1

    def _reward(self, prompt: str, reward: float) -> None:
        self.rewards.append(reward)
        group = self.groups.get(prompt)
        if group is None:
            self.groups[prompt] = Group(reward, reward)
        else:
            group.low, group.high, group.count = min(group.low, reward), max(group.high, reward), group.count + 1


def survey(rows: Iterable[Row], quarantine: Iterable[Row] = ()) -> Survey:
    """Raises DataError for rows that no board can be made of."""
    found = Survey()
    for row in rows:
        found.take(row)
    for row in quarantine:
        found.take_quarantined(row)
    found.finish()
    return found


def kind_of(row: Row) -> str:
    """prompts, traces, scores or evaluation, by a row's fields. Raises DataError for any other."""
    if {"id", "messages"} <= row.keys():
        if "answer" not in row:
            return "prompts"
        return "evaluation" if "contestant" in row or "set" in row else "scores" if "scores" in row else "traces"
    raise DataError(
        "There is no board for such rows.",
        f"They have the fields {', '.join(list(row)[:10])}.",
        "It takes prompts, traces, scores and evaluations.",
    )


def asked_of(row: Row) -> str:
    """All that the user says, the system prompt not included."""
    turns: list[Any] = row["messages"]
    return "\n".join(turn["content"] for turn in turns if turn["role"] == "user")


def _opening(text: str, words: int) -> str:
    return " ".join(text[:200].casefold().split()[:words])


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
