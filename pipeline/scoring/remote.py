"""A judge behind an account: the question about a text, the verdicts read, several samples made one.

Whoever marks with it, the judge stage, its report or a reward, asks in the same words and so shares the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.account import Account, open_account
from pipeline.providers.foresee import Load
from pipeline.providers.provider import ProviderSettings, Reply, Request
from pipeline.tasks.judging.question import question, question_hash
from pipeline.tasks.judging.samples import combine
from pipeline.tasks.judging.verdict import Judgment, read_verdict
from pipeline.tasks.offline_judge.judge import MODEL
from pipeline.tasks.rubric import Rubric, load_rubric, rubric_hash

TYPICAL = (800, 600)
"""Tokens of thought and verdict that `plan` assumes of a remote judge. Assumptions, not measured."""


@dataclass(frozen=True)
class RemoteJudge:
    """Marks rows with `id`, `messages`, `thought` and `answer`. Threads may share one."""

    account: Account
    rubric: Rubric
    samples: int = 1

    def request(self, row: Row, sample: int = 0) -> Request:
        """One call. Weights have no part in it: changed ones make new rewards of the same answers."""
        asked = question(self.rubric, row["messages"], row["thought"], row["answer"])
        return Request(asked.messages, asked.system, schema=asked.schema, sample=sample, row={"id": row["id"]})

    def prefetch(self, rows: Iterable[Row]) -> None:
        """With `batch = true`: ask about all of them in Batch jobs first."""
        if self.account.settings.batch:
            self.account.prefetch([self.request(row, sample) for row in rows for sample in range(self.samples)])

    def ask(self, row: Row, sample: int = 0) -> tuple[Judgment, str]:
        """One judgment, and the model that gave it. Raises as `Account.ask` does."""
        return self.account.ask(self.request(row, sample), _read)

    def mark(self, row: Row) -> Row:
        """`scores`, `reasons`, `spread`, `judge`, and of several samples `samples`.

        The mean of the samples that can be used. Raises the first sample's Quarantined where none can.
        """
        found: list[tuple[Judgment, str]] = []
        failed: list[Quarantined] = []
        for sample in range(self.samples):
            try:
                found.append(self.ask(row, sample))
            except Quarantined as error:
                failed.append(error)
        if not found:
            raise failed[0]
        combined = combine([judgment for judgment, _ in found])
        singles = [{"model": model, "scores": one.scores, "reasons": one.reasons} for one, model in found]
        return {
            "scores": combined.judgment.scores,
            "reasons": combined.judgment.reasons,
            "spread": combined.spread,
            **({"samples": singles} if self.samples > 1 else {}),
            "judge": {
                "kind": self.account.settings.kind,
                "model": ", ".join(dict.fromkeys(model for _, model in found)),
                "rubric": question_hash(self.rubric),
                "samples": self.samples,
                "unusable": len(failed),
            },
        }


def _read(reply: Reply) -> tuple[Judgment, str]:
    return read_verdict(reply.text), reply.model


@contextmanager
def open_judge(
    context: Context,
    settings: ProviderSettings,
    rubric: Path | None,
    *,
    calls: int,
    samples: int = 1,
    clock: Callable[[], int] | None = None,
) -> Iterator[RemoteJudge]:
    """A judge for the length of a step; `calls` and `clock` as `open_account` has them."""
    loaded = load_rubric(rubric)
    with open_account(settings, context, calls=calls, clock=clock) as account:
        yield RemoteJudge(account, loaded, samples)


def verdict_load(rubric: Rubric, calls: int, letters: int, what: str = "verdict") -> Load:
    """For `plan`: calls about texts of so many `letters` each, prompt, thought and answer together."""
    frame = question(rubric, [], "", "")
    return Load(what, calls, len(frame.system) + len(frame.messages[0]["content"]) + letters, *TYPICAL)


def judge_pins(settings: ProviderSettings, rubric: Path | None) -> dict[str, str]:
    """What lies outside a config and decides the marks: those of another judge or rubric do not compare."""
    if settings.kind == "offline":
        return {"judge": MODEL, "rubric": rubric_hash()}
    return {"rubric": question_hash(load_rubric(rubric))}
