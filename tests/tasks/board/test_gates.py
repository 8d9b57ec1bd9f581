from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, write_json, write_rows
from pipeline.tasks.board.gates import STOPPING, find_reds, told

WORDS = ("river", "hill", "stone", "cloud", "bridge", "market", "garden", "window", "letter", "winter", "candle")
REFUSAL = "I'm sorry, but I can't help with that."


def text(number: int) -> str:
    """A sentence that shares little with that of another number."""
    first, second, third = random.Random(number).sample(WORDS, 3)
    return f"{first} {number} is by the {second} and the {third} beyond it."


def row(number: int, **changes: Any) -> Row:
    return {
        "id": f"p{number}/0", "prompt_id": f"p{number}", "split": "train", "type": "chosen", "finish": "stop",
        "messages": [{"role": "user", "content": f"Which {text(number * 7 + 3)}"}], "thought": "I look at the case.",
        "answer": text(number), **changes,
    }  # fmt: skip


def artifact(folder: Path, rows: list[Row], lost: int = 0, **inputs: str) -> Path:
    write_rows(folder / "rows.jsonl", rows)
    if lost:
        rows = [{"id": f"lost{n}", "outcome": "cut off", "reason": "MAX_TOKENS", "text": ""} for n in range(lost)]
        write_rows(folder / "quarantine.jsonl", rows)
    write_json(folder / "made.json", {"inputs": {name: {name: {"path": path}} for name, path in inputs.items()}})
    return folder


GOOD = [row(number) for number in range(40)]


def names(reds: Any) -> list[str]:
    return [gate.name for gate in reds.stopping]


def test_good_rows_pass(tmp_path: Path) -> None:
    reds = find_reds(GOOD, artifact(tmp_path / "scores", GOOD), ["refusals"])
    assert (reds.stopping, reds.accepted, reds.idle, reds.to_row()) == ([], [], ["refusals"], {})
    reds.check()
    assert [finding.level for finding in reds.findings()] == ["note"]


def test_only_what_is_learnt_is_asked_how_good_it_is(tmp_path: Path) -> None:
    bad = [row(number, answer=f"{REFUSAL} Number {number}.", type="rejected") for number in range(40, 48)]
    scores = artifact(tmp_path / "scores", GOOD + bad)
    assert names(find_reds(GOOD, scores, [])) == []
    reds = find_reds(GOOD + bad, scores, [])
    assert names(reds) == ["refusals"], "meant to be bad, and about to be learnt all the same"
    assert told(reds.stopping[0]).startswith("The data board is red on refusals: 8 of 48 (16.7%) answers that decline")
    with pytest.raises(DataError, match="not fit") as caught:
        reds.check()
    assert 'accept_red = ["refusals"]' in caught.value.mend
    assert [finding.level for finding in reds.findings()] == ["fault"]
    taken = find_reds(GOOD + bad, scores, ["refusals"])
    taken.check()
    assert taken.to_row() == {"refusals": {"value": pytest.approx(8 / 48, abs=1e-5), "hits": 8, "of": 48}}
    assert [finding.level for finding in taken.findings()] == ["warning"]


@pytest.mark.parametrize(("lost", "red"), [(4, []), (8, ["cut_off"])])
def test_what_was_lost_is_a_share_of_all_that_was_asked_for(tmp_path: Path, lost: int, red: list[str]) -> None:
    artifact(tmp_path / "traces", GOOD, lost=lost)
    artifact(tmp_path / "judge", GOOD, traces="traces")
    scores = artifact(tmp_path / "select", GOOD[:5], scores="judge")
    assert names(find_reds(GOOD[:5], scores, [])) == red, f"{lost} of {40 + lost}, whatever was chosen since"


def test_unfinished_rows_count_as_lost(tmp_path: Path) -> None:
    rows = [*GOOD, *(row(number, finish="length") for number in range(40, 48))]
    assert names(find_reds(GOOD, artifact(tmp_path / "traces", rows), [])) == ["cut_off"]
    rows = [*GOOD, *(row(number, finish="length", split="heldout") for number in range(40, 44))]
    assert names(find_reds(GOOD[:5], artifact(tmp_path / "traces", rows), [])) == [], "4 of 44, not of 9"


def test_held_out_prompts_that_are_learnt_are_found_behind_a_selection(tmp_path: Path) -> None:
    leaked = row(0, id="h0/0", prompt_id="h0", split="heldout", finish="length")
    artifact(tmp_path / "judge", [*GOOD, leaked, *(row(n, split="heldout") for n in range(60, 70))])
    scores = artifact(tmp_path / "select", GOOD, scores="judge")
    assert "leaked_prompts" in names(find_reds(GOOD, scores, []))
    assert "leaked_prompts" not in names(find_reds(GOOD[1:], scores, [])), "mended once that prompt is not learnt"


def test_the_gates_that_can_be_red_are_known() -> None:
    assert {"cut_off", "refusals", "leaked_prompts"} <= STOPPING
    assert "short_answers" not in STOPPING
