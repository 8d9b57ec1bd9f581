"""The command line as a person uses it, in processes of its own, on the light half of the reasoning track."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.engine.rows import read_rows
from pipeline.engine.runs import Run

PRESET = """
seed = 5
[steps.prompts]
safety = 4
complexity = 4
dialogue = 4
conflict = 4
calibration = 4
[steps.traces]
[steps.judge]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "light.toml").write_text(PRESET, encoding="utf-8")
    return tmp_path


def cli(root: Path, *words: str, code: int = 0, stdin: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=root, input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, "COLUMNS": "200", "PYTHONUTF8": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout if "--json" in words else done.stdout + done.stderr


def as_json(root: Path, *words: str, code: int = 0) -> Any:
    return json.loads(cli(root, *words, "--json", code=code))


def artifact(shown: Any, step: str) -> Path:
    return Path(next(entry["artifact"] for entry in shown["steps"] if entry["name"] == step))


def test_from_run_to_delete(root: Path) -> None:
    text = cli(root, "run", "light")
    assert "judge: done" in text and ": done after" in text
    shown = as_json(root, "show", "last")
    assert shown["state"] == "done" and [step["state"] for step in shown["steps"]] == ["done"] * 3
    assert len(list(read_rows(artifact(shown, "judge") / "rows.jsonl"))) == 120
    assert "already there" in cli(root, "run", "light")
    planned = as_json(root, "plan", "light", "--set", "traces.per_prompt=4")
    assert [step["state"] for step in planned["steps"]] == ["cached", "new", "new"]
    assert planned["steps"][1]["why"] == "per_prompt: 6 -> 4"

    assert as_json(root, "branch", shown["run"], "--set", "traces.per_prompt=4")["state"] == "done"
    assert len(as_json(root, "list", "runs")) == 3
    differing = as_json(root, "diff", shown["run"], "last")
    assert differing["settings"] == ["steps.traces.per_prompt: 6 -> 4"]
    assert {"result": "traces.traces", "first": 120, "second": 80} in differing["results"]

    cli(root, "tag", "last", "good")
    cli(root, "tag", "last", "four traces each", "--note")
    assert as_json(root, "show", "last")["tags"] == ["good"]
    assert "four traces each" in cli(root, "list")
    cli(root, "delete", "last", "--yes")
    assert len(as_json(root, "list", "runs")) == 2

    used = as_json(root, "clean")
    assert {entry["state"] for entry in used} == {"done"} and sum(not entry["runs"] for entry in used) == 2
    cli(root, "clean", "--orphans", "--yes")
    assert all(entry["runs"] for entry in as_json(root, "clean"))


def test_detach_stop_resume(root: Path) -> None:
    big = ["--set", "prompts.complexity=900", "--set", "traces.per_prompt=8", "--set", "judge.judge={workers=1}"]
    run = Run(root / "data" / "runs" / as_json(root, "run", "light", *big, "--detach")["run"])
    while not run.is_alive():
        time.sleep(0.02)
    cli(root, "stop", run.id)
    assert as_json(root, "show", run.id)["state"] == "stopped"
    assert "is not running" in cli(root, "stop", run.id, code=2)
    with run.lock():  # as a runner holds it; a real one might be done before both are asked
        assert "is running" in cli(root, "resume", run.id, code=1)
        assert "is running" in cli(root, "delete", run.id, "--yes", code=1)
    assert as_json(root, "resume", run.id)["state"] == "done"


def test_traces_where_search_mark_judge(root: Path) -> None:
    folder = artifact(as_json(root, "run", "light"), "judge")
    rows = list(read_rows(folder / "rows.jsonl"))
    found = as_json(
        root, "traces", folder.name, "--where", "judge.helpfulness<0.4 and category='conflict'", "--limit", "999"
    )
    expected = [
        row["id"] for row in rows if row["category"] == "conflict" and (row["scores"]["helpfulness"] or 0) < 0.4
        and row["scores"]["helpfulness"] is not None
    ]  # fmt: skip
    assert [row["id"] for row in found] == expected and expected
    word = rows[0]["answer"].split()[-1].strip(".")
    assert all(
        word.casefold() in json.dumps(row).casefold() for row in as_json(root, "traces", folder.name, "--search", word)
    )
    assert "did you mean `judge.helpfulness`" in cli(
        root, "traces", folder.name, "--where", "judge.helpfulnes<1", code=2
    )
    assert "holds no rows" in cli(root, "traces", "nothing", code=2)

    heldout = next(row["id"] for row in rows if row["split"] == "heldout")
    assert "changes no training: the row is held out" in cli(root, "mark", folder.name, heldout, "reject")
    train = next(row for row in rows if row["split"] == "train")
    prompts = str(next((root / "data").glob("prompts-*")).name)
    assert "changes no training" not in cli(root, "mark", prompts, train["prompt_id"], "edit", "Another question.")
    found = [(mark["kind"], mark["action"]) for mark in read_rows(root / "data" / "marks" / "marks.jsonl")]
    assert found == [("trace", "reject"), ("prompt", "edit")]
    assert "no trace or prompt `none/0`" in cli(root, "mark", folder.name, "none/0", "reject", code=2)

    scores = json.loads(cli(root, "judge", "-", "--json", stdin="<think>\nI am not sure.\n</think>\n\nIt depends."))[
        "scores"
    ]
    assert len(scores) == 9 and scores["process_transparency"] is not None


def test_settings_kept_as_a_preset(root: Path) -> None:
    saved = as_json(root, "save", "light", "--set", "traces.per_prompt=7", "--as", "seven")
    assert saved == {"preset": "seven", "file": str(root / "configs" / "seven.toml")}
    assert (root / "configs" / "seven.toml").read_text("utf-8") == (
        'extends = "light"\n\n[steps.traces]\nper_prompt = 7\n'
    )
    assert "there already" in cli(root, "save", "light", "--as", "seven", code=2)
    assert "per_promt" in cli(root, "save", "light", "--set", "traces.per_promt=3", "--as", "four", code=2)
    assert not (root / "configs" / "four.toml").exists()
    assert any(row["preset"] == "seven" for row in as_json(root, "list", "presets"))


def test_one_stage_on_its_own(root: Path) -> None:
    cli(root, "stage", "prompts", "--complexity", "3", "--safety=2", "--dialogue", "0", "--conflict", "0",
        "--calibration", "0", "--out", "mine", "--seed", "3")  # fmt: skip
    assert len(list(read_rows(root / "mine" / "rows.jsonl"))) == 5
    assert "already there" in cli(root, "stage", "prompts", "--complexity", "3", "--safety=2", "--dialogue", "0",
                                  "--conflict", "0", "--calibration", "0", "--out", "mine", "--seed", "3")  # fmt: skip
    cli(root, "stage", "traces", "--prompts", "mine", "--per-prompt", "4")
    assert "per-prompt" in cli(root, "stage", "traces", "--help")
    assert "did you mean `traces`" in cli(root, "stage", "trace", code=2)
    assert "did you mean `per_prompt`" in cli(root, "stage", "traces", "--prompts", "mine", "--per-promt", "4", code=2)
    assert "needs `prompts`" in cli(root, "stage", "traces", code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "lite"], "did you mean `light`"),
        (["run", "light", "--set", "prompts.safty=1", "--set", "traces.per_prompt=99"], "did you mean `safety`"),
        (["run", "light", "--set", "prompts.safty=1", "--set", "traces.per_prompt=99"], "steps.traces.per_prompt"),
        (["run", "light", "--until", "nothing"], "There is no step `nothing`"),
        (["run", "light", "--set", "prompts.source=missing.jsonl"], "missing.jsonl"),
        (["show", "nothing"], "There is no run `nothing`"),
        (["list", "runz"], "did you mean `runs`"),
        (["plan", "light", "--set", "providers.teacher.kind=offline"], "has no effect"),
        (["chat", "none.gguf"], "no GGUF file `none.gguf`"),
    ],
)
def test_wrong_commands_are_told_in_one_error(root: Path, words: list[str], said: str) -> None:
    assert said in cli(root, *words, code=2)
    assert not list((root / "data").glob("runs/*")), "a command that is wrong leaves no run behind"


