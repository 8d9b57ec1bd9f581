"""`prepare --check` and `--preview`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer.testing

from pipeline.cli import app
from pipeline.engine.errors import ConfigError
from tests.gpt.test_check import prepared

RUNNER = typer.testing.CliRunner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    prepared(tmp_path / "data" / "ready")
    return tmp_path


def test_a_set_is_checked_and_shown_token_by_token(root: Path) -> None:
    done = RUNNER.invoke(app, ["prepare", "--check", "ready", "--preview", "1", "--root", str(root)])
    assert done.exit_code == 0, done.output
    assert "No fault found." in done.output and "train 0, 10 tokens" in done.output
    lines = [line for line in done.output.splitlines() if "</myPT_assistant>" in line]
    assert len(lines) == 1 and "│ 1 " in lines[0], "the answer, its closing tag and the end stand with a 1"
    assert "<myPT_assistant>" not in lines[0]


def test_faults_are_told_with_an_exit_code(root: Path) -> None:
    path = root / "data" / "ready" / "train" / "mask.bin"
    path.write_bytes(b"\x01" * path.stat().st_size)
    done = RUNNER.invoke(app, ["prepare", "ready", "--root", str(root), "--json"])
    told = json.loads(done.output)
    assert done.exit_code == 1 and "does not follow from its ids" in told["faults"][0]
    assert told["found"]["train"]["episodes"] == 5 and told["episodes"] == []
    shown = RUNNER.invoke(app, ["prepare", "ready", "--root", str(root), "--preview", "1", "--side", "val", "--json"])
    assert json.loads(shown.output)["episodes"][0][0] == {"id": 257, "mask": 0, "text": "<myPT_system>"}


def test_where_there_is_no_set_it_says_how_to_make_one(root: Path) -> None:
    with pytest.raises(ConfigError, match="no prepared set nowhere"):
        RUNNER.invoke(app, ["prepare", "nowhere", "--root", str(root)], catch_exceptions=False)


@pytest.mark.parametrize("words", [("--preview", "-1"), ("--side", "test", "--preview", "1")])
def test_what_cannot_be_shown_is_a_wrong_command(root: Path, words: tuple[str, ...]) -> None:
    assert RUNNER.invoke(app, ["prepare", "ready", "--root", str(root), *words]).exit_code == 2
