"""The card of an exported model: README.md of its folder, with files, scores, lineage and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.report.markdown import inline, table_lines


def write_card(
    name: str, base_model: str, license: str, files: Mapping[str, Row], lineage: Sequence[Row], evaluation: Row | None
) -> str:
    """Markdown behind the metadata that model hubs read. All text in it that is not ours is escaped.

    `files`: as in checked.json. `lineage`: the made.json of all the model was made from, the earliest first.
    `evaluation`: the summary of an evaluation, where there is one.
    """
    tags = {"base_model": base_model, "license": license}
    lines = ["---", *(f"{key}: {_quoted(text)}" for key, text in tags.items() if text)]
    lines += ["library_name: gguf", "pipeline_tag: text-generation", "---", "", f"# {inline(name)}", "", "## Files", ""]
    lines += table_lines(
        ["file", "MB", "divergence (nats)", "equal likeliest tokens", "types of its tensors"],
        [
            [
                inline(file),
                f"{entry['bytes'] / 1e6:.1f}",
                f"{entry['verified']['divergence']:.2g}",
                f"{entry['verified']['agreement']:.1%}",
                inline(", ".join(f"{kind} {count}" for kind, count in entry["tensors"].items())),
            ]
            for file, entry in files.items()
        ],
    )
    lines += [
        "",
        "Each was held against the original under llama.cpp: tokens, prompts, logits, the end of a turn.",
    ]
    lines += ["", "## Scores", "", *_scores(evaluation, lineage)]
    lines += ["", "## Lineage", "", *_lineage(lineage)]
    return "\n".join(lines) + "\n"


def _scores(evaluation: Row | None, lineage: Sequence[Row]) -> list[str]:
    lines = []
    if evaluation:
        rows = [
            [inline(name), _number(entry.get("reward")), str(entry["outcomes"].get("answered", ""))]
            for name, entry in evaluation["contestants"].items()
        ]
        lines += [f"On {evaluation['prompts']} held-out prompts:", ""]
        lines += table_lines(["contestant", "mean reward", "answers"], rows)
    for made in lineage:
        scores = made["summary"].get("scores")
        if made["stage"] == "grpo" and isinstance(scores, dict):
            rows = [[inline(name), _number(of["first"]), _number(of["last"])] for name, of in scores.items()]
            lines += ["", f"In training ({inline(made['step'])}), first and last quarter:", ""]
            lines += table_lines(["dimension", "first", "last"], rows)
    return lines or ["None were measured on the way to this file."]


def _lineage(lineage: Sequence[Row]) -> list[str]:
    if not lineage:
        return ["The model was not made here, and nothing is known of how it was."]
    lines = []
    for made in lineage:
        lines += [f"### {inline(made['step'])} ({inline(made['stage'])})", ""]
        lines += [f"Artifact {inline(made['artifact'])}, seed {inline(made['seed'])}, run {inline(made['run'])}.", ""]
        text = safe_text(json.dumps(made["described"], indent=2, ensure_ascii=False))
        lines += ["    " + line for line in text.split("\n")]
        for setting, change in made["effective"].items():
            asked, value = (inline(json.dumps(change[key])) for key in ("asked", "in_effect"))
            lines += ["", f"{inline(setting)}: {value} instead of {asked}, since {inline(change['why'])}."]
        lines.append("")
    return lines[:-1]


def _number(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("mean")
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _quoted(text: str) -> str:
    """A YAML string: JSON's is one."""
    return json.dumps(safe_text(text), ensure_ascii=False)
