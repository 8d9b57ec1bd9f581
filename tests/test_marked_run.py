"""Marks from the command to the rows that a trainer gets, through the real stages and the runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.catalog import CATALOG
from pipeline.commands import browse
from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import check
from pipeline.engine.planner import Planned
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.runner import Runner
from pipeline.engine.runs import create_run
from pipeline.engine.view import view_of

TREE: dict[str, Any] = {
    "preset": "marked",
    "seed": 1,
    "steps": {
        "prompts": {"safety": 6, "complexity": 0, "dialogue": 0, "conflict": 6, "calibration": 0},
        "traces": {},
        "judge": {},
        "select": {"per_prompt": 2},
        "again": {"stage": "select", "min_reward": 0.5},
    },
}


def planned(workspace: Workspace) -> dict[str, Planned]:
    entries = planner.plan(check(TREE, CATALOG, workspace.kind_of), workspace)
    return {entry.step.name: entry for entry in entries}


def run(workspace: Workspace) -> dict[str, Path]:
    """Run all, and give the artifact of every step."""
    made = create_run(workspace, check(TREE, CATALOG, workspace.kind_of), {})
    assert Runner(made, CATALOG).drive() == 0
    return {name: Path(step.artifact) for name, step in view_of(made)[0].steps.items()}


def rows(artifact: Path) -> dict[str, Row]:
    return {row["id"]: row for row in read_rows(artifact / "rows.jsonl")}


def test_marking_a_row_and_running_again_makes_what_is_learnt_anew(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first = run(workspace)
    learnt = rows(first["again"])
    worst = min(
        (row for row in rows(first["judge"]).values() if row["split"] == "train" and row["id"] not in learnt),
        key=lambda row: row["reward"],
    )
    gone, changed, *_ = learnt.values()
    judged = first["judge"].name
    browse.mark(workspace, judged, gone["id"], "reject", "")
    browse.mark(workspace, judged, worst["id"], "accept", "")
    browse.mark(workspace, judged, changed["id"], "edit", "What a person would say.")
    browse.mark(workspace, judged, changed["id"], "note", "so much better")
    entries = planned(workspace)
    assert entries["select"].why == "3 marks on its scores changed"
    assert [entry.state for entry in entries.values()] == ["cached", "cached", "cached", "new", "new"]
    second = run(workspace)
    taken = rows(second["again"])
    assert gone["id"] not in taken
    assert worst["reward"] < 0.5 and taken[worst["id"]]["mark"] == "accept"
    assert (taken[changed["id"]]["answer"], taken[changed["id"]]["thought"]) == (
        "What a person would say.",
        changed["thought"],
    )
    assert [entry.state for entry in planned(workspace).values()] == ["cached"] * 5
    assert all(not entry.findings for entry in planned(workspace).values()), "every mark fits a row of one of the steps"
    for row in (gone, worst, changed):
        browse.mark(workspace, judged, row["id"], "clear", "")
    assert {name: entry.artifact for name, entry in planned(workspace).items()} == first
    assert run(workspace) == first


def test_a_mark_on_a_text_that_is_gone_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    judged = run(workspace)["judge"]
    row = next(row for row in rows(judged).values() if row["split"] == "train")
    browse.mark(workspace, judged.name, row["id"], "reject", "")
    again = {**TREE, "seed": 2}
    made = create_run(workspace, check(again, CATALOG, workspace.kind_of), {})
    assert Runner(made, CATALOG).drive() == 0
    entries = planner.plan(check(again, CATALOG, workspace.kind_of), workspace)
    (finding,) = [finding for entry in entries for finding in entry.findings]
    assert finding.level == "note" and f"1 mark on rows that are not read here ({row['id']})" in finding.text
