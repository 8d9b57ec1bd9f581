from __future__ import annotations

from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.card import write_card

FILES = {
    "m-Q8_0.gguf": {
        "bytes": 1_500_000, "tensors": {"Q8_0": 15, "F32": 9}, "verified": {"divergence": 0.000213, "agreement": 0.995},
    }
}  # fmt: skip


def made(stage: str, **changes: Any) -> Row:
    row = {"artifact": f"{stage}-1", "step": stage, "stage": stage, "seed": 7, "run": "r1", "described": {}}
    return {**row, "effective": {}, "summary": {}, **changes}


def test_files_are_told_with_their_types_and_what_they_lost() -> None:
    card = write_card("m", "", "", FILES, [], None)
    assert r"| m-Q8_0.gguf | 1.5 | 0.00021 | 99.5% | Q8_0 15, F32 9 |" in card
    assert "None were measured" in card
    assert "nothing is known" in card
    assert card.startswith("---\nlibrary_name: gguf\n")


def test_scores_of_training_and_of_an_evaluation() -> None:
    scores = {"helpfulness": {"first": 0.5, "last": 0.75}, "calibrated_uncertainty": {"first": None, "last": None}}
    contestants = {
        "base": {"reward": {"mean": 0.2}, "outcomes": {"answered": 3}},
        "tuned": {"reward": None, "outcomes": {"answered": 0}},
    }
    evaluation = {"prompts": 3, "contestants": contestants}
    card = write_card("m", "", "", FILES, [made("grpo", summary={"scores": scores})], evaluation)
    assert "On 3 held-out prompts:" in card
    assert "| base | 0.200 | 3 |" in card
    assert "| tuned | - | 0 |" in card
    assert "| helpfulness | 0.500 | 0.750 |" in card
    assert "| - | - |" in card


def test_no_text_of_others_becomes_markup() -> None:
    evil = 'x"\nlicense: "mine\u202e'
    lineage = [made("sft", step="# step", described={"note": "\n# Heading\n<b>"})]
    card = write_card("<script>", evil, "", FILES, lineage, None)
    head = card.split("---\n")[1]
    assert head.count("\n") == 3
    assert r'base_model: "x\"\nlicense: \"mine' in head
    assert "\u202e" not in card
    assert "<script>" not in card
    assert "### \\# step (sft)" in card
    assert all(line.startswith("    ") for line in card.splitlines() if "<b>" in line)
