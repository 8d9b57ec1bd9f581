from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.engine.rows import Row
from pipeline.tasks.redlines import curriculum, supervised
from pipeline.tasks.redlines.watch import Watch
from tests.tasks.redlines.rig import SETTINGS

GPT: dict[str, Any] = {
    "vocab_size": 50304, "warmup_steps": 150, "max_steps": 3500, "from_scratch": False, "start": "domain_v5",
    "plain_loss_known": None,
}  # fmt: skip
EVERY = 100


def series(**figures: Sequence[float]) -> list[Row]:
    """Evaluations every 100 steps; what is not given is that of a healthy training."""
    count = max(map(len, figures.values()))
    healthy: dict[str, Sequence[float]] = {
        "loss_mean": [9.0 * 0.6 ** (place + 1) for place in range(count)],
        "validation_loss": [9.0 * 0.65 ** (place + 1) for place in range(count)],
        "plain_loss": [4.0 + 0.1 * place for place in range(count)],
        "embedding_size": [0.14 + 0.001 * place for place in range(count)],
        "prompts_normalised": [min(0.8, 0.2 * place) for place in range(count)],
        "prompts_likeness": [min(0.9, 0.2 + 0.2 * place) for place in range(count)],
        "prompts_malformed": [1.0, 0.2, *[0.0] * count],
        "prompts_distinct": [1, 4, *[8] * count],
    }
    rows = {**healthy, **figures}
    fixed = {"prompts": 8, "prompts_expected": 8, "loss_first": 9.0, "plain_loss_first": 4.0}
    return [
        {"step": EVERY * (place + 1), **fixed, **{name: values[place] for name, values in rows.items()}}
        for place in range(count)
    ]


def judged(rows: Sequence[Row], **settings: Any) -> list[tuple[str, str]]:
    """The verdict after each evaluation, as it would have been told."""
    found = [curriculum.judge(rows[: place + 1], GPT | settings) for place in range(len(rows))]
    return [(verdict.word, verdict.line) for verdict in found]


def crossed(rows: Sequence[Row], **settings: Any) -> list[tuple[str, str]]:
    return [verdict for verdict in judged(rows, **settings) if verdict[0] != "go on"]


def test_a_healthy_training_crosses_none() -> None:
    assert judged(series(loss_mean=[9.0 * 0.6 ** (place + 1) for place in range(30)])) == [("go on", "")] * 30


def test_what_is_no_red_line() -> None:
    slowly = [9 - 0.15 * place for place in range(30)]
    wrong = [0.0] * 5 + [0.4] * 25
    assert crossed(series(loss_mean=slowly, validation_loss=slowly, prompts_malformed=[0.0] * 30)) == []
    assert crossed(series(prompts_normalised=wrong)) == [], "casing, templates, rare facts"
    forgets = [4.0 + 0.4 * place for place in range(30)]
    assert crossed(series(plain_loss=forgets)) == [], "the language of prose fades while the task is learnt"


def test_random_garbage_on_simple_tasks_after_2000_iterations() -> None:
    rows = series(prompts_normalised=[0.0] * 22, prompts_likeness=[0.15] * 22, prompts_distinct=[8] * 22)
    assert judged(rows)[:19] == [("go on", "")] * 19
    assert crossed(rows) == [("watch", "random_garbage"), ("stop", "random_garbage"), ("stop", "random_garbage")]


def test_garbage_from_a_model_that_knew_better_needs_no_2000_iterations() -> None:
    rows = series(prompts_normalised=[0.8, 0.8, 0, 0], prompts_likeness=[0.9, 0.9, 0.1, 0.1], prompts_distinct=[8] * 4)
    assert crossed(rows) == [("watch", "random_garbage"), ("stop", "random_garbage")]


def test_a_short_training_is_late_after_three_fifths_but_not_in_its_first_steps() -> None:
    rows = series(prompts_normalised=[0.0] * 5, prompts_likeness=[0.15] * 5, prompts_distinct=[8] * 5)
    assert crossed(rows, max_steps=600) == [("watch", "random_garbage"), ("stop", "random_garbage")]
    assert crossed(rows[:2], max_steps=10) == []


def test_a_loss_stuck_near_that_of_a_guess() -> None:
    flat = [10.1] * 4
    rows = series(loss_mean=flat, validation_loss=flat, prompts_malformed=[1.0] * 4, prompts_distinct=[1] * 4)
    for row in rows:
        row["loss_first"] = 10.2
    assert judged(rows)[:3] == [("go on", "")] * 3, "while it warms up nothing is said"
    assert crossed(rows, warmup_steps=50) == [("watch", "stuck_loss"), *[("stop", "stuck_loss")] * 2]
    assert crossed(rows, warmup_steps=50, vocab_size=10**9) == [], "far better than a guess there"


