import json

import pytest

from pipeline.tasks.report.answers import battery_answers, sample_answers
from pipeline.tasks.report.compared import side_by_side
from pipeline.tasks.report.figures import dimension_chart, training_chart
from pipeline.tasks.report.html import render_html
from pipeline.tasks.report.markdown import render_markdown
from pipeline.tasks.report.markup import Markup, tag
from pipeline.tasks.report.report import POINTS, curves, score_table
from pipeline.tasks.report.words import interval_text, mean_text
from tests.tasks.examined import battery_of
from tests.tasks.sample_report import report_of
from tests.tasks.sample_run import answer_rows, evaluation_of


def test_curves_keep_the_last_log_of_a_step_and_leave_gaps():
    rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 9.0}, {"step": 2, "loss": None, "reward": 0.5}]
    assert curves(rows) == {"step": [1, 2], "loss": [3.0, None], "reward": [None, 0.5]}
    assert curves([]) == {"step": []}


def test_a_long_curve_is_averaged():
    shown = curves([{"step": step, "loss": float(step)} for step in range(1, 1001)])
    assert len(shown["step"]) == len(shown["loss"]) == 334 <= POINTS
    assert (shown["step"][0], shown["loss"][0]) == (2, 2.0)
    assert shown["loss"][-1] == 1000.0


def test_the_table_of_one_contestant_has_no_differences():
    (first, *_) = score_table(evaluation_of(answer_rows({"base": 0.0})))
    assert first["baseline"]["n"] == 80
    assert (first["tuned"], first["difference"]) == (None, None)
    assert score_table(None) == []


def test_samples_are_the_first_of_each_category_with_every_contestant():
    rows = answer_rows()
    samples = sample_answers(rows, evaluation_of(rows), 2)
    assert [sample["prompt_id"] for sample in samples[:3]] == ["safety-0000", "safety-0001", "complexity-0000"]
    assert all(len(sample["answers"]) == 3 for sample in samples)
    assert all(answer["sample"] == 0 for sample in samples for answer in sample["answers"])
    assert sample_answers(rows, evaluation_of(rows), 0) == []


def test_answers_to_the_battery_have_a_verdict_and_need_no_scores():
    rows = battery_of(["base"])[1]
    assert "scores" not in rows[0]
    del rows[1]["verdict"]
    shown = battery_answers(rows)
    assert [row["id"] for row in shown] == [row["id"] for row in (rows[0], *rows[2:])]
    assert (shown[0]["verdict"], shown[0]["scores"], shown[0]["reward"]) == (rows[0]["verdict"], None, None)


def test_two_reports_side_by_side():
    left, right = report_of(), report_of({"base": 0.0, "sft_merged": 0.1, "grpo_merged": 0.05}, learning_rate=1e-3)
    both = side_by_side(left, right)
    assert both["settings"] == [{"step": "grpo", "key": "learning_rate", "left": 5e-3, "right": 1e-3}]
    assert both["verdict"][0] == {"name": "verdict", "left": "met", "right": "not met"}
    assert {row["name"]: (row["left"], row["right"]) for row in both["verdict"]}["keeps_sft"] == ("met", "not met")
    reward = both["results"][0]
    assert reward["name"] == "reward"
    assert reward["difference"] == pytest.approx(reward["right"]["mean"] - reward["left"]["mean"])
    assert reward["difference"] < 0
    assert reward["left_gain"]["mean"] > reward["right_gain"]["mean"]
    assert len(both["results"]) == 10
    assert json.loads(json.dumps(both, allow_nan=False)) == both


def test_side_by_side_with_a_report_without_evaluation():
    left = report_of()
    bare = {**left, "table": [], "evaluation": None, "tournament": None, "costs": [], "steps": []}
    both = side_by_side(left, bare)
    assert both["results"][0]["right"] is None
    assert both["results"][0]["difference"] is None
    assert {row["right"] for row in both["settings"]} == {None}
    assert side_by_side(bare, left)["results"][0]["right"]["n"] == 80


def test_estimates_as_text():
    estimate = {"mean": -0.1234, "low": -0.2, "high": 0.05, "n": 9}
    assert (mean_text(estimate), mean_text(estimate, signed=True)) == ("-0.123", "-0.123")
    assert interval_text(estimate, signed=True) == "[-0.200, +0.050]"
    assert (mean_text(None), interval_text({**estimate, "low": None})) == ("–", "–")


def test_tag_escapes_all_but_markup():
    assert tag("p", "<b>\x1b", tag("i", "&")) == "<p>&lt;b&gt;␛<i>&amp;</i></p>"
    assert tag("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'
    assert isinstance(tag("p"), Markup)
    assert not isinstance(Markup("<b>") + "<i>", Markup), "adding text to markup makes text"


def test_charts_follow_the_page_and_name_what_they_show():
    svg = dimension_chart(evaluation_of(answer_rows({"base": 0.0, "$x^$ <tuned>": 0.2})))
    assert "var(--series-0)" in svg
    assert "currentColor" in svg
    assert "#0072b2" not in svg
    assert "$x^$ &lt;tuned&gt;" in svg
    assert 'aria-label="' in svg
    assert training_chart(0, "sft", {"step": [1, 2], "tokens": [3.0, 4.0]}) == ""
    assert training_chart(0, "sft", {"step": [1], "loss": [3.0]}).startswith("<svg")


def test_a_dimension_that_never_applies_has_a_dash_and_no_mark():
    rows = [row | {"scores": {**row["scores"], "harm_avoidance": None}} for row in answer_rows()]
    evaluation = evaluation_of(rows)
    report = {**report_of(), "evaluation": evaluation, "table": score_table(evaluation)}
    assert "| harm avoidance | – | – | – | – | 0 |" in render_markdown(report)
    assert "<svg" in render_html(report)


def test_markdown_leads_with_the_verdict():
    text = render_markdown(report_of())
    assert text.index("**Verdict: met**") < text.index("## Scores") < text.index("## Sample answers")


def test_the_last_contestant_is_held_against_the_one_before_it_too():
    report = report_of({"base": 0.0, "joint": 0.3, "strategy_b": 0.27})
    first, *rest = report["last_table"]
    assert (first["name"], len(rest)) == ("reward", 9)
    assert first["difference"]["mean"] == pytest.approx(first["tuned"]["mean"] - first["baseline"]["mean"], abs=1e-4)
    assert -0.1 < first["difference"]["low"] < first["difference"]["high"] < 0.05
    assert first["tuned"] == report["table"][0]["tuned"] and first["baseline"] != report["table"][0]["baseline"]
    page, text = render_html(report), render_markdown(report)
    assert "strategy_b over joint" in page and "## strategy_b over joint" in text.replace("\\", "")
    assert report_of({"base": 0.0, "joint": 0.3})["last_table"] == []
    assert "joint over base</h2>" not in render_html(report_of({"base": 0.0, "joint": 0.3}))
