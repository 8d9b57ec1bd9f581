"""A plain str in the wrong place is parsed as mark-up, and a `[/x]` in it ends the screen: none stands in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TUI = Path(__file__).parents[2] / "tui"
PARSED = ("border_title", "border_subtitle", "tooltip", "loading")
"""Attributes of widgets whose str is mark-up."""
SAFE = ("line", "shown", "Content", "styled")


def faults(source: str) -> list[str]:
    """Lines where data may be parsed as mark-up, each with what it says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if name in PARSED and not _safe(value):
                found.append(f"{node.lineno}: {name} = {ast.unparse(value)}")
            case ast.Call(func=ast.Attribute(attr="notify"), args=[said, *_]) if not _plain(said, node.keywords):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
            case ast.Call(func=ast.Name(id="Static" | "Label"), args=[said, *_]) if not _plain(said, node.keywords):
                if not _safe(said) and not isinstance(said, ast.Attribute | ast.Name | ast.Call | ast.IfExp):
                    found.append(f"{node.lineno}: {ast.unparse(node)}")
            case ast.Call(func=ast.Attribute(attr="update"), args=[ast.JoinedStr() as said]):
                found.append(f"{node.lineno}: {ast.unparse(said)}")
            case ast.Attribute(attr="from_markup"):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def _safe(value: ast.expr) -> bool:
    """`line(...)` and the like, sums of them, and pieces of them."""
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in SAFE
        case ast.BinOp(left=left, right=right):
            return _safe(left) and _safe(right)
    return False


def _plain(said: ast.expr, options: list[ast.keyword]) -> bool:
    """A literal or a constant of ours, or a text that is told to be no mark-up."""
    if isinstance(said, ast.Name) and said.id.isupper():
        return True
    if isinstance(said, ast.IfExp):
        return _plain(said.body, options) and _plain(said.orelse, options)
    return isinstance(said, ast.Constant) or any(
        option.arg == "markup" and ast.unparse(option.value) == "False" for option in options
    )


@pytest.mark.parametrize("path", sorted(TUI.rglob("*.py")), ids=lambda path: path.stem)
def test_no_data_is_parsed_as_markup(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ['pane.border_title = "plan"', "pane.border_title = self._title", 'w.tooltip = f"{x}"', "self.notify(str(error))",
     'self.notify(f"{x}", timeout=2)', 'Static(f"{x}")', 'static.update(f"{x}")', "Content.from_markup(x)"],
)  # fmt: skip
def test_the_check_itself_finds_what_it_is_for(source: str) -> None:
    assert faults(source)
