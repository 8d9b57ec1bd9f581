"""The battery's file: ours whole, a workspace's own in its place, every fault of one named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.tasks.battery.battery import asked_hash, load_battery, scored_hash


def own(root: Path, text: str) -> Path:
    (root / "configs").mkdir()
    (root / "configs" / "battery.toml").write_text(text, encoding="utf-8")
    return root


def test_ours_has_the_twelve_tests() -> None:
    battery = load_battery(Path("no workspace"))
    assert [test.id for test in battery.tests] == [
        *(f"UC-0{n}" for n in range(1, 6)), *(f"RQ-0{n}" for n in range(1, 5)), *(f"ABA-0{n}" for n in range(1, 4)),
    ]  # fmt: skip
    assert battery.groups == ["UC", "RQ", "ABA"]
    assert {test.id for test in battery.tests if test.kind == "program"} == {"RQ-01", "RQ-02", "RQ-03", "ABA-01"}


def test_a_workspace_has_its_own(tmp_path: Path) -> None:
    own(tmp_path, '[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P?"\ncheck = "squares"\n')
    assert [test.id for test in load_battery(tmp_path).tests] == ["X-1"]
    assert asked_hash(tmp_path) != asked_hash(Path("no workspace"))
    assert scored_hash(tmp_path) != scored_hash(Path("no workspace"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tests", "not valid TOML"),
        ("", "tests: Field required"),
        ('[[tests]]\nid = "RQ"\ntitle = "T"\nprompt = "P"\ncheck = "squares"', "tests.0.id"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = " "\ncheck = "squares"', "prompt is empty"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P"', "either `check` or `passes`"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P"\npasses = "a"', "needs `fails`"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P"\ncheck = "square"', "did you mean `squares`"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P"\ncheck = "squares"\nat_least = 1', "at_least = 1"),
        ('[[tests]]\nid = "X-1"\ntitle = "T"\nprompt = "P"\ncheck = "squares"\n' * 2, "more than once: X-1"),
    ],
)
def test_every_fault_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_battery(own(tmp_path, text))
    error = raised.value
    assert said in f"{error.what} {error.why}" and "battery.toml" in error.what
