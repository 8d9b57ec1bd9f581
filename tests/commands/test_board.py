"""`stage ingest`, `traces --board` and `traces --quarantine`, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two ingested files: `good`, and `bad`, where nearly every answer refuses."""
    root = tmp_path_factory.mktemp("root")
    for name, share in (("good", 0), ("bad", 50)):
        rows = []
        for number in range(60):
            answer = REFUSAL if number < share else f"Number {number} is the one that you can take with you \x1b[31m."
            turns = [{"role": "user", "content": f"Which is it, and what of {number * 7919}?"},
                     {"role": "assistant", "content": answer}]  # fmt: skip
            rows.append(json.dumps({"messages": turns}))
        (root / f"{name}.jsonl").write_text("\n".join([*rows, "garbage \u202e"]), "utf-8")
        cli(root, "stage", "ingest", "--source", str(root / f"{name}.jsonl"), "--out", f"data/{name}")
    return root


def cli(root: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words, *(["--root", str(root)])],
        capture_output=True, text=True, check=False, encoding="utf-8", cwd=root,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_board_for_a_person(root: Path) -> None:
    text = cli(root, "traces", "bad", "--board")
    lines = text.splitlines()
    assert "red" in lines[4], "red ones first"
    assert "refusals is red: 50 of 60 answers that decline as a whole." in text
    assert "Select by reward" in text
    assert "outcomes: asked 60, answered 60" in text
    assert "\x1b" not in text


def test_a_board_for_a_script(root: Path) -> None:
    found: Any = json.loads(cli(root, "traces", "bad", "--board", "--json"))
    assert found["kind"] == "traces" and found["rows"] == 60 and "refusals" in found["red"]
    assert [gate["level"] for gate in found["gates"]] == sorted(
        (gate["level"] for gate in found["gates"]), key=("red", "amber", "green").index
    )
    some = json.loads(cli(root, "traces", "bad", "--board", "--json", "--where", "answer~'Number'"))
    assert some["rows"] == 10 and "refusals" not in some["red"]
    assert "There is no board" in cli(root, "traces", "data/bad/left_out.jsonl", "--board", code=1)


def test_what_was_left_out(root: Path) -> None:
    text = cli(root, "traces", "good", "--quarantine")
    assert "good.jsonl:61 (not_json)" in text and "1 of 1 shown" in text
    assert json.loads(cli(root, "traces", "good", "--quarantine", "--json"))[0]["reason"] == "not_json"
    lost = [{"id": "a/0", "outcome": "cut off", "reason": "MAX_TOKENS", "text": "so far \x1b"}]
    folder = root / "data" / "quarantined"
    folder.mkdir()
    for name, rows in (("rows.jsonl", []), ("quarantine.jsonl", lost)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = cli(root, "traces", "quarantined", "--quarantine")
    assert "a/0 (cut off): MAX_TOKENS" in text and "so far ␛" in text
    found = json.loads(cli(root, "traces", "quarantined", "--board", "--json"))
    assert found["figures"]["outcomes"]["cut_off"] == 1 and found["red"] == []
    (folder / "quarantine.jsonl").unlink()
    assert "in quarantine" in cli(root, "traces", "quarantined", "--quarantine", code=2)
