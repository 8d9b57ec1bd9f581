"""What a judge is asked anew: canaries, traces of before for its drift, and a share for a second judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.engine.rows import Row
from pipeline.tasks.judge_health.canaries import KINDS, build, weigh
from pipeline.tasks.judge_health.compare import against, draw, share

NO_VERDICT = "No verdict that can be used on any of them."


@dataclass(frozen=True)
class Probes:
    """The questions, and what their answers are held against."""

    rows: list[Row]
    """`id`, `what` (canary, drift, audit), `of` (a trace's id), `prompt_id`, `messages`, `thought`, `answer`, and of
    canaries `kind`."""
    judged: Sequence[Row]
    """Digests of all scored traces."""
    standard: str
    """Which traces canaries are held against: adequate ones, or all where none is called so."""
    references: dict[str, list[float]]
    """Prompt -> rewards of those."""

    @classmethod
    def of(
        cls, judged: Sequence[Row], read: Callable[[], Iterable[Row]], birds: int, again: int, audited: float
    ) -> Probes:
        """`birds` canaries of each kind, `again` traces for the drift, `audited` the share for a second judge.

        `read` gives the scored rows with their texts once more.
        """
        adequate = [row for row in judged if row["type"] == "adequate"]
        references: dict[str, list[float]] = {}
        perches: dict[str, Row] = {}
        for row in draw(adequate or judged, len(judged)):
            references.setdefault(row["prompt_id"], []).append(row["reward"])
            perches.setdefault(row["prompt_id"], row)
        chosen = {
            "canary": list(perches.values())[:birds],
            "drift": draw(judged, again),
            "audit": share(judged, audited),
        }
        wanted = {row["id"] for some in chosen.values() for row in some}
        texts = {row["id"]: row for row in read() if row["id"] in wanted}
        rows = [_canary(kind, row, texts[row["id"]]) for kind in KINDS for row in chosen["canary"]]
        rows += [_same(what, row, texts[row["id"]]) for what in ("drift", "audit") for row in chosen[what]]
        return cls(rows, judged, "adequate" if adequate else "scored", references)

    def weigh_canaries(self, answers: Iterable[Row], seed: int) -> Row:
        """{"kinds" as `canaries.weigh` gives them, "standard"}, or {"why"} there is nothing to weigh."""
        if not any(row["what"] == "canary" for row in self.rows):
            return {"why": "canaries is 0."}
        birds = [row for row in answers if row["what"] == "canary"]
        return {"kinds": weigh(birds, self.references, seed=seed), "standard": self.standard}

    def compare(self, what: str, answers: Iterable[Row], nothing: str, seed: int) -> Row:
        """`against` the stored scores, and the `models` that answered; or {"why"}: `nothing` if nothing was asked."""
        if not any(row["what"] == what for row in self.rows):
            return {"why": nothing}
        some = [row for row in answers if row["what"] == what]
        if not some:
            return {"why": NO_VERDICT}
        scores = {row["of"]: row["scores"] for row in some}
        rewards = {row["of"]: row["reward"] for row in some}
        return against(self.judged, scores, rewards, seed=seed) | {"models": sorted({row["model"] for row in some})}


def _canary(kind: str, judged: Row, text: Row) -> Row:
    thought, answer = build(kind, text["messages"], text)
    return {
        "id": f"canary/{kind}/{judged['prompt_id']}",
        "what": "canary",
        "kind": kind,
        "of": judged["id"],
        "prompt_id": judged["prompt_id"],
        "messages": text["messages"],
        "thought": thought,
        "answer": answer,
    }


def _same(what: str, judged: Row, text: Row) -> Row:
    return {
        "id": f"{what}/{judged['id']}",
        "what": what,
        "of": judged["id"],
        "prompt_id": judged["prompt_id"],
        **{name: text[name] for name in ("messages", "thought", "answer")},
    }
