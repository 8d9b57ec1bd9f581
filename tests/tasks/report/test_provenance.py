from pipeline.tasks.report.html_run import coverage as coverage_part
from pipeline.tasks.report.html_run import what_was_run
from pipeline.tasks.report.provenance import Source, costs, coverage, steps
from tests.tasks.sample_run import made

READ = {"prompts": {"prompts": {"path": "prompts-6", "fingerprint": "6", "digest": "d"}}}


def behind(digest="d", **summary):
    prompts = Source("prompts", "prompts-6", made("prompts", "prompts", digest=digest, inputs={}))
    return steps([prompts, Source("judge", "judge-7", made("judge", "judge", inputs=READ, summary=summary))])


def test_an_input_says_whether_it_is_still_the_one_that_was_read():
    assert behind()[1]["inputs"]["prompts"]["prompts"]["state"] == "as it was"
    anew = behind("e")
    assert anew[1]["inputs"]["prompts"]["prompts"]["state"] == "made anew since"
    assert "prompts: prompts (made anew since)" in what_was_run({"steps": anew, "judges": []})
    assert (
        steps([Source("judge", "judge-7", made("judge", "judge", inputs=READ))])[0]["inputs"]["prompts"]["prompts"][
            "state"
        ]
        == "not here"
    )


def test_a_count_that_does_not_add_up_is_told():
    counts = {"asked": 10, "answered": 6, "cut_off": 1, "blocked": 1, "invalid": 1, "not_yet": 0}
    (row,) = coverage(behind(outcomes=counts), None, None)
    assert (row["what"], row["whole"]) == ("judge", False)
    assert '<tr class="lost">' in coverage_part({"coverage": [row]})
    (row,) = coverage(behind(outcomes={**counts, "not_yet": 1}), None, None)
    assert row["whole"] and row["parts"]["not yet asked"] == 1
    assert '<tr class="lost">' not in coverage_part({"coverage": [row]})


def test_counts_of_a_part_of_a_step_are_named_after_it():
    counts = {"asked": 3, "answered": 3}
    assert [row["what"] for row in coverage(behind(expansion={"outcomes": counts}), None, None)] == ["judge, expansion"]


def test_several_accounts_of_a_step_are_added_up():
    spend = {
        "calls": 3,
        "input": 10,
        "cached": 4,
        "output": 5,
        "thought": 1,
        "cost": 0.5,
        "lost": 1,
        "lost_bound": 0.25,
    }
    _, row = costs(behind(spend=spend, spend_audit=spend, expansion={"spend": spend}))
    assert (row["calls"], row["cost"], row["lost"], row["bound"]) == (9, 1.5, 3, 0.75)
    assert row["tokens"] == {"input": 30, "cached": 12, "output": 15, "thought": 3}
    assert costs(behind())[0]["cost"] is None
