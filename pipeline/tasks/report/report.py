"""The report of a run as one value, `report.json`: what Markdown, HTML and every screen show is read from it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import CATEGORIES
from pipeline.tasks.verdict import Evidence, Thresholds, Training, decide

FORMAT = 1
LONGEST = 6000
"""Characters of one text that are shown; the whole of it stands in the evaluation's rows."""
POINTS = 400
"""Points of a curve that are kept; longer ones are averaged."""


@dataclass(frozen=True)
class Source:
    """An input of the report: the name it was wired by, the artifact's folder name, and its made.json."""

    name: str
    artifact: str
    made: Row


def assemble(
    *,
    criteria: str,
    thresholds: Thresholds,
    seed: int,
    evaluation: Row | None,
    answers: Sequence[Row],
    trainings: Sequence[Training],
    sources: Sequence[Source],
    gguf: str,
    chat: str,
    per_category: int,
) -> Row:
    """report.json. `answers` are the evaluation's rows; `gguf` is the path of the exported model below the
    workspace's root, and `chat` the line that talks to it; empty where none was given."""
    return {
        "format": FORMAT,
        "verdict": decide(criteria, Evidence(evaluation, trainings, seed), thresholds),
        "table": score_table(evaluation),
        "last_table": score_table(evaluation, against=-2) if _several(evaluation) else [],
        "evaluation": evaluation,
        "training": [{"name": run.name, "stage": run.stage, "curves": curves(run.metrics)} for run in trainings],
        "answers": sample_answers(answers, evaluation, per_category),
        "gguf": gguf,
        "chat": chat,
        "steps": [_step(source) for source in sources],
    }


def _several(evaluation: Row | None) -> bool:
    return evaluation is not None and len(evaluation["contestants"]) > 2


def score_table(evaluation: Row | None, against: int = 0) -> list[Row]:
    """Reward and nine dimensions, baseline against tuned: name and {"mean", "low", "high", "n"} of each.

    The last contestant is the tuned one, that at the place `against` the baseline. `tuned` and `difference` are None
    where there is one contestant alone.
    """
    if evaluation is None:
        return []
    baseline, tuned = evaluation["contestants"][against], evaluation["contestants"][-1]
    pair = find_pair(evaluation, tuned["name"], baseline["name"])

    def row(name: str) -> Row:
        def of(scores: Row) -> Row:
            return dict(scores["reward"] if name == "reward" else scores["dimensions"][name])

        return {
            "name": name,
            "baseline": of(baseline),
            "tuned": of(tuned) if pair else None,
            "difference": of(pair) if pair else None,
        }

    return [row(name) for name in ("reward", *DIMENSIONS)]


def mean_text(estimate: Row | None, signed: bool = False) -> str:
    """An estimate's mean for people; a dash where there is none."""
    return "–" if estimate is None or estimate["mean"] is None else format(estimate["mean"], _form(signed))


def interval_text(estimate: Row | None, signed: bool = False) -> str:
    if estimate is None or estimate["low"] is None:
        return "–"
    return f"[{estimate['low']:{_form(signed)}}, {estimate['high']:{_form(signed)}}]"


def score_cells(row: Row) -> list[str]:
    """A row of the table of scores in words: name, baseline, tuned, difference, its interval, prompts."""
    return [
        row["name"].replace("_", " "),
        mean_text(row["baseline"]),
        mean_text(row["tuned"]),
        mean_text(row["difference"], signed=True),
        interval_text(row["difference"], signed=True),
        str((row["difference"] or row["baseline"])["n"]),
    ]


def _form(signed: bool) -> str:
    return "+.3f" if signed else ".3f"


def find_pair(evaluation: Row, contestant: str, against: str) -> Row | None:
    return next(
        (pair for pair in evaluation["pairs"] if (pair["contestant"], pair["against"]) == (contestant, against)), None
    )


