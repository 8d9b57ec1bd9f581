"""The table of docs/screens.md: every action with its keys and its headless twin, made from the registry.

`python -m tui.tables` writes it anew between the two marks of that file.
"""

from __future__ import annotations

from pathlib import Path

from tui.actions import ACTIONS, VIEW

BEGIN, END = "<!-- actions -->", "<!-- end of actions -->"


def table() -> str:
    rows = ["| id | keys | what it does | headless twin |", "|---|---|---|---|"]
    for action in ACTIONS:
        keys = " ".join(f"`{key}`" for key in action.key.split(","))
        twin = action.twin if action.twin == VIEW else f"`{action.twin}`"
        rows.append(f"| `{action.id}` | {keys} | {action.help} | {twin} |")
    return "\n".join(rows)


def renewed(text: str) -> str:
    """The document with the table of now."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks {BEGIN} and {END} are missing")
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    page = Path(__file__).parents[1] / "docs" / "screens.md"
    page.write_text(renewed(page.read_text("utf-8")), "utf-8", newline="\n")
