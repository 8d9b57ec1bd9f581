from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import Row, write_json
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.marks import key_of, make_mark, state_of
from pipeline.tasks.rubric import Weights
from pipeline.tasks.selection import HAND, Eye, Rule, Selection, Weighting, choose, see_prompt


def row(prompt: int, sample: int, reward: float | None = 0.5, **changes: Any) -> Row:
    scores = dict.fromkeys(DIMENSIONS, reward)
    return {
        "id": f"p{prompt}/{sample}", "prompt_id": f"p{prompt}", "category": "safety", "type": "chosen",
        "split": "train", "finish": "stop", "messages": [{"role": "user", "content": f"Question {prompt}"}],
        "thought": "I think.", "answer": f"Answer {sample}", "scores": scores, "reasons": {}, "reward": reward,
        **changes,
    }  # fmt: skip


def trace(prompt: int, sample: int, **changes: Any) -> Row:
    return {
        name: value
        for name, value in row(prompt, sample, **changes).items()
        if name not in ("scores", "reasons", "reward")
    }


def marked(*marks: tuple[Row, str, str]) -> Eye:
    by_key: dict[str, list[Row]] = {}
    for one, action, value in marks:
        by_key.setdefault(key_of(one), []).append(make_mark(one, action, value))
    return Eye({key: state_of(some) for key, some in by_key.items()})


def ids(rows: list[Row], rule: Rule, eye: Eye | None = None) -> tuple[list[str], Selection]:
    selection = choose(rows, rule, eye or Eye())
    return [row["id"] for row in selection.taken(rows)], selection


def test_the_best_of_each_training_prompt_in_the_order_of_the_rows() -> None:
    rows = [
        row(1, 0, 0.5), row(1, 1, 0.7), row(1, 2, 0.5), row(1, 3, 0.1),
        row(2, 0, split="heldout"), row(3, 0, finish="length"), row(3, 1, 0.2), row(3, 2, None),
    ]  # fmt: skip
    chosen, selection = ids(rows, Rule(per_prompt=2, min_reward=0.3))
    assert chosen == ["p1/0", "p1/1"]
    assert selection.left_out == {"heldout": 1, "unfinished": 1, "low_reward": 3, "beyond_per_prompt": 1}
    assert selection.marks == {} and selection.unscored == 0


def test_a_prompt_whose_traces_are_all_alike_teaches_nothing() -> None:
    rows = [row(1, 0, 0.5), row(1, 1, 0.55), row(2, 0, 0.9), row(2, 1, 0.2), row(3, 0, 0.9)]
    chosen, selection = ids(rows, Rule(margin=0.1, min_reward=0.3))
    assert chosen == ["p2/0"]
    assert selection.left_out == {"small_margin": 3, "low_reward": 1}


def test_types_are_chosen_after_the_margin_is_taken() -> None:
    rows = [row(1, 0, 0.9), row(1, 1, 0.2, type="rejected")]
    chosen, selection = ids(rows, Rule(margin=0.5, types=("chosen", "adequate")))
    assert chosen == ["p1/0"] and selection.left_out == {"type": 1}


def of_categories(**counts: int) -> list[Row]:
    return [
        row(place, place, place / 1000, category=category)
        for category, count in counts.items()
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"safety": 10}, {"safety": 10, "conflict": 50}),
        ({"safety": 0}, {"conflict": 50}),
        ({"safety": 0.5, "conflict": 0.5}, {"safety": 50, "conflict": 50}),
        ({"conflict": 0.2}, {"safety": 100, "conflict": 25}),
        ({"safety": 40, "conflict": 0.2}, {"safety": 40, "conflict": 10}),
        ({"safety": 1}, {"safety": 1, "conflict": 50}),
        ({"safety": 0.3, "conflict": 0.3}, {}),
    ],
)
def test_quotas_are_counts_or_shares_of_what_is_chosen(quotas: dict[str, float], expected: dict[str, int]) -> None:
    rows = of_categories(safety=100, conflict=50)
    selection = choose(rows, Rule(quotas=quotas), Eye())
    chosen = list(selection.taken(rows))
    found = {name: sum(row["category"] == name for row in chosen) for name in ("safety", "conflict")}
    assert {name: count for name, count in found.items() if count} == expected
    assert selection.left_out["beyond_quota"] == 150 - len(chosen)
    if quotas == {"safety": 10}:
        assert {row["reward"] for row in chosen if row["category"] == "safety"} == {n / 1000 for n in range(90, 100)}


def test_a_share_that_fits_exactly_loses_no_row() -> None:
    rows = of_categories(safety=71, conflict=29)
    assert 0.29 * 100 < 29
    assert choose(rows, Rule(quotas={"conflict": 0.29}), Eye()).left_out == {}


def test_accepted_is_learnt_whatever_its_score_and_rejected_never() -> None:
    rows = [row(1, 0, 0.9), row(1, 1, 0.1), row(1, 2, 0.8), row(2, 0, 0.1, split="heldout")]
    eye = marked((rows[0], "reject", ""), (rows[1], "accept", ""), (rows[3], "accept", ""))
    chosen, selection = ids(rows, Rule(per_prompt=1, min_reward=0.5, margin=0.95, types=("rejected",)), eye)
    assert chosen == ["p1/1"]
    assert selection.left_out == {"heldout": 1, "rejected": 1, "type": 1}
    assert selection.marks == {"accept": 1, "reject": 1}
    chosen, _ = ids(rows, Rule(per_prompt=2), eye)
    assert chosen == ["p1/1", "p1/2"], "what a person took has the first place, the best follow"
    chosen, _ = ids(rows, Rule(quotas={"safety": 1}), eye)
    assert chosen == ["p1/1"]
    all_of_them = marked(*((one, "accept", "") for one in rows[:3]))
    assert ids(rows, Rule(per_prompt=2), all_of_them)[0] == ["p1/0", "p1/1", "p1/2"]