def curves(metrics: Sequence[Row]) -> dict[str, list[float | None]]:
    """Columns `step`, `loss`, `reward` and `score/<dimension>`, as far as they were logged; at most POINTS long.

    A step that was logged twice, before and after a resume, counts as it was logged last.
    """
    rows = [row for _, row in sorted({row["step"]: row for row in metrics}.items())]
    names = [
        name
        for name in ("loss", "reward", *(f"score/{dimension}" for dimension in DIMENSIONS))
        if any(row.get(name) is not None for row in rows)
    ]
    size = -(-len(rows) // POINTS) or 1
    buckets = [rows[start : start + size] for start in range(0, len(rows), size)]
    return {name: [_bucket_mean(bucket, name) for bucket in buckets] for name in ("step", *names)}


def _bucket_mean(rows: Sequence[Row], name: str) -> float | None:
    found = [row[name] for row in rows if row.get(name) is not None]
    return sum(found) / len(found) if found else None


def sample_answers(rows: Sequence[Row], evaluation: Row | None, per_category: int) -> list[Row]:
    """The first prompts of each category, with the first answer of every contestant to each."""
    if evaluation is None:
        return []
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    first = {(row["contestant"], row["prompt_id"]): row for row in reversed(rows)}
    prompts: dict[str, Row] = {row["prompt_id"]: row for row in rows}
    chosen = [
        row
        for category in CATEGORIES
        for row in [row for row in prompts.values() if row["category"] == category][:per_category]
    ]
    return [
        {
            "prompt_id": prompt["prompt_id"],
            "category": prompt["category"],
            "messages": [{**turn, "content": _cut(turn["content"])} for turn in prompt["messages"]],
            "answers": [_answer(first[name, prompt["prompt_id"]]) for name in names],
        }
        for prompt in chosen
    ]


def _answer(row: Row) -> Row:
    kept = ("contestant", "sample", "outcome", "tokens", "scores", "reward")
    return {**{key: row[key] for key in kept}, "thought": _cut(row["thought"]), "answer": _cut(row["answer"])}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"


def _step(source: Source) -> Row:
    made = source.made
    return {
        "name": source.name,
        "artifact": source.artifact,
        **{key: made.get(key) for key in ("stage", "seed", "seconds")},
        **{key: made.get(key, {}) for key in ("settings", "effective", "summary", "inputs", "packages")},
    }


def side_by_side(left: Row, right: Row) -> Row:
    """Two reports compared: plain data for the tables of `report RUN OTHER`.

    {"verdict": [{"name", "left", "right"}], "settings": [{"step", "key", "left", "right"}] (those that differ alone),
    "results": [{"name", "left", "right", "left_gain", "right_gain", "difference"}]}. Each side's `tuned` estimate and
    its gain over its own baseline; `difference` is right - left of the tuned means, without an interval: the two runs
    share no pairs that a report knows of.
    """
    return {
        "verdict": _verdicts(left["verdict"], right["verdict"]),
        "settings": _differing(_settings(left), _settings(right)),
        "results": [_result(old, new) for old, new in _matched(left["table"], right["table"])],
    }


def _verdicts(left: Row, right: Row) -> list[Row]:
    sides = [{row["name"]: row["outcome"] for row in side["criteria"]} for side in (left, right)]
    rows = [{"name": "verdict", "left": left["outcome"], "right": right["outcome"]}]
    return rows + [
        {"name": name, "left": sides[0].get(name), "right": sides[1].get(name)} for name in {**sides[0], **sides[1]}
    ]


def _settings(report: Row) -> dict[tuple[str, str], Any]:
    flat: dict[tuple[str, str], Any] = {}

    def walk(step: str, prefix: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if isinstance(value, Mapping):
                walk(step, f"{prefix}{key}.", value)
            else:
                flat[step, f"{prefix}{key}"] = value

    for step in report["steps"]:
        walk(step["name"], "", {"seed": step["seed"], **step["settings"]})
    return flat


def _differing(left: Mapping[tuple[str, str], Any], right: Mapping[tuple[str, str], Any]) -> list[Row]:
    return [
        {"step": step, "key": key, "left": left.get((step, key)), "right": right.get((step, key))}
        for step, key in {**left, **right}
        if left.get((step, key)) != right.get((step, key))
    ]


def _matched(left: Sequence[Row], right: Sequence[Row]) -> list[tuple[Row, Row]]:
    others = {row["name"]: row for row in right}
    empty: Row = {"tuned": None, "difference": None}
    names = dict.fromkeys([*(row["name"] for row in left), *others])
    mine = {row["name"]: row for row in left}
    return [(mine.get(name, {"name": name, **empty}), others.get(name, {"name": name, **empty})) for name in names]


def _result(left: Row, right: Row) -> Row:
    return {
        "name": left["name"],
        "left": left["tuned"],
        "right": right["tuned"],
        "left_gain": left["difference"],
        "right_gain": right["difference"],
        "difference": right["tuned"]["mean"] - left["tuned"]["mean"] if _has_mean(left) and _has_mean(right) else None,
    }


def _has_mean(row: Row) -> bool:
    return row["tuned"] is not None and row["tuned"]["mean"] is not None
