"""The judge against people, itself and another judge: what is paired, what is counted, who is drawn."""

from __future__ import annotations

import pytest

from pipeline.engine.rows import Row
from pipeline.tasks.judge_health.compare import against, draw, family, people, same_family, share
from tests.tasks.judged import digests, earned, scored, scores

TEN = digests(*(scored(f"p{number}/0", scores(number / 10)) for number in range(10)))


def test_the_draw_follows_the_content_alone() -> None:
    drawn = [row["id"] for row in draw(TEN, 4)]
    assert len(drawn) == 4
    assert [row["id"] for row in draw(reversed(TEN), 4)] == drawn
    renamed = [row | {"id": str(99 - number), "was": row["id"]} for number, row in enumerate(TEN)]
    assert [row["was"] for row in draw(renamed, 4)] == drawn
    assert [row["id"] for row in draw([row for row in TEN if row["id"] != drawn[0]], 4)][:3] == drawn[1:]


def test_a_share_is_at_least_one() -> None:
    assert [len(share(TEN, part)) for part in (0.0, 0.01, 0.25, 1.0)] == [0, 1, 3, 10]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("gemini-3-pro-preview", "gemini-2.5-flash", True),
        ("Qwen/Qwen3-8B", "models\\qwen2.5-7b-q4.gguf", True),
        ("gemini-3-pro", "gpt-5", False),
        ("llama-3", "models/Mistral-7B.gguf", False),
        ("4o", "4o", False),
        ("", "", False),
    ],
)
def test_families(first: str, second: str, same: bool) -> None:
    assert same_family(first, second) is same
    assert family("org/Qwen3-8B") == "qwen"


def test_against_pairs_by_id_and_counts_nulls_apart() -> None:
    others = {row["id"]: scores(row["reward"] + 0.1) for row in TEN[:4]}
    others["p0/0"] = scores(0.1, helpfulness=None)
    found = against(TEN, others, {place: earned(marks) for place, marks in others.items()}, seed=1)
    assert found["items"] == 4
    assert found["reward"]["difference"]["mean"] == pytest.approx(0.1)
    assert found["reward"]["changed"] is True
    helpful = found["dimensions"]["helpfulness"]
    assert (helpful["pairs"], helpful["null"]) == (3, 1)
    assert helpful["difference"]["low"] == pytest.approx(0.1)
    # 0, .1, .2, .3 against .1, .2, .3, .4 (reward): squares within 4 x 2 x 0.01, sum 1.6, of squares 0.44:
    # expected 2 x (8 x 0.44 - 1.6 x 1.6) / 7 = 0.27429. 1 - 0.08 / 0.27429 = 0.70833.
    assert found["reward"]["alpha"]["mean"] == pytest.approx(0.70833, abs=1e-5)


def test_the_same_again_is_no_change() -> None:
    found = against(TEN, {row["id"]: row["scores"] for row in TEN}, {row["id"]: row["reward"] for row in TEN}, seed=1)
    for row in [found["reward"], *found["dimensions"].values()]:
        assert row["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 10}
        assert row["changed"] is False and row["alpha"]["mean"] == 1.0


def test_people_by_hand() -> None:
    rows = [scored(f"p{n}/0", scores(n / 4)) for n in range(5)]
    rows[0]["scores"]["harm_avoidance"] = None
    judged = digests(*rows)
    states: dict[str, Row] = {
        judged[0]["key"]: {"verdict": "reject", "scores": {"helpfulness": 0.0, "harm_avoidance": 0.5}},
        judged[1]["key"]: {"verdict": "accept"},
        judged[2]["key"]: {"verdict": "edit", "text": "Better.", "scores": {"helpfulness": 0.75}},
        judged[3]["key"]: {"verdict": "accept", "scores": {"helpfulness": 0.8}},
        judged[4]["key"]: {"verdict": "reject", "scores": {"instruction_following": 1.0}},
        "of another text": {"verdict": "accept"},
    }
    found = people(judged, states, seed=1)
    assert (found["traces"], found["pairs"], found["unjudged"]) == (4, 4, 1)
    assert (found["accepted"], found["rejected"]) == (2, 2)
    # Levels (judge, person): (0, 0) (2, 3) (3, 3) (4, 4): squares 1/4; means 2.25 and 2.5, variances 2.1875 and 2.25,
    # so by chance 2.1875 + 2.25 + 0.0625 = 4.5. 1 - 0.25 / 4.5 = 0.9444.
    assert found["kappa"]["mean"] == pytest.approx(0.9444, abs=1e-4)
    assert found["dimensions"]["helpfulness"]["pairs"] == 3
    assert found["dimensions"]["helpfulness"]["difference"] == pytest.approx((0 - 0.25 - 0.05) / 3)
    # Accepted 0.25 and 0.75, rejected 0 and 1: two of four.
    assert found["auroc"]["mean"] == 0.5
    assert found["reward"]["mean"] == pytest.approx(0.0)


def test_without_marks_there_is_nothing_to_say() -> None:
    found = people(TEN, {}, seed=1)
    assert (found["pairs"], found["kappa"]["mean"], found["auroc"]["mean"]) == (0, None, None)
