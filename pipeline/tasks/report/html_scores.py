"""Parts of the page on training and on the held-out prompts: curves, dimensions, outcomes, categories."""

from __future__ import annotations

from pipeline.engine.rows import Row
from pipeline.tasks.report.drawing import SERIES
from pipeline.tasks.report.figures import dimension_chart, training_chart
from pipeline.tasks.report.markup import Markup, grid, section, tag
from pipeline.tasks.report.tables import category_table, contestant_table, pair_table, score_table


def training(report: Row) -> str:
    figures = []
    for number, run in enumerate(report["training"]):
        svg = training_chart(number, run["name"], run["curves"])
        if svg:
            figures.append(tag("figure", tag("figcaption", run["name"]), Markup(svg)))
    if not figures:
        return ""
    note = "Every step faint, a running mean plain; dashed, the means of the reward's first and last quarter."
    return section("training", "Training", note, *figures)


def scores(report: Row) -> str:
    evaluation = report["evaluation"]
    if evaluation is None:
        return ""
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    each = "1 answer each" if evaluation["samples"] == 1 else f"{evaluation['samples']} answers each"
    note = (
        f"{evaluation['prompts']} prompts ({evaluation['split']}), {each}, temperature "
        f"{evaluation['temperature']:g}, at most {evaluation['max_tokens']} tokens. The difference pairs prompts, and "
        f"its {evaluation['confidence']:.0%} interval resamples them {evaluation['rounds']} times. A sign marks a "
        "difference whose whole interval lies on one side of zero."
    )
    parts = [
        tag("figure", Markup(dimension_chart(evaluation))),
        _beyond(len(names)),
        grid(score_table(report["table"], f"baseline: {names[0]}", f"tuned: {names[-1]}"), "scores"),
    ]
    if report["last_table"]:
        parts += [
            tag("h3", f"{names[-1]} over {names[-2]}"),
            grid(score_table(report["last_table"], *names[-2:]), "scores"),
        ]
    title = "Dimensions, on prompts kept from training" if evaluation["split"] == "heldout" else "Dimensions"
    return section("scores", title, note, *parts)


def _beyond(count: int) -> str:
    if count <= len(SERIES):
        return ""
    return tag("p", f"The chart has room for the first {len(SERIES)} of {count} contestants.", class_="note")


def contestants(report: Row) -> str:
    evaluation = report["evaluation"]
    if evaluation is None:
        return ""
    note = (
        "Every answer is counted once. One that was cut off ran into the limit, and is judged as it stands. Thoughts: "
        "answers with one. Tokens: their mean."
    )
    gains = grid(pair_table(evaluation), "gains") if evaluation["pairs"] else ""
    return section("answers", "What the answers came to", note, grid(contestant_table(evaluation)), gains)


def categories(report: Row) -> str:
    table = category_table(report["evaluation"]) if report["evaluation"] else None
    return section("categories", "Reward by category", "", grid(table, "scores")) if table else ""