def test_an_edited_row_is_learnt_as_edited_even_where_the_model_was_cut_off() -> None:
    rows = [row(1, 0, 0.1, finish="length"), row(2, 0, 0.1)]
    eye = marked((rows[0], "edit", "Mine."), (rows[1], "edit", "<think>\nAnew.\n</think>\n\nAlso mine."))
    selection = choose(rows, Rule(min_reward=0.5), eye)
    first, second = selection.taken(rows)
    assert (first["thought"], first["answer"], first["finish"], first["mark"]) == ("I think.", "Mine.", "stop", "edit")
    assert (second["thought"], second["answer"]) == ("Anew.", "Also mine.")
    assert selection.marks == {"edit": 2} and selection.left_out == {}


def test_accepting_an_unfinished_answer_does_not_have_it_learnt() -> None:
    cut = row(1, 0, finish="length")
    chosen, selection = ids([cut], Rule(), marked((cut, "accept", "")))
    assert chosen == [] and selection.left_out == {"unfinished": 1} and selection.marks == {}


def test_a_score_by_hand_changes_the_reward_with_the_weights_of_the_scores() -> None:
    weighting = Weighting(Weights(helpfulness=0.5, **dict.fromkeys(set(DIMENSIONS) - {"helpfulness"}, 0.0625)))  # type: ignore[arg-type]
    rows = [row(1, 0, 0.4), row(1, 1, 0.5)]
    rows[0]["scores"]["conflict_resolution"] = None
    state = marked((rows[0], "score", "helpfulness=1"), (rows[0], "score", "conflict_resolution=0")).marks
    selection = choose(rows, Rule(per_prompt=1), Eye(state, weighting))
    (best,) = selection.taken(rows)
    assert best["id"] == "p1/0"
    assert best["reward"] == pytest.approx(0.5 * 1 + 7 * 0.0625 * 0.4 + 0.0625 * 0)
    assert best["scores"]["helpfulness"] == 1 and best["reasons"]["helpfulness"] == HAND
    assert selection.marks == {"score": 1}
    assert rows[0]["reward"] == 0.4, "the rows that were looked at stay as they are"


def test_other_weights_make_every_reward_anew() -> None:
    only = Weights(helpfulness=1, **dict.fromkeys(set(DIMENSIONS) - {"helpfulness"}, 0))
    rows = [row(1, 0, 0.9), row(1, 1, 0.1)]
    rows[1]["scores"]["helpfulness"] = 1.0
    selection = choose(rows, Rule(per_prompt=1), Eye(weighting=Weighting(only), reweigh=True))
    assert [(row["id"], row["reward"]) for row in selection.taken(rows)] == [("p1/1", 1.0)]


def test_rows_without_a_reward_are_all_taken_but_for_what_was_rejected() -> None:
    rows = [trace(1, sample) for sample in range(4)] + [trace(2, 0, split="heldout"), trace(2, 1, finish="length")]
    eye = marked((rows[1], "reject", ""), (rows[2], "score", "helpfulness=0"), (rows[3], "accept", ""))
    chosen, selection = ids(rows, Rule(per_prompt=1, min_reward=0.9, margin=0.5), eye)
    assert chosen == ["p1/0", "p1/2", "p1/3"]
    assert selection.unscored == 3
    assert selection.marks == {"reject": 1, "accept": 1}
    assert selection.left_out == {"heldout": 1, "unfinished": 1, "rejected": 1}


def test_what_was_taken_by_hand_stays_so_in_a_second_choice() -> None:
    rows = [row(1, 0, 0.1), row(1, 1, 0.9)]
    once = list(choose(rows, Rule(), marked((rows[0], "edit", "Mine."))).taken(rows))
    chosen, selection = ids(once, Rule(min_reward=0.5))
    assert chosen == ["p1/0", "p1/1"]
    assert selection.marks == {}


def test_the_weighting_is_read_from_what_made_the_scores(tmp_path: Path) -> None:
    assert Weighting.of(tmp_path) == Weighting()
    weights = {**Weights().model_dump(), "helpfulness": 3.0}
    made: Row = {"settings": {"weights": weights, "renormalise": False}, "summary": {}}
    write_json(tmp_path / "made.json", made)
    assert Weighting.of(tmp_path) == Weighting(Weights.model_validate(weights), False)
    made["summary"] = {"weighting": {"weights": Weights().model_dump(), "renormalise": True}}
    made["settings"] = {"weights": None, "renormalise": None}
    write_json(tmp_path / "made.json", made)
    assert Weighting.of(tmp_path) == Weighting()


def test_an_edited_prompt_has_another_last_turn() -> None:
    turns = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "3"},
    ]
    prompt = {"id": "p", "messages": turns}
    found, verdict = see_prompt(prompt, marked((prompt, "edit", "Three")).marks)
    assert verdict == "edit"
    assert [turn["content"] for turn in found["messages"]] == ["One", "Two", "Three"]
    assert turns[-1]["content"] == "3"
