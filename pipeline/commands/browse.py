"""Looking at what runs made: traces and their scores, marks by hand, one text judged, reports, GGUF files."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from pipeline.commands import terminal
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, read_json, read_rows, write_bytes
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of


def rows_of(workspace: Workspace, artifact: str) -> Path:
    """The rows file of an artifact given by name or path. Raises ConfigError."""
    path = workspace.find(artifact)
    if path is not None and path.is_dir():
        path = path / "rows.jsonl"
    if path is None or not path.is_file():
        raise ConfigError(f"`{artifact}` holds no rows.", "", "See what there is: python -m pipeline list artifacts")
    return path


def browse(workspace: Workspace, artifact: str, where: str, search: str, mark: str, limit: int, as_json: bool) -> None:
    """Print the rows that pass `where`, hold every word of `search` and are marked so."""
    from pipeline.tasks.matching import matching

    path = rows_of(workspace, artifact)
    found = list(matching(workspace.root, path, where, search, mark))
    if as_json:
        print(json.dumps(found[:limit], indent=2, ensure_ascii=True))
        return
    for row in islice(found, limit):
        _show_row(row)
    terminal.say(f"{min(limit, len(found))} of {len(found)} rows shown, from {path}", "bold")


def _show_row(row: Row) -> None:
    facts = [str(row[key]) for key in ("category", "type", "finish") if row.get(key)]
    reward = f", reward {row['reward']:.3f}" if "reward" in row else ""
    terminal.say(f"{row['id']} ({', '.join(facts)}{reward})", "bold")
    for message in row.get("messages", []):
        terminal.say(f"  {message['role']}: {message['content']}")
    if row.get("thought"):
        terminal.say(f"  thought: {row['thought']}", "dim")
    if "answer" in row:
        terminal.say(f"  answer: {row['answer']}")
    if row.get("scores"):
        scores = " ".join(f"{name} {terminal.shorten(score)}" for name, score in row["scores"].items())
        terminal.say(f"  {scores}", "cyan")


def mark(workspace: Workspace, artifact: str, wanted: str, action: str, value: str) -> None:
    """Keep a mark on a trace or a prompt. Raises ConfigError where there is none of that id, or no such mark."""
    from pipeline.tasks.marks import keep_mark, make_mark, without_effect

    path = rows_of(workspace, artifact)
    row = next((row for row in read_rows(path) if row.get("id") == wanted), None)
    if row is None or "messages" not in row:
        raise ConfigError(
            f"There is no trace or prompt `{wanted}` in {path}.",
            "",
            f"See the ids: python -m pipeline traces {artifact}",
        )
    keep_mark(workspace.root, make_mark(row, action, value))
    terminal.say(f"{wanted}: {action} kept")
    if why := without_effect(row, action):
        terminal.say(f"  It changes no training: {why}", "yellow")


def judge(text: str, prompt: str, as_json: bool) -> None:
    """Mark one text without a ground truth: dimensions that only a truth can settle do not apply."""
    from pipeline.tasks.offline_judge.judge import judge as mark_text
    from pipeline.tasks.records import split_thought

    thought, answer, _ = split_thought(text)
    marks = mark_text(None, [{"role": "user", "content": prompt}], thought, answer)
    if as_json:
        print(json.dumps({"scores": marks.scores, "reasons": marks.reasons}, indent=2))
        return
    rows = [(name, score, marks.reasons.get(name, "does not apply")) for name, score in marks.scores.items()]
    terminal.table(("dimension", "score", "reason"), rows)


def report(runs: list[Run], as_json: bool, html: Path | None) -> None:
    """Print the report of one run, or of two side by side; `html`: the page of two that is written too."""
    from pipeline.tasks.report.beside import render_beside, tables_beside
    from pipeline.tasks.report.compared import side_by_side

    folders = [_report_folder(run) for run in runs]
    reports = [read_json(folder / "report.json") for folder in folders]
    if len(reports) == 1:
        if html:
            raise ConfigError(
                "--html writes two runs side by side.", "", f"The page of one is {folders[0] / 'report.html'}."
            )
        if as_json:
            print(json.dumps(reports[0], indent=2, ensure_ascii=True))
        else:
            terminal.say((folders[0] / "report.md").read_text("utf-8"))
            terminal.say(f"{folders[0] / 'report.html'}")
        return
    compared, names = side_by_side(*reports), [run.id for run in runs]
    if html:
        write_bytes(html, render_beside(compared, *names).encode("utf-8"))
    if as_json:
        print(json.dumps(compared, indent=2, ensure_ascii=True))
        return
    for name, table in tables_beside(compared, *names).items():
        terminal.table(table.heads, table.rows, name)
    if html:
        terminal.say(f"{html}")


def _report_folder(run: Run) -> Path:
    for step in reversed(view_of(run)[0].steps.values()):
        folder = Path(step.artifact)
        if step.state in ("done", "cached") and (folder / "report.json").is_file():
            return folder
    raise DataError(f"{run.id} has made no report.", "", "Let it finish, or run a preset with a `report` step.")


def gguf_file(workspace: Workspace, model: str) -> Path:
    """The GGUF file behind a path, an artifact or a given name. Raises ConfigError."""
    if Path(model).is_file():
        return Path(model)
    found = workspace.find(model)
    files = sorted(found.glob("*.gguf")) if found is not None and found.is_dir() else [found] if found else []
    if len(files) == 1 and files[0].is_file():
        return files[0]
    if files:
        raise ConfigError(
            f"`{model}` holds {len(files)} GGUF files.", ", ".join(file.name for file in files), "Name one."
        )
    known = [str(path) for path in workspace.artifacts() if read_made(path)["kind"] == "gguf"]
    raise ConfigError(
        f"There is no GGUF file `{model}`.", f"Known: {', '.join(known[-3:]) or 'none'}.", "Name a .gguf file."
    )
