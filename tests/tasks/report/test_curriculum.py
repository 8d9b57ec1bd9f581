from __future__ import annotations

from pipeline.tasks.report.curriculum import WRONG, curriculum
from pipeline.tasks.report.curriculum_tables import phase_table, sample_table
from pipeline.tasks.report.html import render_html
from pipeline.tasks.report.markdown import render_markdown
from pipeline.tasks.report.provenance import Source, steps
from pipeline.tasks.verdict.evidence import Sample
from tests.tasks.sample_report import report_of, samples_of
from tests.tasks.sample_run import POISON, made
from tui.report_text import section, sections

TRAINED = {
    "base": "phase3a1_alpha", "parameters": 10, "steps": 2500, "episodes": 2650, "exposures": 15.094, "tokens": 9,
    "loss_first_quarter": 2.5, "loss_last_quarter": 0.5, "validation": {"first": 3.0, "best": 0.5, "last": 0.625},
    "evaluation": {"prompts": 12, "prompts_exact": 0.75}, "red_lines": {"verdict": "go on", "text": "Go on."},
}  # fmt: skip


def trained(**changes):
    return Source("beta", "train-1", made("train", "beta", summary={**TRAINED, **changes}))


def test_a_row_for_every_sample_with_its_counts_and_its_interval():
    table = sample_table(curriculum(samples_of(), []))
    assert table.rows[0] == ["beta_unseen", "98 of 100", "98.0% [93.0%, 99.4%]", "met"]
    assert [row[:2] for row in table.rows[1:3]] == [
        ["beta_unseen: word", "97 of 99"],
        ["beta_unseen: phrase", "1 of 1"],
    ]
    assert table.rows[3] == ["free", "–", "–", "–"]


def test_a_row_for_every_phase_with_its_figures():
    found = curriculum([], steps([trained(), Source("mix", "mix-1", made("mix", "mix"))]))
    assert phase_table(found).rows == [
        ["beta", "phase3a1_alpha", "2,500", "15.1", "2.500 to 0.500", "3.000 to 0.625", "75% of 12", "go on"]
    ]
    before = Source("alpha", "train-0", made("train", "alpha", summary=TRAINED))
    both = curriculum([], steps([before, trained(base="train-0")]))
    assert phase_table(both).rows[1][:2] == ["beta", "alpha"], "by its step where that is known"
    bare = curriculum([], steps([trained(base=None, validation=None, evaluation=None, red_lines=None)]))
    assert phase_table(bare).rows[0][1:] == ["nothing", "2,500", "15.1", "2.500 to 0.500", "–", "–", "–"]


def test_wrong_answers_are_shown_from_all_over_and_no_right_ones():
    rows = [{"prompt": str(place), "expected": "a", "given": "b", "exact": place % 2 == 0} for place in range(100)]
    wrong = curriculum([Sample("one", {}, rows)], [])["samples"][0]["wrong"]
    assert len(wrong) <= WRONG and int(wrong[0]["prompt"]) == 1 and int(wrong[-1]["prompt"]) > 80
    assert all(int(row["prompt"]) % 2 for row in wrong)


def test_a_run_of_the_other_track_has_none():
    report = report_of()
    assert report["curriculum"] is None and "curriculum" not in sections(report)
    assert "Curriculum" not in render_markdown(report) + render_html(report)


def test_page_markdown_and_screen_say_the_same():
    report = report_of(samples=samples_of())
    texts = render_markdown(report), render_html(report), section("curriculum", report, True).plain
    assert sections(report)[:2] == ["verdict", "curriculum"]
    for text in texts:
        assert "98 of 100" in text and "97 of 99" in text and "Repeat: AB-9" in text


def test_what_models_wrote_is_no_markup():
    for text in POISON if isinstance(POISON, tuple | list) else (POISON,):
        report = report_of(samples=samples_of(f"{text}<script>\x1b[2J|x|"))
        page, words = render_html(report), render_markdown(report)
        assert "<script" not in page and "\x1b" not in page + words
        assert "<script>" not in words.replace("\\<script\\>", "")
        assert "\x1b" not in section("curriculum", report, False).plain
