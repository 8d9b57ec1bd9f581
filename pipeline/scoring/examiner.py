"""Marks every answer of an examination: held-out ones in nine dimensions, the battery's by test, probes by what they
state. What cannot be marked keeps its place in every count, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.provider import Request
from pipeline.scoring.remote import RemoteJudge, open_judge
from pipeline.tasks.battery import question as battery_question
from pipeline.tasks.battery import scoring
from pipeline.tasks.battery.battery import Battery, Test, load_battery
from pipeline.tasks.battery.checks import Found
from pipeline.tasks.calibration.stated import read_probe
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.offline_judge import judge as offline
from pipeline.tasks.rubric import reward

UNSCORED: Row = {"scores": dict.fromkeys(DIMENSIONS), "reward": None}


@dataclass(frozen=True)
class Examiner:
    """Threads may share one. `remote` is None for the embedded judge."""

    config: Any
    battery: Battery
    remote: RemoteJudge | None

    def examine(self, row: Row) -> Row:
        """The row with its marks, without the truth. Raises ProviderError for what ends the step."""
        kept = {key: value for key, value in row.items() if key != "truth"}
        match row["set"]:
            case "heldout":
                return kept | self._dimensions(row)
            case "battery":
                test = self.battery.find(row["prompt_id"])
                verdict, why = scoring.score(test, row, self._ask if self.remote else None)
                return kept | {"test": row["prompt_id"], "verdict": verdict, "why": why}
        read = read_probe(row["truth"], row["answer"]) if row["outcome"] == "answered" else NOT_READ
        return kept | {"known": row["truth"]["answer"] is not None, **read}

    def _dimensions(self, row: Row) -> Row:
        if not is_written(row):
            return UNSCORED
        try:
            marks = self.remote.mark(row) if self.remote else self._embedded(row)
        except Quarantined as error:
            return {**UNSCORED, "why": f"the judge: {error}"}
        return {**marks, "reward": reward(marks["scores"], self.config.weights, self.config.renormalise)}

    def _embedded(self, row: Row) -> Row:
        return {"scores": offline.judge(row["truth"], row["messages"], row["thought"], row["answer"]).scores}

    def _ask(self, test: Test, row: Row) -> Found:
        assert self.remote is not None
        return self.remote.account.ask(request_for(test, row), lambda reply: battery_question.read(reply.text))

    def prefetch(self, rows: Sequence[Row]) -> None:
        """With `batch = true`: ask about all of them in Batch jobs first."""
        if self.remote is None:
            return
        self.remote.prefetch([row for row in rows if row["set"] == "heldout" and is_written(row)])
        tests = {test.id: test for test in self.battery.tests if not test.check}
        asked = [row for row in rows if row["set"] == "battery" and row["prompt_id"] in tests and is_written(row)]
        self.remote.account.prefetch([request_for(tests[row["prompt_id"]], row) for row in asked])


NOT_READ: Row = {"stated": None, "abstained": False, "right": None}


def is_written(row: Row) -> bool:
    """Where a service gave nothing, there is nothing to mark."""
    return row["finish"] not in ("blocked", "invalid")


def request_for(test: Test, row: Row) -> Request:
    asked = battery_question.question(test, row["answer"])
    return Request(asked.messages, asked.system, schema=asked.schema, row={"id": row["id"]})


@contextmanager
def open_examiner(context: Context, rows: Sequence[Row], bill: Row) -> Iterator[Callable[[Row], Row]]:
    """Marks rows for the length of the step; what that cost goes into `bill` at the end."""
    config, battery = context.config, load_battery(context.root)
    if config.judge.kind == "offline":
        yield Examiner(config, battery, None).examine
        return
    calls = sum(row["set"] != "calibration" and is_written(row) for row in rows)
    with open_judge(context, config.judge, config.rubric, calls=calls) as judge:
        examiner = Examiner(config, battery, judge)
        examiner.prefetch(rows)
        yield examiner.examine
        bill["spend"] = judge.account.summary()
