from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import check
from pipeline.engine.errors import Busy
from pipeline.engine.events import Event, Tail
from pipeline.engine.rows import read_json, read_rows
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG


def drive(run: Run) -> int:
    return Runner(run, CATALOG).drive()


def kinds(run: Run) -> list[str]:
    return [event.kind for event in Tail(run.events).read()]


def last(run: Run) -> Event:
    return Tail(run.events).read()[-1]


def artifact(run: Run, step: str) -> Path:
    return Path(view_of(run)[0].steps[step].artifact)


def test_a_run_makes_artifacts_and_the_next_one_uses_them(begin: Begin) -> None:
    run = begin()
    assert drive(run) == 0
    total = sum(number**2 + 7 for number in range(20))
    assert read_json(artifact(run, "sum") / "total.json") == {"total": total}
    made = read_made(artifact(run, "sum"))
    assert made["inputs"]["numbers"]["count"]["digest"] == read_made(artifact(run, "count"))["digest"]
    assert made["kind"] == "total" and made["files"]["total.json"]["bytes"] > 0
    assert not (artifact(run, "sum") / "making.json").exists()
    again = begin()
    assert drive(again) == 0
    assert kinds(again).count("step.cached") == 2 and "step.started" not in kinds(again)
    assert view_of(again)[0].steps["sum"].summary["total"] == total
    changed = begin("sum.times=2")
    assert drive(changed) == 0
    assert kinds(changed).count("step.cached") == 1
    assert artifact(changed, "sum") != artifact(run, "sum")


def test_asides_do_not_change_the_artifact_and_named_files_do(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "named.txt").write_text("one", encoding="utf-8")
    words = f'count.file="{(tmp_path / "named.txt").as_posix()}"'
    runs = [begin(words), begin(words, "count.pause=0.001", "count.resource={workers=3}")]
    assert [drive(run) for run in runs] == [0, 0]
    assert artifact(runs[0], "count") == artifact(runs[1], "count")
    (tmp_path / "named.txt").write_text("two", encoding="utf-8")
    changed = begin(words)
    drive(changed)
    assert artifact(changed, "count") != artifact(runs[0], "count")


@pytest.mark.parametrize(
    ("trouble", "code", "what"),
    [
        ("raise", 1, "ValueError: no such luck"),
        ("config", 2, "what"),
        ("exit", 1, "The worker process died: exit code 9."),
    ],
)
@pytest.mark.parametrize("stage", ["sum", "light_sum"])
def test_failures_are_told_and_keep_what_is_done(begin: Begin, trouble: str, code: int, what: str, stage: str) -> None:
    if trouble == "exit" and stage == "light_sum":
        pytest.skip("a light stage that ends its process ends the runner, which no event can tell")
    run = begin(steps={"count": {}, stage: {"trouble": trouble}})
    assert drive(run) == code
    view, life = view_of(run)
    assert life == "failed" and view.finished is not None
    assert view.finished["error"]["what"] == what
    assert view.steps[stage].state == "failed" and view.steps["count"].state == "done"
    if trouble == "exit":
        assert "last words" in view.finished["error"]["why"]
    assert kinds(run).count("step.failed") == 1


def test_a_step_may_ask_for_fresh_processes_as_long_as_each_goes_another_way(begin: Begin) -> None:
    run = begin("sum.trouble=fresh")
    assert drive(run) == 0
    pids = (artifact(run, "sum") / "tried").read_text("utf-8").split()
    assert len({*pids, str(view_of(run)[0].steps["sum"].summary["pid"])}) == 4
    texts = [alert.data["text"] for alert in view_of(run)[0].alerts]
    assert texts == [f"spoilt {number} for a reason Trying again in a fresh process." for number in range(3)]


def test_the_same_way_is_not_tried_twice(begin: Begin) -> None:
    run = begin("sum.trouble=again")
    assert drive(run) == 1
    assert kinds(run).count("alert") == 1
    assert "tried already" in last(run).data["error"]["why"]


def test_a_stage_may_know_a_way_on_after_the_death_of_its_process(begin: Begin) -> None:
    run = begin("sum.trouble=dies")
    assert drive(run) == 0
    (alert,) = view_of(run)[0].alerts
    assert alert.data["text"] == "The worker process died: exit code 9. Another way. Trying again in a fresh process."


def test_a_verdict_not_met_is_exit_code_four(begin: Begin) -> None:
    run = begin("sum.met=false")
    assert drive(run) == 4
    assert view_of(run)[1] == "unmet"
    assert drive(begin("sum.met=false")) == 4, "a cached verdict speaks as a fresh one does"


def test_heavy_steps_share_one_process(begin: Begin) -> None:
    run = begin(steps={"count": {}, "a": {"stage": "sum"}, "b": {"stage": "sum", "times": 2}})
    assert drive(run) == 0
    steps = view_of(run)[0].steps
    assert steps["a"].summary["pid"] == steps["b"].summary["pid"]


