"""Scorers: whoever gives completions their nine scores. One interface, so that a reward may be a mixture of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.scoring.remote import RemoteJudge
from pipeline.tasks.dimensions import Scores
from pipeline.tasks.offline_judge import judge as embedded
from pipeline.tasks.records import split_thought

Scorer = Callable[[Sequence[Row], Sequence[str]], Sequence[Scores | None]]
"""(prompt rows, the completion to each as a model wrote it) -> the scores of each, in order. In them, None is a
dimension that does not apply, and one that is absent is one that the scorer has no opinion of. None instead of scores:
it could not mark the text at all."""


def offline(rows: Sequence[Row], texts: Sequence[str]) -> list[Scores | None]:
    """The embedded judge, which marks what it knows the truth of."""
    return [
        None if row["truth"] is None else embedded.score_completion(row["truth"], row["messages"], text)[1]
        for row, text in zip(rows, texts, strict=True)
    ]


def applicable(row: Row) -> set[str] | None:
    """The dimensions that apply to a prompt, as its truth has it; None where nothing is known of it."""
    if row["truth"] is None:
        return None
    scores = embedded.judge(row["truth"], row["messages"], "", "").scores
    return {dimension for dimension, score in scores.items() if score is not None}


@dataclass
class Remote:
    """A judge behind an account, asked about the texts of a batch at once; equal answers to a prompt are one call."""

    judge: RemoteJudge
    pool: Executor
    lost: Counter[str] = field(default_factory=Counter)
    """Outcome (cut off, blocked, invalid) -> texts without a mark because the judge's reply was one."""

    def __call__(self, rows: Sequence[Row], texts: Sequence[str]) -> list[Scores | None]:
        keys = [(row["id"], text) for row, text in zip(rows, texts, strict=True)]
        asked: dict[tuple[str, str], Future[Scores]] = {}
        for key, row in zip(keys, rows, strict=True):
            if key not in asked:
                asked[key] = self.pool.submit(self._ask, row, key[1])
        try:
            marks = {key: self._mark(future) for key, future in asked.items()}
        except BaseException:
            for future in asked.values():
                future.cancel()
            raise
        return [marks[key] for key in keys]

    def _ask(self, row: Row, text: str) -> Scores:
        thought, answer, _ = split_thought(text)
        case = {"id": row["id"], "messages": row["messages"], "thought": thought, "answer": answer}
        return self.judge.ask(case)[0].scores

    def _mark(self, future: Future[Scores]) -> Scores | None:
        try:
            return future.result()
        except Quarantined as error:
            self.lost[error.outcome] += 1
            return None
