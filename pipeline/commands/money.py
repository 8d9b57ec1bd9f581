"""What the providers were paid: by run, step, account and model, and which calls may have been billed for nothing."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands import terminal
from pipeline.engine.ledger import FILE, Ledger
from pipeline.engine.rows import Row


def bill(root: Path, run: str) -> Row:
    """`calls` by run, step, account and model; `possibly_billed`; `cost` in US dollars. Of one run, or of all."""
    path = root / "data" / FILE
    if not path.exists():
        return {"cost": 0.0, "calls": [], "possibly_billed": []}
    with Ledger(path) as ledger:
        rows = [row for row in ledger.bill() if not run or row["run"] == run]
        return {
            "cost": round(sum(row["cost"] or 0.0 for row in rows), 6),
            "calls": rows,
            "possibly_billed": ledger.possibly_billed(run),
        }


def show(found: Row) -> None:
    columns = ("run", "step", "account", "model", "calls", "input", "output", "thought", "cost")
    terminal.table(columns, [[_cell(row, name) for name in columns] for row in found["calls"]])
    terminal.say(f"${found['cost']:.4f} in all", "bold")
    lost = found["possibly_billed"]
    if lost:
        terminal.say(f"{len(lost)} calls were sent and their answers never came: possibly billed.", "yellow")
        shown = ("run", "step", "label", "reason")
        terminal.table(shown, [[row[name] for name in shown] for row in lost[:50]])


def _cell(row: Row, name: str) -> object:
    if name == "cost":
        return "unknown" if row["cost"] is None else f"${row['cost']:.4f}"
    return row[name]
