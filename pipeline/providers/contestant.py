"""Asks for an answer that is to be examined, where one that was cut off or blocked is a result like any other."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engine.fanout import Quarantined
from pipeline.providers.account import Account
from pipeline.providers.provider import Finish, Reply, Request

FINISHES: dict[str, Finish] = {"cut off": "length", "blocked": "blocked", "invalid": "invalid"}


@dataclass(frozen=True)
class Answered:
    thought: str
    answer: str
    finish: Finish
    tokens: int
    """Generated, thought included, as the service counts them."""
    model: str = ""
    """As the service reports it."""
    why: str = ""
    """Of one that did not come to its own end: the service's word for it."""


def answer_to(account: Account, request: Request) -> Answered:
    """Raises ProviderError for what ends the step, and StopRequested; never Quarantined.

    What there is of an answer that did not come to its end stands in the ledger, thought and all.
    """
    try:
        return account.ask(request, lambda reply: _answered(reply, reply.finish))
    except Quarantined as error:
        call = account.ledger.find(account.key(request))
        if call is None or call.raw is None:
            return Answered("", error.text, FINISHES[error.outcome], 0, why=error.reason)
        return _answered(account.read(call.raw), FINISHES[error.outcome], error.reason)


def _answered(reply: Reply, finish: Finish, why: str = "") -> Answered:
    return Answered(
        reply.thought.strip(), reply.text.strip(), finish, reply.usage.output + reply.usage.thought, reply.model, why
    )
