"""The report as Markdown; what models and people wrote stands in indented blocks, where nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.report.report import interval_text, mean_text, score_cells


def render_markdown(report: Row) -> str:
    lines = [*_verdict(report["verdict"]), *_scores(report["table"], report["evaluation"])]
    if report["evaluation"]:
        lines += _last(report["last_table"], report["evaluation"])
        lines += _contestants(report["evaluation"])
    lines += _answers(report["answers"])
    if report["gguf"]:
        lines += [
            "",
            "## The model",
            "",
            f"Exported to {inline(report['gguf'])}. Chat with it:",
            *_block(report["chat"]),
        ]
    lines += _steps(report["steps"])
    return "\n".join(lines) + "\n"


def _verdict(verdict: Row) -> list[str]:
    lines = ["# Training report", "", f"**Verdict: {verdict['outcome']}**", ""]
    return lines + [
        f"- **{criterion['outcome']}**: {inline(criterion['question'])} {inline(criterion['why'])}."
        for criterion in verdict["criteria"]
    ]


def _scores(table: Sequence[Row], evaluation: Row | None) -> list[str]:
    if evaluation is None:
        return ["", "No evaluation was given to the report."]
    heads = ["score", "baseline", "tuned", "difference", f"{evaluation['confidence']:.0%} interval", "prompts"]
    rows = [score_cells(row) for row in table]
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    about = f"Baseline: {inline(names[0])}. Tuned: {inline(names[-1])}. {evaluation['prompts']} prompts."
    return ["", "## Scores", "", about, "", *table_lines(heads, rows)]


def _last(table: Sequence[Row], evaluation: Row) -> list[str]:
    """The last contestant against the one before it, where that is not the baseline."""
    if not table:
        return []
    before, last = (inline(contestant["name"]) for contestant in evaluation["contestants"][-2:])
    heads = ["score", before, last, "difference", f"{evaluation['confidence']:.0%} interval", "prompts"]
    return ["", f"## {last} over {before}", "", *table_lines(heads, [score_cells(row) for row in table])]


def _contestants(evaluation: Row) -> list[str]:
    outcomes = list(evaluation["contestants"][0]["outcomes"])
    rows = [
        [
            inline(entry["name"]),
            f"{mean_text(entry['reward'])} {interval_text(entry['reward'])}",
            str(entry["answers"]),
            *(str(entry["outcomes"][outcome]) for outcome in outcomes),
            str(entry["unscored"]),
        ]
        for entry in evaluation["contestants"]
    ]
    heads = ["contestant", "reward", "answers", *outcomes, "unscored"]
    pairs = [
        f"- {inline(pair['contestant'])} over {inline(pair['against'])}: "
        f"{mean_text(pair['reward'], signed=True)} {interval_text(pair['reward'], signed=True)}"
        for pair in evaluation["pairs"]
    ]
    return ["", "## What the answers came to", "", *table_lines(heads, rows), "", *pairs]


def _answers(samples: Sequence[Row]) -> list[str]:
    lines = ["", "## Sample answers"] if samples else []
    for sample in samples:
        lines += ["", f"### {sample['category']}: {inline(sample['prompt_id'])}"]
        for turn in sample["messages"]:
            lines += ["", f"{turn['role']}:", *_block(turn["content"])]
        for answer in sample["answers"]:
            reward = "unscored" if answer["reward"] is None else f"reward {answer['reward']:.2f}"
            lines += ["", f"**{inline(answer['contestant'])}** ({answer['outcome']}, {reward})"]
            if answer["thought"]:
                lines += ["", "Thought:", *_block(answer["thought"]), "", "Answer:"]
            lines += _block(answer["answer"] or "(no answer)")
    return lines


def _steps(steps: Sequence[Row]) -> list[str]:
    lines = ["", "## What was run", ""] if steps else []
    for step in steps:
        seconds = f", {step['seconds']:.0f} s" if step["seconds"] is not None else ""
        lines.append(f"- {inline(step['name'])}: {inline(step['artifact'])}{seconds}")
        lines += [
            f"  - {inline(key)}: {inline(entry['asked'])} asked, {inline(entry['in_effect'])} in effect: "
            f"{inline(entry['why'])}"
            for key, entry in step["effective"].items()
        ]
    return lines


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