def test_weights_named_in_one_place(root: Path) -> None:
    first = artifact(as_json(root, "run", "light"), "judge")
    named = ["--set", "weights.mine.helpfulness=1.0", "--set", "judge.weights=mine"]
    second = artifact(as_json(root, "run", "light", *named), "judge")
    rewards = [{row["id"]: row["reward"] for row in read_rows(path / "rows.jsonl")} for path in (first, second)]
    assert rewards[0].keys() == rewards[1].keys() and rewards[0] != rewards[1]


def test_a_root_that_is_a_file_is_told_plainly(root: Path) -> None:
    assert "A file cannot be used" in cli(root, "run", "configs/light.toml", "--root", "configs/light.toml", code=1)


def test_a_broken_line_is_named_and_nothing_lost(root: Path) -> None:
    mine = root / "mine.jsonl"
    mine.write_text('{"prompt": "What is the time?"}\n{"prompt": \n', encoding="utf-8")
    text = cli(root, "run", "light", "--set", "prompts.source=mine.jsonl", code=2)
    assert "mine.jsonl" in text and "line 2" in text


def test_an_edited_artifact(root: Path) -> None:
    folder = artifact(as_json(root, "run", "light"), "traces")
    with (folder / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    assert "was changed after it was made" in cli(root, "run", "light", code=1)
    assert "done" in cli(root, "run", "light", "--fresh", "traces")


def test_a_read_only_file_system(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process, with the error that such a disk gives: root, as which CI runs, may write everywhere."""

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(sys, "argv", ["pipeline", "run", "light", "--root", str(root)])
    monkeypatch.chdir(root)
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capfd.readouterr()
    assert ended.value.code == 1
    assert "Read-only file system" in shown.err and "writable" in shown.err and "Traceback" not in shown.err


def test_doctor_names_what_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    checks = {entry["check"]: entry["state"] for entry in json.loads(done.stdout)}
    assert checks["Python"] == "good"
    assert done.returncode == (1 if "broken" in checks.values() else 0)
