"""Ratings of anyone's battles, from a file alone: `stage ratings --battles FILE --out DIR`.

Every row is either used or left out for a reason that is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engine.errors import DataError, PipelineError
from pipeline.engine.rows import Row, RowWriter, file_hash, write_json
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, Finding, PlanContext, Stage
from pipeline.tasks.ingest.conversation import LeftOut
from pipeline.tasks.ingest.source import read_items
from pipeline.tasks.tournament.battles import read_battle
from pipeline.tasks.tournament.ratings import Resampling
from pipeline.tasks.tournament.standing import Standing

LEFT_OUT = "left_out.jsonl"
EVERY = 20_000
"""Rows between two reports of progress."""
MANY = 1_000
"""Contestants beyond which the tables of pairs grow too large: a file with that many names models wrongly."""


class Config(Settings):
    battles: Path
    """A JSONL, JSON or CSV file of battles: model_a, model_b and winner (model_a, model_b, tie, both_bad), or pairwise
    records with both games; with a prompt_id, prompts are resampled instead of battles."""
    rounds: int = Field(1000, ge=100)
    """Bootstrap rounds behind each interval."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Share of the resampled ratings that an interval holds."""


def run(context: Context) -> dict[str, Any]:
    config: Config = context.config
    standing, reasons = Standing(), dict[str, int]()
    rows = 0
    (context.out / LEFT_OUT).unlink(missing_ok=True)  # of a killed attempt; to begin anew takes seconds
    with RowWriter(context.out / LEFT_OUT) as left:
        for line, item in read_items(_file(config.battles)):
            rows += 1
            try:
                if isinstance(item, LeftOut):
                    raise item
                standing.add(read_battle(item))
            except LeftOut as fault:
                reasons[fault.reason] = reasons.get(fault.reason, 0) + 1
                standing.leave_out("invalid")
                left.write({"at": line, "reason": fault.reason, "detail": fault.detail})
            if len(standing.table.names) > MANY:
                raise DataError(
                    f"{config.battles} names more than {MANY} models.",
                    f"By line {line} there were that many.",
                    "Check that model_a and model_b hold names, and no ids or texts.",
                )
            if rows % EVERY == 0:
                context.emit.progress(rows, None, "battles")
                context.check_stop()
    context.emit.progress(rows, rows, "battles")

    def tell(done: int) -> None:
        context.emit.progress(done, config.rounds, "bootstrap rounds")
        context.check_stop()

    resampling = Resampling(context.seed, config.rounds, config.confidence)
    found = standing.to_row({"kind": "", "model": ""}, resampling, tell)
    for note in found["notes"]:
        context.emit.alert(note, level="note")
    if reasons:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        context.emit.alert(
            f"{sum(reasons.values())} of {rows} rows are left out, see {LEFT_OUT}: {told}.", level="note"
        )
    source: Row = {"name": config.battles.name, "sha256": file_hash(config.battles)}
    write_json(context.out / "ratings.json", found["ratings"])
    write_json(context.out / "tournament.json", found | {"left_out": reasons, "source": source})
    return {
        "asked": rows,
        "used": rows - sum(reasons.values()),
        "left_out": reasons,
        "ratings": found["ratings"],
        "notes": found["notes"],
    }


def _file(path: Path) -> Path:
    """Raises DataError where there is no such file."""
    if not path.is_file():
        raise DataError(f"{path} is no file.", "", "Give a file of battles: JSONL, JSON or CSV.")
    return path


def plan(context: PlanContext) -> list[Finding]:
    try:
        _file(context.config.battles)
        first = next(read_items(context.config.battles), None)
    except PipelineError as error:
        return [Finding("fault", f"{error.what} {error.why}".strip(), error.mend)]
    if first is None:
        return [Finding("warning", f"{context.config.battles} holds no row.", "")]
    return []


STAGE = Stage("ratings", Config, takes={}, makes="tournament", run=run, plan=plan)
