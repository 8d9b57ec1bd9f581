"""What a report rests on: every step with its hashes and settings, what each asked and what came of it, its cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.rows import Row

KEPT = ("stage", "kind", "seed", "seconds", "run", "fingerprint", "digest")
TABLES = ("settings", "effective", "summary", "packages")
COUNTS = {"cut_off": "cut off", "not_yet": "not yet asked"}
"""Words of a summary's outcomes that are written otherwise elsewhere."""
TOKENS = ("input", "cached", "output", "thought")


@dataclass(frozen=True)
class Source:
    """A step behind the report: the name it was wired by, the artifact's folder name, and its made.json."""

    name: str
    artifact: str
    made: Row


def steps(sources: Sequence[Source]) -> list[Row]:
    """The steps, earliest first. Each input says whether the artifact is still the one that was read: `state` is
    `as it was`, `made anew since`, or `not here`."""
    present = {source.artifact: source.made.get("digest") for source in sources}

    def inputs(made: Row) -> Row:
        return {
            name: {reference: {**entry, "state": _state(entry, present)} for reference, entry in references.items()}
            for name, references in made.get("inputs", {}).items()
        }

    return [
        {
            "name": source.name,
            "artifact": source.artifact,
            **{key: source.made.get(key) for key in KEPT},
            **{key: source.made.get(key, {}) for key in TABLES},
            "inputs": inputs(source.made),
        }
        for source in sources
    ]


def _state(entry: Mapping[str, Any], present: Mapping[str, Any]) -> str:
    name = str(entry.get("path"))
    if name not in present:
        return "not here"
    same = present[name] == entry.get("digest") or entry.get("digest") is None
    return "as it was" if same else "made anew since"


def coverage(steps: Sequence[Row], evaluation: Row | None, tournament: Row | None) -> list[Row]:
    """Everything that was asked, and what came of it: {"what", "asked", "parts": {word: count}, "whole"}.

    `whole`: the parts add up to what was asked, so nothing was lost in silence.
    """
    found = [
        _covered(_named(step, key), outcomes["asked"], {key: n for key, n in outcomes.items() if key != "asked"})
        for step in steps
        for key, outcomes in _outcomes(step["summary"])
    ]
    for entry in (evaluation or {}).get("contestants", []):
        marked = {"marked": entry["answers"] - entry["unscored"], "unscored": entry["unscored"]}
        found.append(_covered(f"marks of {entry['name']}", entry["answers"], marked))
    for name, counts in _verdicts((evaluation or {}).get("battery")).items():
        found.append(_covered(f"battery of {name}", counts.pop("asked"), counts))
    if tournament and tournament.get("coverage"):
        counts = dict(tournament["coverage"])
        found.append(_covered("tournament", counts.pop("asked"), counts))
    return found


def _named(step: Row, key: str) -> str:
    return str(step["name"]) if key == "outcomes" else f"{step['name']}, {key}"


def _covered(what: str, asked: int, parts: Mapping[str, int]) -> Row:
    named = {COUNTS.get(word, word): count for word, count in parts.items()}
    return {"what": what, "asked": asked, "parts": named, "whole": sum(named.values()) == asked}


def _outcomes(summary: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """A summary's counts of what was asked, its own and those of a part of it (such as `expansion`)."""
    for key, value in summary.items():
        if not isinstance(value, Mapping):
            continue
        if key == "outcomes" and "asked" in value:
            yield key, value
        elif key == "sets":
            yield from ((name, {"asked": part["answers"], **part["outcomes"]}) for name, part in value.items())
        elif isinstance(value.get("outcomes"), Mapping) and "asked" in value["outcomes"]:
            yield key, value["outcomes"]


def _verdicts(battery: Row | None) -> dict[str, dict[str, int]]:
    """Contestant -> how many samples of all tests came to what."""
    found: dict[str, dict[str, int]] = {}
    for test in (battery or {}).get("tests", []):
        for result in test["results"]:
            counts = found.setdefault(result["contestant"], {"asked": 0})
            counts["asked"] += result["samples"]
            for outcome, count in result["outcomes"].items():
                counts[outcome] = counts.get(outcome, 0) + count
    return found


def costs(steps: Sequence[Row]) -> list[Row]:
    """Time and money of each step: {"step", "artifact", "run", "seconds", "calls", "tokens", "cost", "lost", "bound"}.

    `cost` is null where no paid account was asked; `bound` is the most that calls lost on the way can have cost.
    """
    found = []
    for step in steps:
        spends = list(_spends(step["summary"]))
        found.append(
            {
                "step": step["name"],
                "artifact": step["artifact"],
                "run": step["run"],
                "seconds": step["seconds"],
                "calls": sum(spend.get("calls") or 0 for spend in spends),
                "tokens": {kind: sum(spend.get(kind) or 0 for spend in spends) for kind in TOKENS},
                "cost": _sum([spend.get("cost") for spend in spends]),
                "lost": sum(spend.get("lost") or 0 for spend in spends),
                "bound": _sum([spend.get("lost_bound") for spend in spends]),
            }
        )
    return found


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _spends(summary: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key, value in summary.items():
        if isinstance(value, Mapping):
            if key.startswith("spend"):
                yield value
            elif key in ("expansion", "judge"):
                yield from _spends(value)


def judges(steps: Sequence[Row], evaluation: Row | None, tournament: Row | None) -> list[Row]:
    """Who marked what: {"step", "kind", "model", "rubric"}; the hash of the rubric is null where none was read."""
    named = [(str(step["name"]), step["summary"].get("judge")) for step in steps if step["stage"] == "judge"]
    named += [
        (name, part.get("judge")) for name, part in (("evaluation", evaluation), ("tournament", tournament)) if part
    ]
    return [
        {"step": name, **{key: judge.get(key) for key in ("kind", "model", "rubric")}}
        for name, judge in named
        if isinstance(judge, Mapping)
    ]
