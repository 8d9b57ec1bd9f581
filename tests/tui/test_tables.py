from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import app
from tui.actions import ACTIONS, VIEW, Action
from tui.tables import renewed, table

PAGE = Path(__file__).parents[2] / "docs" / "screens.md"


def test_the_page_has_the_table_of_now() -> None:
    """python -m tui.tables writes it anew."""
    text = PAGE.read_text("utf-8")
    assert table() in text
    assert renewed(text) == text


def twins() -> list[tuple[Action, str]]:
    return [
        (action, twin.strip())
        for action in ACTIONS
        if action.twin != VIEW
        for twin in action.twin.split(";")
        if not twin.strip().startswith("data/")
    ]


@pytest.mark.parametrize(("action", "twin"), twins(), ids=[f"{action.id} {twin}" for action, twin in twins()])
def test_every_twin_is_a_command_with_those_options(action: Action, twin: str) -> None:
    words = twin.split()
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if words == ["--help"]:
        return
    assert words[0] in commands, f"{action.id}: there is no command {words[0]}"
    command = commands[words[0]]
    if words[0] == "stage":
        return
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words[1:]:
        assert not word.startswith("--") or word in {*known, "--help"}, f"{action.id}: {words[0]} has no option {word}"


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="missing"):
        renewed("nothing")
