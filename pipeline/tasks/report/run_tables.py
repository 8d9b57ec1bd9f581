"""Tables of the run itself: its steps and judges, coverage of every count, cost and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.report.tables import Table
from pipeline.tasks.report.words import NONE, duration, money


def coverage_tables(coverage: Sequence[Row]) -> list[Table]:
    """One table for each set of words in use; a row that does not add up is marked `lost`."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for entry in coverage:
        groups.setdefault(tuple(entry["parts"]), []).append(entry)
    return [
        Table(
            ["", "asked", *words, "all there"],
            [
                [row["what"], str(row["asked"]), *map(str, row["parts"].values()), "yes" if row["whole"] else "NO"]
                for row in rows
            ],
            ["" if row["whole"] else "lost" for row in rows],
        )
        for words, rows in groups.items()
    ]


def cost_table(costs: Sequence[Row]) -> Table:
    rows = [
        [
            row["step"],
            duration(row["seconds"]),
            str(row["calls"] or NONE),
            f"{sum(row['tokens'][kind] for kind in ('input', 'output', 'thought')):,}" if row["calls"] else NONE,
            money(row["cost"]),
            f"{row['lost']}, at most {money(row['bound'])}" if row["lost"] else NONE,
            row["run"] or NONE,
        ]
        for row in costs
    ]
    known = [row["cost"] for row in costs if row["cost"] is not None]
    total = sum(row["seconds"] or 0 for row in costs)
    rows.append(["together", duration(total), "", "", money(sum(known) if known else None), "", ""])
    return Table(
        ["", "time", "paid calls", "tokens", "cost", "possibly billed for nothing", "made by the run"],
        rows,
        [""] * len(costs) + ["total"],
    )


def step_table(steps: Sequence[Row]) -> Table:
    rows = [
        [
            str(step["name"]),
            str(step["stage"] or "made elsewhere"),
            str(step["artifact"]),
            str(step["digest"] or NONE)[:12],
            "; ".join(f"{name}: {_references(references)}" for name, references in step["inputs"].items()) or NONE,
            NONE if step["seed"] is None else str(step["seed"]),
        ]
        for step in steps
    ]
    return Table(["step", "stage", "artifact", "content", "made from", "seed"], rows)


def _references(references: Mapping[str, Row]) -> str:
    """What an input names, and of each whether it is another one by now."""
    return ", ".join(
        name if entry["state"] == "as it was" else f"{name} ({entry['state']})" for name, entry in references.items()
    )


def asked_table(steps: Sequence[Row]) -> Table | None:
    """Who was asked, of each step of answers; None where there is none."""
    rows = [
        [str(step["name"]), str(who["kind"]), str(who["model"]), str(who["system_prompt"] or NONE)]
        for step in steps
        if isinstance(who := step["summary"].get("contestant"), Mapping)
    ]
    return Table(["contestant", "kind", "model", "system prompt"], rows) if rows else None


def judges_table(judges: Sequence[Row]) -> Table:
    rows = [[str(row[key] or NONE) for key in ("step", "kind", "model", "rubric")] for row in judges]
    return Table(["judge of", "kind", "model", "rubric"], rows)


def effect_table(steps: Sequence[Row]) -> Table | None:
    """Settings that were not in effect as they were asked; None where all were."""
    rows = [
        [f"{step['name']}.{key}", str(entry["asked"]), str(entry["in_effect"]), str(entry["why"])]
        for step in steps
        for key, entry in step["effective"].items()
    ]
    return Table(["setting", "asked", "in effect", "why"], rows) if rows else None
