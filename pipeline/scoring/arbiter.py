"""Who decides between two answers: the embedded judge by its rewards, or a judge behind an account, asked twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.providers.account import Account
from pipeline.providers.foresee import Load
from pipeline.providers.provider import Reply, Request
from pipeline.tasks.offline_judge import judge as offline
from pipeline.tasks.rubric import Weights, reward
from pipeline.tasks.tournament.battles import Side
from pipeline.tasks.tournament.pairing import JUDGED, game
from pipeline.tasks.tournament.question import Preference, compare_question, read_preference

Arbiter = Callable[[Row], list[Row]]
"""A pairing whose answers are both there -> its two games, with model_a first and with model_b first."""
ORDERS: tuple[Side, Side] = ("a", "b")
LONGEST = 2000
"""Letters of a judge's reason that are kept."""
TYPICAL = (800, 120)
"""Tokens of thought and reply that `plan` assumes of a remote judge. Assumptions, not measured."""


def by_reward(weights: Weights, renormalise: bool, margin: float) -> Arbiter:
    """The embedded judge: it marks each answer alone, so the order of the two plays no part in it.

    A difference of rewards below `margin` is a tie.
    """
    marked: dict[tuple[str, str], float] = {}

    def earns(pairing: Row, side: Side) -> float:
        key = pairing["prompt_id"], pairing[side]["answer"]
        if key not in marked:
            scores = offline.judge(pairing["truth"], pairing["messages"], "", key[1]).scores
            marked[key] = reward(scores, weights, renormalise)
        return marked[key]

    def decide(pairing: Row) -> list[Row]:
        first, second = (earns(pairing, side) for side in ORDERS)
        winner: Side = "tie" if abs(first - second) < margin else "a" if first > second else "b"
        return [game(order, winner, JUDGED, f"rewards {first:.3f} and {second:.3f}") for order in ORDERS]

    return decide


@dataclass
class RemoteArbiter:
    """Threads may share one."""

    account: Account
    models: dict[str, None] = field(default_factory=dict)
    """Those that answered, as they call themselves, in the order of their first answers."""

    def __call__(self, pairing: Row) -> list[Row]:
        """A game whose verdict cannot be used has no winner, and says why."""
        return [self._play(pairing, first) for first in ORDERS]

    def _play(self, pairing: Row, first: Side) -> Row:
        try:
            (choice, reason), model = self.account.ask(request(pairing, first), _read)
        except Quarantined as error:
            return game(first, None, error.outcome, f"the judge: {safe_text(str(error))[:300]}")
        self.models.setdefault(model)
        second: Side = "b" if first == "a" else "a"
        winner: Side = {"first": first, "second": second, "tie": "tie"}[choice]
        return {**game(first, winner, JUDGED, reason[:LONGEST]), "model": model}

    def prefetch(self, pairings: Iterable[Row]) -> None:
        """With `batch = true`: ask about all of them in Batch jobs first."""
        if self.account.settings.batch:
            self.account.prefetch([request(pairing, first) for pairing in pairings for first in ORDERS])


def request(pairing: Row, first: Side) -> Request:
    """One call: the conversation and both answers, that of `first` before the other."""
    second = "b" if first == "a" else "a"
    asked = compare_question(pairing["messages"], pairing[first]["answer"], pairing[second]["answer"])
    return Request(asked.messages, asked.system, schema=asked.schema, row={"id": f"{pairing['id']}/{first}"})


def _read(reply: Reply) -> tuple[Preference, str]:
    return read_preference(reply.text), reply.model


def game_load(games: int, letters: int) -> Load:
    """For `plan`: calls about a conversation and two answers of so many `letters` together."""
    frame = compare_question([], "", "")
    return Load("game", games, len(frame.system) + len(frame.messages[0]["content"]) + letters, *TYPICAL)
