"""The stages that make and mix episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.gpt.tokens import fault_of
from pipeline.stages import echo, format_lock, mix
from tests.training.rig import context_of


def rows_of(folder: Path) -> list[Row]:
    return list(read_rows(folder / "rows.jsonl"))


def test_format_lock_writes_rows_that_the_tags_can_write(tmp_path: Path) -> None:
    config = format_lock.Config(mode="minimal", math="exclude")
    summary = format_lock.run(context_of(config, {}, tmp_path))
    rows = rows_of(tmp_path)
    assert len(rows) == len({row["id"] for row in rows}) == summary["rows"]
    assert not [fault for row in rows if (fault := fault_of(row["messages"]))]
    assert rows[0]["messages"][0]["content"].startswith("You are MyPT.")
    assert summary["sources"] == {"format_lock": summary["rows"]} and summary["facts"] > 0
    (note,) = format_lock.plan(PlanContext(config, {}, 7, tmp_path))
    assert note.data == summary


def test_echo_is_drawn_with_its_own_seed_and_tells_what_has_no_effect(tmp_path: Path) -> None:
    summary = echo.run(context_of(echo.Config(max_examples=50), {}, tmp_path / "a"))
    assert summary["rows"] == 50
    echo.run(context_of(echo.Config(max_examples=50, seed=7), {}, tmp_path / "b"))
    assert [row["messages"] for row in rows_of(tmp_path / "a")] != [row["messages"] for row in rows_of(tmp_path / "b")]
    findings = echo.plan(PlanContext(echo.Config(anti_echo=0.1, max_examples=5), {}, 7, tmp_path))
    assert [finding.level for finding in findings] == ["warning", "note"]
    with pytest.raises(ValidationError, match="together at most 1"):
        echo.Config(anti_echo=0.6, contrast=0.6)


def test_fewer_rows_than_asked_for_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tasks.echo.generate.PATIENCE", 20)
    monkeypatch.setattr("pipeline.tasks.echo.generate.plain", lambda *_: ("word", "one"))
    context = context_of(echo.Config(examples=1000), {}, tmp_path)
    assert echo.run(context)["rows"] == context.effective["examples"]["in_effect"] <= 77


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    def row(name: str, number: int) -> Row:
        said = {"user": f"{name if number else 'shared'} {number}", "assistant": name}
        return {"id": f"e-{number}", "payload": f"p{number}",
                "messages": [{"role": role, "content": text} for role, text in said.items()]}  # fmt: skip

    for name, size in (("echo", 85), ("alpha", 40)):
        write_rows(tmp_path / name / "rows.jsonl", [row(name, number) for number in range(size)])
    return {name: tmp_path / name for name in ("echo", "alpha")}


def mixed(inputs: Any, out: Path, **settings: Any) -> tuple[list[Row], Row]:
    summary = mix.run(context_of(mix.Config(**settings), {"inputs": inputs}, out))
    return rows_of(out), summary


def test_fifteen_per_cent_of_replay_are_fifteen_per_cent_of_the_output(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows, summary = mixed(inputs, tmp_path / "out", shares=(0.85, 0.15))
    assert [row["input"] for row in rows] == ["echo"] * 85 + ["alpha"] * 15
    assert summary["inputs"]["alpha"] == {"of": 40, "rows": 15, "share": 0.15, "exposures": 0.375}
    assert summary["shared"] == [{"inputs": ["echo", "alpha"], "prompts": 1, "contradictions": 1, "payloads": 40}]
    assert len({row["id"] for row in rows}) == 100
    again, _ = mixed(inputs, tmp_path / "again", shares=(0.85, 0.15), shuffle=True)
    assert {row["id"] for row in again} == {row["id"] for row in rows} and again != rows


def test_whole_files_are_the_explicit_alternative(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows, summary = mixed(inputs, tmp_path / "out", whole=True)
    assert len(rows) == 125 and summary["inputs"]["alpha"]["share"] == 0.32
    for settings, why in (({}, "2 inputs .* and 0 shares"), ({"whole": True, "rows": 9}, "no effect")):
        with pytest.raises(ConfigError, match=why):
            mixed(inputs, tmp_path / "out", **settings)
        (fault,) = mix.plan(PlanContext(mix.Config(**settings), {"inputs": inputs}, 7, tmp_path))
        assert fault.level == "fault"


def test_a_share_beyond_what_there_is_repeats_rows_and_says_so(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows, summary = mixed(inputs, tmp_path / "out", shares=(0.2, 0.8), rows=100)
    assert summary["inputs"]["alpha"]["exposures"] == 2 and len({row["id"] for row in rows}) == 100
    findings = mix.plan(PlanContext(mix.Config(shares=(0.2, 0.8), rows=100), {"inputs": inputs}, 7, tmp_path))
    assert [finding.level for finding in findings] == ["note", "note", "warning", "warning"]
    assert "each is there 2.00 times" in findings[2].text and "answer 1 equal prompts differently" in findings[3].text


def test_files_are_inputs_too_and_other_rows_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    file = inputs["echo"] / "rows.jsonl"
    rows, _ = mixed({str(file): file, "alpha": inputs["alpha"]}, tmp_path / "out", whole=True)
    assert rows[0]["id"] == "rows/e-0"
    file.write_text('{"text": "no messages"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="row 1: it has no `messages`"):
        mixed(inputs, tmp_path / "out", whole=True)


@pytest.mark.parametrize("shares", [(0.5, 0.6), (1.2, -0.2)])
def test_shares_make_up_a_whole(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="1 together"):
        mix.Config(shares=shares)


def test_inputs_that_are_still_to_come_are_planned_by_what_is_expected_of_them(inputs: Any, tmp_path: Path) -> None:
    known = {"alpha": {"rows": 60}, "later": {"rows": 100}}
    context = PlanContext(
        mix.Config(shares=(0.5, 0.5), rows=80), {"inputs": {"alpha": inputs["alpha"]}}, 7, tmp_path,
        several={"inputs": known},
    )  # fmt: skip
    (note,) = mix.plan(context)
    assert (note.level, note.data) == ("note", {"rows": 80}) and "later 40 of 100" in note.text
    unknown = PlanContext(mix.Config(whole=True), {}, 7, tmp_path, several={"inputs": {"later": {}}})
    assert mix.plan(unknown) == []
