"""The battery's table: of every test and contestant each verdict's count, and the pass rate with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.battery.battery import Battery
from pipeline.tasks.battery.scoring import VERDICTS
from pipeline.tasks.statistics import wilson


def tally(battery: Battery, rows: Iterable[Row], contestants: Sequence[str], confidence: float) -> Row:
    """{"tests", "totals"} as docs/formats.md has them. `rows`: answers with `contestant`, `test` and `verdict`.

    A rate is of the answers that passed, failed or refused; its interval is Wilson's, for the answers to one test are
    draws from one model and few.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["test"], row["contestant"]), []).append(row)
    tests = [
        {
            "id": test.id,
            "title": test.title,
            "kind": test.kind,
            "prompt": test.prompt,
            "results": [_result(name, found.get((test.id, name), []), confidence) for name in contestants],
        }
        for test in battery.tests
    ]
    totals = [
        {"contestant": name, "group": group, **_total([found.get((test.id, name), []) for test in battery.tests
                                                       if test.group == group])}
        for name in contestants
        for group in battery.groups
    ]  # fmt: skip
    return {"tests": tests, "totals": totals}


def _result(contestant: str, rows: list[Row], confidence: float) -> Row:
    counts = Counter(row["verdict"] for row in rows)
    decided = counts["passed"] + counts["failed"] + counts["refused"]
    return {
        "contestant": contestant,
        "samples": len(rows),
        "outcomes": {verdict: counts[verdict] for verdict in VERDICTS},
        "rate": wilson(counts["passed"], decided, confidence).to_row(),
        "answers": [row["id"] for row in rows],
    }


def _total(tests: list[list[Row]]) -> Row:
    return {
        "passed": sum(row["verdict"] == "passed" for rows in tests for row in rows),
        "of": sum(len(rows) for rows in tests),
    }
