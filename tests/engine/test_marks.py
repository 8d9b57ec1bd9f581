from __future__ import annotations

from pathlib import Path

from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import check
from pipeline.engine.fingerprints import describe
from pipeline.engine.planner import Planned
from pipeline.engine.rows import Row, content_hash, write_json
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG

STEPS: Row = {"count": {"count": 4}, "weighed": {}, "gather": {}}
PLAIN = sum(number**2 + 7 for number in range(4))


def drive(run: Run) -> int:
    return Runner(run, CATALOG).drive()


def artifact(run: Run, step: str) -> Path:
    return Path(view_of(run)[0].steps[step].artifact)


def planned(workspace: Workspace, steps: Row = STEPS) -> dict[str, Planned]:
    config = check({"preset": "toy", "seed": 7, "steps": steps}, CATALOG, workspace.kind_of)
    entries = planner.plan(config, workspace)
    planner.inspect(entries, config, workspace)
    return {entry.step.name: entry for entry in entries}


def test_without_marks_nothing_changes(begin: Begin, workspace: Workspace) -> None:
    run = begin(steps=STEPS)
    assert drive(run) == 0
    before = planned(workspace)["weighed"]
    write_json(workspace.root / "marks.json", {})
    after = planned(workspace)["weighed"]
    assert before.state == after.state == "cached" and before.fingerprint == after.fingerprint
    plain = {
        "stage": "weighed", "version": 1, "settings": describe(before.step.settings),
        "inputs": {"numbers": [planned(workspace)["count"].fingerprint]}, "pins": {}, "seed": 7,
    }  # fmt: skip
    assert before.fingerprint == content_hash(plain), "as of a stage that honours no marks"
    assert "marks" not in read_made(artifact(run, "weighed"))


def test_marks_on_rows_that_are_not_there_yet_count_from_the_first_run_on(begin: Begin, workspace: Workspace) -> None:
    write_json(workspace.root / "marks.json", {"2": 10})
    unmade = planned(workspace)["weighed"]
    assert unmade.marks.honoured == {} and unmade.state == "new"
    run = begin(steps=STEPS)
    assert drive(run) == 0
    assert view_of(run)[0].steps["weighed"].summary == {"total": PLAIN + 9 * (4 + 7)}
    assert artifact(run, "weighed") != unmade.artifact
    assert read_made(artifact(run, "weighed"))["marks"] == {"numbers": {"2": 10}}
    assert [entry.state for entry in planned(workspace).values()] == ["cached"] * 3
    assert not unmade.artifact.exists()


def test_a_changed_mark_makes_the_step_and_what_follows_anew_and_plan_says_why(
    begin: Begin, workspace: Workspace
) -> None:
    first = begin(steps=STEPS)
    drive(first)
    write_json(workspace.root / "marks.json", {"1": 0, "3": 0})
    entries = planned(workspace)
    assert (entries["count"].state, entries["weighed"].state, entries["gather"].state) == ("cached", "new", "new")
    assert entries["weighed"].why == "2 marks on its numbers changed"
    assert entries["gather"].why == "input totals changed"
    assert entries["weighed"].findings[0].text == "2 marks"
    second = begin(steps=STEPS)
    assert drive(second) == 0
    assert view_of(second)[0].steps["count"].state == "cached"
    assert view_of(second)[0].steps["weighed"].summary == {"total": PLAIN - 8 - 16}
    write_json(workspace.root / "marks.json", {"1": 0})
    assert planned(workspace)["weighed"].why == "1 mark on its numbers changed"
    (workspace.root / "marks.json").unlink()
    entries = planned(workspace)
    assert entries["weighed"].state == "cached" and entries["weighed"].artifact == artifact(first, "weighed")


def test_marks_that_fit_no_row_are_told_once_and_do_not_count(begin: Begin, workspace: Workspace) -> None:
    steps = {"count": {"count": 4}, "weighed": {}, "other": {"stage": "weighed", "from": {"numbers": "count"}}}
    drive(begin(steps=steps))
    write_json(workspace.root / "marks.json", {"77": 2})
    entries = planned(workspace, steps)
    assert {entry.state for entry in entries.values()} == {"cached"}
    notes = [finding for entry in entries.values() for finding in entry.findings]
    assert [note.text for note in notes] == [
        "1 mark on rows that are not read here (row 77): the texts are others now."
    ]


def test_fresh_makes_what_marks_decide_anew_and_only_once(begin: Begin, workspace: Workspace) -> None:
    write_json(workspace.root / "marks.json", {"2": 10})
    drive(begin(steps=STEPS))
    run = begin(steps=STEPS, fresh=["weighed"])
    assert drive(run) == 0
    assert view_of(run)[0].steps["weighed"].state == "done"
    made = read_made(artifact(run, "weighed"))
    assert drive(run) == 0, "resumed"
    assert read_made(artifact(run, "weighed")) == made


def test_fresh_does_not_touch_a_folder_that_is_not_ours(begin: Begin, workspace: Workspace) -> None:
    (workspace.root / "full").mkdir()
    (workspace.root / "full" / "thesis.doc").write_text("years of work", encoding="utf-8")
    assert drive(begin('weighed.out="full"', steps=STEPS | {"weighed": {}}, fresh=["weighed"])) == 2
    assert (workspace.root / "full" / "thesis.doc").read_text("utf-8") == "years of work"
