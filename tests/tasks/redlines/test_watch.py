from __future__ import annotations

from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble, Watch
from tests.tasks.redlines.rig import rules_said, told


def hot(history: History) -> Trouble | None:
    heat = history.last("heat", 1)[0]
    stops = heat >= 1000
    return Trouble("It is hot.", f"{heat:g} degrees.", "Open a window.", heat, stops=stops) if heat > 1 else None


RULES = (Rule("heat", hot, recovered=2),)


def test_a_rule_speaks_once_while_the_trouble_lasts() -> None:
    (finding,) = told(RULES, heat=[0, 2, 3, 4, 5, 2])
    assert (finding.level, finding.text, finding.mend) == ("warning", "It is hot. 2 degrees.", "Open a window.")
    assert finding.data == {"rule": "hot", "since": 2}


def test_it_speaks_again_when_ten_times_worse() -> None:
    assert [finding.text for finding in told(RULES, heat=[2, 19, 20, 21, 199, 200])] == [
        "It is hot. 2 degrees.", "It is hot. 20 degrees.", "It is hot. 200 degrees.",
    ]  # fmt: skip


def test_it_says_when_it_is_over_and_may_then_speak_again() -> None:
    found = told(RULES, heat=[2, 0, 2, 0, 0, 0, 3])
    assert [(finding.level, finding.text) for finding in found] == [
        ("warning", "It is hot. 2 degrees."),
        ("note", "Over by step 5: It is hot."),
        ("warning", "It is hot. 3 degrees."),
    ]


def test_what_stops_is_a_fault_even_if_it_was_told_before() -> None:
    assert rules_said(told(RULES, heat=[500, 1000])) == [("hot", "warning"), ("hot", "fault")]


def test_rows_without_its_metric_neither_end_nor_begin_a_trouble() -> None:
    nan = float("nan")
    assert len(told(RULES, heat=[nan, 2, None, nan, None, 2], loss=[1, 1, 1, 1, 1, 1])) == 1


def test_one_that_has_seen_the_rows_before_a_resume_goes_on_as_if_undisturbed() -> None:
    rows = [{"step": step, "heat": heat} for step, heat in enumerate([2, 3, 0, 0, 4, 5], 1)]
    whole = Watch(RULES, {})
    undisturbed = [whole(row) for row in rows]
    resumed = Watch(RULES, {})
    for row in rows[:3]:
        resumed(row)
    assert [resumed(row) for row in rows[3:]] == undisturbed[3:]


def test_what_is_not_finite_is_no_figure() -> None:
    history = History({})
    for step, loss in enumerate([1.0, None, float("nan"), float("inf"), 2.0], 1):
        history.add({"step": step, "loss": loss})
    assert history.figures("loss") == [1.0, 2.0]
    assert (history.step_of("loss", 1), history.step_of("loss", 2), history.count("loss")) == (5, 1, 2)
