"""The report as Markdown; what models and people wrote stands in indented blocks, where nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.report import curriculum_tables, exam_tables, run_tables, tables
from pipeline.tasks.report.tables import Table


def render_markdown(report: Row) -> str:
    parts = (
        _verdict,
        _steps,
        _curriculum,
        _scores,
        _contestants,
        _battery,
        _tournament,
        _calibration,
        _coverage,
        _answers,
        _model,
    )
    return "\n".join(line for part in parts for line in part(report)) + "\n"


def _verdict(report: Row) -> Iterator[str]:
    verdict = report["verdict"]
    yield from ("# Training report", "", f"**Verdict: {verdict['outcome']}**", "")
    for criterion in verdict["criteria"]:
        yield f"- **{criterion['outcome']}**: {inline(criterion['question'])} {inline(criterion['why'])}."
    if report["headline"]:
        yield ""
    for figure in report["headline"]:
        yield f"- {figure['name']}: **{inline(figure['value'])}** {inline(figure['note'])}"


def _steps(report: Row) -> Iterator[str]:
    if not report["steps"]:
        return
    yield from ("", "## What was run", "", *_table(run_tables.step_table(report["steps"])))
    if asked := run_tables.asked_table(report["steps"]):
        yield from ("", *_table(asked))
    if report["judges"]:
        yield from ("", *_table(run_tables.judges_table(report["judges"])))
    if changed := run_tables.effect_table(report["steps"]):
        yield from ("", *_table(changed))


def _curriculum(report: Row) -> Iterator[str]:
    found = report["curriculum"]
    if not found:
        return
    yield from ("", "## Curriculum")
    if found["samples"]:
        yield from ("", *_table(curriculum_tables.sample_table(found)))
    if found["phases"]:
        yield from ("", *_table(curriculum_tables.phase_table(found)))
    for sample in found["samples"]:
        if sample["wrong"]:
            yield from ("", f"Wrong in {inline(sample['step'])}:", "", *_table(curriculum_tables.wrong_table(sample)))


def _scores(report: Row) -> Iterator[str]:
    evaluation = report["evaluation"]
    if evaluation is None:
        yield from () if report["curriculum"] else ("", "No evaluation was given to the report.")
        return
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    about = (
        f"Baseline: {inline(names[0])}. Tuned: {inline(names[-1])}. {evaluation['prompts']} prompts, intervals of "
        f"{evaluation['confidence']:.0%}."
    )
    yield from ("", "## Scores", "", about, "", *_table(tables.score_table(report["table"], "baseline", "tuned")))
    if report["last_table"]:
        yield from ("", f"## {inline(names[-1])} over {inline(names[-2])}", "")
        yield from _table(tables.score_table(report["last_table"], *names[-2:]))


def _contestants(report: Row) -> Iterator[str]:
    evaluation = report["evaluation"]
    if evaluation is None:
        return
    yield from ("", "## What the answers came to", "", *_table(tables.contestant_table(evaluation)))
    if evaluation["pairs"]:
        yield from ("", *_table(tables.pair_table(evaluation)))
    if categories := tables.category_table(evaluation):
        yield from ("", "## Reward by category", "", *_table(categories))


def _battery(report: Row) -> Iterator[str]:
    battery = (report["evaluation"] or {}).get("battery")
    if not battery:
        return
    signs = ", ".join(f"{sign} {outcome}" for outcome, sign in exam_tables.SIGNS.items())
    yield from (
        "",
        "## Battery",
        "",
        f"A sign for every sample: {signs}.",
        "",
        *_table(exam_tables.battery_table(battery)),
    )


def _tournament(report: Row) -> Iterator[str]:
    found = report["tournament"]
    if not found:
        return
    yield from (
        "",
        "## Tournament",
        "",
        *_table(exam_tables.rating_table(found)),
        "",
        *_table(exam_tables.matrix_table(found)),
    )
    yield from ("", *_table(exam_tables.judge_table(found)))
    if found["notes"]:
        yield from ("", *(f"- {inline(note)}" for note in found["notes"]))


def _calibration(report: Row) -> Iterator[str]:
    found = (report["evaluation"] or {}).get("calibration")
    if not found:
        return
    yield from ("", "## Calibration", "", *_table(exam_tables.calibration_table(found)))
    why = [f"- {inline(entry['contestant'])}: {inline(entry['why'])}." for entry in found if entry["why"]]
    if why:
        yield from ("", *why)


def _coverage(report: Row) -> Iterator[str]:
    if report["coverage"]:
        yield from ("", "## Coverage")
        for table in run_tables.coverage_tables(report["coverage"]):
            yield from ("", *_table(table))
    if report["costs"]:
        yield from ("", "## Cost and time", "", *_table(run_tables.cost_table(report["costs"])))


def _answers(report: Row) -> Iterator[str]:
    if report["answers"]:
        yield from ("", "## Sample answers")
    for sample in report["answers"]:
        yield from ("", f"### {sample['category']}: {inline(sample['prompt_id'])}")
        for turn in sample["messages"]:
            yield from ("", f"{turn['role']}:", *_block(turn["content"]))
        for answer in sample["answers"]:
            reward = "unscored" if answer["reward"] is None else f"reward {answer['reward']:.2f}"
            yield from ("", f"**{inline(answer['contestant'])}** ({answer['outcome']}, {reward})")
            if answer["thought"]:
                yield from ("", "Thought:", *_block(answer["thought"]), "", "Answer:")
            yield from _block(answer["answer"] or "(no answer)")


def _model(report: Row) -> Iterator[str]:
    if report["gguf"]:
        yield from (
            "",
            "## The model",
            "",
            f"Exported to {inline(report['gguf'])}. Chat with it:",
            *_block(report["chat"]),
        )


def _table(table: Table) -> list[str]:
    return table_lines([_cell(head) for head in table.heads], [[_cell(cell) for cell in row] for row in table.rows])


def _cell(text: str) -> str:
    """A figure, an interval or signs as they stand, which no reader takes for markup; else a line without any."""
    return text if re.fullmatch(r"[-+–0-9.,%$ \[\]✓✗⊘?]*", text) else inline(text)


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(row)} |" for row in (heads, rule, *rows)]


def inline(value: object) -> str:
    """One line of text in which nothing is markup."""
    text = re.sub(r"\s+", " ", safe_text(str(value)))
    return re.sub(r"([\\`*{}\[\]<>#|!~&]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def _block(text: str) -> list[str]:
    """An indented block: no fence that the text could close."""
    return ["", *("    " + line for line in safe_text(text).split("\n"))]
