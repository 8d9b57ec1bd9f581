from __future__ import annotations

from typing import Any

from pipeline.engine.events import Event
from pipeline.engine.view import fold


def events(*entries: tuple[float, str, dict[str, Any]]) -> list[Event]:
    return [Event(seq, t, 1, "sft", kind, data) for seq, (t, kind, data) in enumerate(entries, 1)]


STARTED = (0.0, "run.started", {"pid": 5, "preset": "p"})
STEP = (0.0, "step.started", {"stage": "sft", "artifact": "a"})
FINISHED = (9.0, "run.finished", {"state": "done", "code": 0, "seconds": 9.0, "error": None})


def metrics(until: int) -> list[tuple[float, str, dict[str, Any]]]:
    return [(float(t), "metric", {"step": t, "loss": 1.0 / t}) for t in range(1, until)]


def test_states() -> None:
    assert fold([]).life(alive=False) == "new"
    running = fold(events(STARTED, STEP, *metrics(10)))
    assert running.life(alive=True, now=10.0) == "running"
    assert running.life(alive=True, now=10.0 + 40.0) == "stalled"
    assert running.life(alive=False) == "died"
    assert fold(events(STARTED, STEP, FINISHED)).life(alive=False) == "done"
    waiting = fold(events(STARTED, STEP, *metrics(10), (10.0, "wait", {"reason": "quota", "until": 99.0})))
    assert waiting.life(alive=True, now=80.0) == "waiting"
    assert fold(events(STARTED, STEP)).life(alive=True, now=300.0) == "running", "loading is silent"


def test_fold_keeps_the_newest_figures() -> None:
    view = fold(events(STARTED, STEP, *metrics(5), (6.0, "progress", {"done": 3, "total": 9, "unit": "steps"})))
    assert view.steps["sft"].metrics == {"step": 4, "loss": 0.25}
    assert (view.steps["sft"].done, view.steps["sft"].total) == (3, 9)


def test_a_new_attempt_takes_back_the_end() -> None:
    view = fold([*events(STARTED, FINISHED), Event(3, 20.0, 2, "", "run.started", {"pid": 6, "preset": "p"})])
    assert view.finished is None and view.pid == 6 and view.attempt == 2


def test_unknown_kinds_and_events_of_unknown_steps_are_skipped() -> None:
    view = fold(events((1.0, "from.the.future", {}), (2.0, "metric", {"step": 1}), (3.0, "step.finished", {})))
    assert view.steps == {}