def test_tags_that_break_where_the_rows_are_learnt() -> None:
    rows = series(loss_mean=[5.0, 2.0, 0.5], prompts_malformed=[1.0, 1.0, 1.0], prompts_likeness=[0.1] * 3)
    assert judged(rows) == [("go on", ""), ("watch", "broken_tags"), ("stop", "broken_tags")]
    whole = series(loss_mean=[5.0, 4.9, 4.8], prompts_malformed=[0.0, 1.0, 1.0])
    assert crossed(whole) == [("watch", "broken_tags"), ("stop", "broken_tags")]


def test_the_same_answer_whatever_is_asked() -> None:
    rows = series(loss_mean=[0.5, 0.2], prompts_distinct=[1, 1], prompts_malformed=[0, 0])
    assert judged(rows) == [("watch", "mode_collapse"), ("stop", "mode_collapse")]
    fell = series(loss_mean=[4.0] * 3, prompts_distinct=[8, 1, 1], prompts_malformed=[0] * 3)
    assert crossed(fell) == [("watch", "mode_collapse"), ("stop", "mode_collapse")]
    few = [{**row, "prompts_expected": 3} for row in rows]
    assert crossed(few) == [], "three equal answers prove nothing"


def test_noise_in_the_embedding_comes_before_all_that_follows_from_it() -> None:
    rows = series(
        validation_loss=[0.5, 0.4, 4.0, 3.9], embedding_size=[0.14, 0.14, 0.5, 0.5], prompts_malformed=[0, 0, 1, 1],
        prompts_normalised=[0.8, 0.8, 0, 0], prompts_likeness=[0.9, 0.9, 0, 0], prompts_distinct=[8, 8, 1, 1],
    )  # fmt: skip
    assert crossed(rows) == [("watch", "corrupted_embeddings"), ("stop", "corrupted_embeddings")]
    assert "from 0.14 to 0.5" in curriculum.judge(rows[:3], GPT).text
    healed = [*rows[:3], *series(validation_loss=[0.5, 0.4, 0.4, 0.3])[3:]]
    assert judged(healed)[-1] == ("go on", ""), "what was once and is over"


def test_a_model_that_lost_language_before_it_was_read() -> None:
    rows = series(plain_loss=[9.0, 8.0])
    for row in rows:
        row["plain_loss_first"] = 10.0
    assert crossed(rows) == [], "nothing is known of what it could do"
    assert crossed(rows, plain_loss_known=4.0) == [("watch", "corrupted_embeddings"), ("stop", "corrupted_embeddings")]
    assert crossed(rows, plain_loss_known=9.9) == []
    assert crossed([{**row, "plain_loss_first": 17.0} for row in rows])[-1] == ("stop", "corrupted_embeddings")
    assert crossed([{**row, "plain_loss_first": 17.0} for row in rows], from_scratch=True) == []


def test_the_verdict_says_from_where_to_begin_again_and_shows_answers() -> None:
    rows = series(loss_mean=[0.5, 0.2], prompts_distinct=[1, 1], prompts_malformed=[0, 0])
    rows[-1]["answers"] = [{"prompt": "Say red.", "given": "yes."}, {"prompt": "Say blue.", "given": "yes."}]
    verdict = curriculum.judge(rows, GPT)
    assert verdict.text.startswith("Stop, and restart from domain_v5: with more varied rows")
    assert "8 prompts that expect 8 different answers got 1." in verdict.text
    assert "'Say red.' -> 'yes.'; 'Say blue.' -> 'yes.'" in verdict.text
    assert verdict.since == 100


@pytest.mark.parametrize(("stops", "level"), [(True, "fault"), (False, "warning")])
def test_as_a_rule_it_warns_once_and_then_ends_the_training_or_tells(stops: bool, level: str) -> None:
    watch = Watch([curriculum.rule(stops)], GPT)
    rows = series(loss_mean=[0.5, 0.2, 0.1], prompts_distinct=[1] * 3, prompts_malformed=[0] * 3)
    said = [[finding.level for finding in watch(row)] for row in rows]
    assert said[:2] == [["warning"], [level]]


def test_the_advice_of_the_seed_names_its_figures() -> None:
    settings = {**{key: value for key, value in SETTINGS.items() if key != "lora_dropout"}, "learning_rate": 5e-5,
                "dropout": 0.15, "weight_decay": 0.05, "max_steps": 5000}  # fmt: skip
    watch = Watch(supervised.RULES, settings)
    said = [finding for step in range(1, 61) for finding in watch({"step": step, "loss": 8.0})]
    assert any("from 5e-05 to 7.5e-05" in finding.mend for finding in said)
    watch = Watch(supervised.RULES, settings)
    rows = [{"step": step, "loss": 8 - step / 10} for step in range(1, 61)]
    rows[-1]["validation_loss"] = 5.0
    said = [finding for row in rows for finding in watch(row)]
    assert any(
        "fewer steps, 3,000 say" in finding.mend
        and "dropout = 0.2 (0.15 in effect), weight_decay = 0.1 (0.05 in effect)" in finding.mend
        for finding in said
    )