def test_stop_is_honoured_and_resume_goes_on(begin: Begin) -> None:
    run = begin("count.count=200", "count.pause=0.01", "sum.pause=30.0")
    thread = threading.Thread(target=drive, args=(run,))
    thread.start()
    while not run.events.exists() or "progress" not in kinds(run):
        time.sleep(0.02)
    asked = time.monotonic()
    run.ask_stop()
    thread.join(timeout=60)
    assert time.monotonic() - asked < 25, "the other step alone takes 30 s"
    assert last(run).data["code"] == 3 and view_of(run)[1] == "stopped"
    assert 0 < len(list(read_rows(artifact(run, "count") / "rows.jsonl"))) < 200
    run.stop_file.unlink()
    thread = threading.Thread(target=drive, args=(run,))
    thread.start()
    while "sum" not in view_of(run)[0].steps:
        time.sleep(0.05)
    run.ask_stop()
    thread.join(timeout=60)
    assert last(run).data["state"] == "stopped", "a stop reaches the child process as well"
    events = Tail(run.events).read()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.attempt for event in events} == {1, 2}
    ids = [row["id"] for row in read_rows(artifact(run, "count") / "rows.jsonl")]
    assert ids == [str(number) for number in range(200)]


def test_an_edited_artifact_is_refused_and_made_anew_on_request(begin: Begin, workspace: Workspace) -> None:
    first = begin()
    drive(first)
    file = artifact(first, "count") / "rows.jsonl"
    file.write_text('{"id":"0","square":1}\n', encoding="utf-8")
    run = begin()
    assert drive(run) == 1
    assert "was changed after it was made" in last(run).data["error"]["what"]
    config = check(run.tree(), CATALOG, workspace.kind_of)
    assert planner.plan(config, workspace)[0].state == "edited"
    fresh = begin(fresh=["count"])
    assert drive(fresh) == 0
    assert len(list(read_rows(file))) == 20
    assert kinds(fresh).count("step.cached") == 1, "the same rows came out, so the sum of them still stands"


def test_a_touched_file_with_the_same_content_is_no_edit(begin: Begin) -> None:
    run = begin()
    drive(run)
    file = artifact(run, "count") / "rows.jsonl"
    file.write_bytes(file.read_bytes())
    assert drive(begin()) == 0


def test_inputs_made_anew_with_another_content_make_what_is_built_on_them_stale(begin: Begin) -> None:
    run = begin()
    drive(run)
    made = artifact(run, "sum") / "made.json"
    made.write_text(made.read_text("utf-8").replace(read_made(artifact(run, "count"))["digest"], "0" * 64), "utf-8")
    again = begin()
    assert drive(again) == 0
    assert kinds(again).count("step.finished") == 1


def test_a_second_runner_of_one_run_is_refused(begin: Begin) -> None:
    run = begin()
    with run.lock(), pytest.raises(Busy, match="already running"):
        drive(run)
    assert drive(run) == 0


def test_two_runs_that_need_one_artifact_make_it_once(begin: Begin) -> None:
    runs = [begin("count.count=100", "count.pause=0.01") for _ in range(2)]
    threads = [threading.Thread(target=drive, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    ways = sorted(view_of(run)[0].steps["count"].state for run in runs)
    assert ways == ["cached", "done"]
    assert sum("wait" in kinds(run) for run in runs) == 1


def test_until_only_and_missing_inputs(begin: Begin) -> None:
    run = begin(only="sum")
    assert drive(run) == 2
    assert "not made yet" in last(run).data["error"]["what"]
    run = begin(until="count")
    assert drive(run) == 0 and list(view_of(run)[0].steps) == ["count"]
    run = begin(only="sum")
    assert drive(run) == 0 and list(view_of(run)[0].steps) == ["sum"]
    assert drive(begin(until="nothing")) == 2


def test_a_name_never_moves(begin: Begin, workspace: Workspace) -> None:
    run = begin('sum.name="mine"')
    assert drive(run) == 0
    assert workspace.find("mine") == artifact(run, "sum")
    other = begin('sum.name="mine"', "sum.times=3")
    assert drive(other) == 2
    error = last(other).data["error"]["what"]
    assert artifact(run, "sum").name in error and artifact(other, "sum").name in error


def test_a_chosen_folder_is_used_and_never_overwritten(begin: Begin, workspace: Workspace) -> None:
    (workspace.root / "here").mkdir()
    run = begin('sum.out="here"')
    assert drive(run) == 0 and (workspace.root / "here" / "total.json").exists()
    other = begin('sum.out="here"', "sum.times=3")
    assert drive(other) == 1
    assert "holds what other settings made" in last(other).data["error"]["what"]
    (workspace.root / "full").mkdir()
    (workspace.root / "full" / "thesis.doc").write_text("years of work", encoding="utf-8")
    third = begin('sum.out="full"')
    assert drive(third) == 2
    assert "holds something else" in last(third).data["error"]["what"]


def test_plan_says_what_changed(begin: Begin, workspace: Workspace) -> None:
    drive(begin())
    config = check(begin("sum.times=5").tree(), CATALOG, workspace.kind_of)
    planned = planner.plan(config, workspace)
    planner.inspect(planned, config, workspace)
    assert [(entry.state, entry.why) for entry in planned] == [("cached", ""), ("new", "times: 1 -> 5")]
    assert planned[1].findings[0].data == {"inputs": ["numbers"]}
