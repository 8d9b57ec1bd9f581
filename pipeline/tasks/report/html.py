"""The report as one HTML page that needs no network and runs no script.

Text reaches the page through `tag` alone, which escapes all that is not markup already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.report.figures import dimension_chart, training_chart
from pipeline.tasks.report.report import find_pair, interval_text, mean_text, score_cells
from pipeline.tasks.report.style import STYLE

SIGNS = {"met": "✓", "not met": "✗", "not measurable": "?", "not asked": "–"}
VOID = ("meta",)


class Markup(str):
    """HTML that is safe to place in a page."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element. Children that are not Markup are text: made visible, then escaped; so is every attribute."""
    written = "".join(f' {key.rstrip("_")}="{escape(safe_text(value))}"' for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{written}>")
    inner = "".join(child if isinstance(child, Markup) else escape(safe_text(child)) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>")


def render_html(report: Row) -> str:
    sections = [
        _verdict(report["verdict"]),
        _scores(report["table"], report["evaluation"]),
        _last(report["last_table"], report["evaluation"]),
        _contestants(report["evaluation"]),
        _categories(report["evaluation"]),
        _training(report["training"]),
        _answers(report["answers"]),
        _model(report),
        _steps(report["steps"]),
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Report: {report['verdict']['outcome']}"),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("main", tag("h1", "Training report"), *(part for part in sections if part)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _verdict(verdict: Row) -> Markup:
    outcome = verdict["outcome"]
    banner = tag(
        "p",
        tag("span", SIGNS[outcome], class_="sign"),
        tag("span", f"Verdict: {outcome}" if verdict["criteria"] else "No criteria were asked for"),
        class_=f"banner {_class(outcome)}",
    )
    rows = [
        tag(
            "li",
            tag("span", SIGNS[criterion["outcome"]], class_="sign"),
            tag("div", tag("strong", criterion["question"]), tag("p", f"{criterion['outcome']}: {criterion['why']}.")),
            class_=_class(criterion["outcome"]),
        )
        for criterion in verdict["criteria"]
    ]
    return tag("section", banner, tag("ul", *rows, class_="criteria"))


def _scores(table: Sequence[Row], evaluation: Row | None) -> str:
    if evaluation is None:
        return ""
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    heads = ["", f"baseline: {names[0]}", f"tuned: {names[-1]}", "difference", "interval", "prompts"]
    rows = [score_cells(row) for row in table]
    each = "1 answer each" if evaluation["samples"] == 1 else f"{evaluation['samples']} answers each"
    note = (
        f"{evaluation['prompts']} prompts ({evaluation['split']}), {each}, temperature "
        f"{evaluation['temperature']:g}, at most {evaluation['max_tokens']} tokens. The difference pairs prompts, and "
        f"its {evaluation['confidence']:.0%} interval resamples them {evaluation['rounds']} times."
    )
    marks = [_mark(row["difference"]) for row in table]
    return tag(
        "section",
        tag("h2", "Scores on prompts kept from training" if evaluation["split"] == "heldout" else "Scores"),
        tag("p", note, class_="note"),
        _table(heads, rows, marks),
        tag("figure", Markup(dimension_chart(evaluation))),
    )


def _last(table: Sequence[Row], evaluation: Row | None) -> str:
    """The last contestant against the one before it, where that is not the baseline."""
    if evaluation is None or not table:
        return ""
    before, last = (contestant["name"] for contestant in evaluation["contestants"][-2:])
    heads = ["", before, last, "difference", "interval", "prompts"]
    rows, marks = [score_cells(row) for row in table], [_mark(row["difference"]) for row in table]
    return tag("section", tag("h2", f"{last} over {before}"), _table(heads, rows, marks))


def _contestants(evaluation: Row | None) -> str:
    if evaluation is None:
        return ""
    outcomes = list(evaluation["contestants"][0]["outcomes"])
    heads = ["", "reward", "answers", *outcomes, "unscored", "thoughts", "tokens"]
    rows = [
        [
            entry["name"],
            f"{mean_text(entry['reward'])} {interval_text(entry['reward'])}",
            str(entry["answers"]),
            *(str(entry["outcomes"][outcome]) for outcome in outcomes),
            str(entry["unscored"]),
            str(entry["thoughts"]),
            "–" if entry["tokens"]["mean"] is None else f"{entry['tokens']['mean']:.0f}",
        ]
        for entry in evaluation["contestants"]
    ]
    gains = [
        tag(
            "li",
            f"{pair['contestant']} over {pair['against']}: ",
            tag("strong", mean_text(pair["reward"], signed=True)),
            f" {interval_text(pair['reward'], signed=True)}",
        )
        for pair in evaluation["pairs"]
    ]
    note = (
        "Every answer is counted once. One that was cut off ran into the limit, and is judged as it stands. Thoughts: "
        "answers with one. Tokens: their mean."
    )
    return tag(
        "section",
        tag("h2", "What the answers came to"),
        tag("p", note, class_="note"),
        _table(heads, rows),
        tag("ul", *gains) if gains else "",
    )


def _categories(evaluation: Row | None) -> str:
    names = [contestant["name"] for contestant in evaluation["contestants"]] if evaluation else []
    pair = find_pair(evaluation, names[-1], names[0]) if evaluation and names else None
    if evaluation is None or pair is None:
        return ""
    first, last = evaluation["contestants"][0], evaluation["contestants"][-1]
    rows = [
        [
            category,
            mean_text(first["categories"][category]["reward"]),
            mean_text(last["categories"][category]["reward"]),
            mean_text(difference["reward"], signed=True),
            interval_text(difference["reward"], signed=True),
            str(difference["reward"]["n"]),
        ]
        for category, difference in pair["categories"].items()
    ]
    marks = [_mark(difference["reward"]) for difference in pair["categories"].values()]
    heads = ["reward by category", names[0], names[-1], "difference", "interval", "prompts"]
    return tag("section", tag("h2", "By category"), _table(heads, rows, marks))


def _training(trainings: Sequence[Row]) -> str:
    figures = []
    for number, training in enumerate(trainings):
        svg = training_chart(number, training["name"], training["curves"])
        if svg:
            figures.append(tag("figure", tag("figcaption", training["name"]), Markup(svg)))
    if not figures:
        return ""
    note = "Every step faint, a running mean plain; dashed, the means of the reward's first and last quarter."
    return tag("section", tag("h2", "Training"), tag("p", note, class_="note"), *figures)


def _answers(samples: Sequence[Row]) -> str:
    if not samples:
        return ""
    return tag("section", tag("h2", "Sample answers"), *(_sample(sample) for sample in samples))


def _sample(sample: Row) -> Markup:
    turns = [tag("p", tag("b", f"{turn['role']}: "), turn["content"], class_="turn") for turn in sample["messages"]]
    answers = []
    for answer in sample["answers"]:
        reward = "unscored" if answer["reward"] is None else f"reward {answer['reward']:.2f}"
        title = f" {answer['outcome']}, {reward}, {answer['tokens']} tokens"
        thought = tag("details", tag("summary", "thought"), tag("pre", answer["thought"])) if answer["thought"] else ""
        scores = ", ".join(
            f"{name.replace('_', ' ')} {value:.2f}" for name, value in answer["scores"].items() if value is not None
        )
        answers.append(
            tag("article", tag("h4", tag("b", answer["contestant"]), title), thought,
                tag("pre", answer["answer"] or "(no answer)"), tag("p", scores, class_="note"))
        )  # fmt: skip
    return tag(
        "div", tag("h3", f"{sample['category']} · {sample['prompt_id']}"), *turns, tag("div", *answers, class_="pair")
    )


def _model(report: Row) -> str:
    if not report["gguf"]:
        return ""
    return tag(
        "section",
        tag("h2", "The model"),
        tag("p", "Exported to ", tag("code", report["gguf"]), ". Chat with it:"),
        tag("pre", report["chat"]),
    )


def _steps(steps: Sequence[Row]) -> str:
    if not steps:
        return ""
    parts = []
    for step in steps:
        title = f"{step['name']} · {step['stage'] or 'made elsewhere'} · {step['artifact']}"
        seconds = f" · {step['seconds']:.0f} s" if step["seconds"] is not None else ""
        changed = [
            tag("li", f"{key}: {entry['asked']} asked, {entry['in_effect']} in effect: {entry['why']}")
            for key, entry in step["effective"].items()
        ]
        kept = {key: step[key] for key in ("seed", "settings", "summary", "inputs", "packages")}
        text = json.dumps(kept, ensure_ascii=False, indent=2)
        parts.append(
            tag("details", tag("summary", title + seconds), tag("ul", *changed) if changed else "", tag("pre", text))
        )
    note = "Settings as they were in made.json of each artifact; what was not in effect as asked stands first."
    return tag("section", tag("h2", "What was run"), tag("p", note, class_="note"), *parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], classes: Sequence[str] = ()) -> Markup:
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]),
            class_=classes[number] if classes else "")
        for number, row in enumerate(rows)
    ]  # fmt: skip
    head = tag("tr", *(tag("th", head, scope="col") for head in heads))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="wide")


def _mark(difference: Row | None) -> str:
    """A row whose whole interval lies on one side of zero stands out, by weight and by a sign."""
    if difference is None or difference["low"] is None:
        return ""
    return "up" if difference["low"] > 0 else "down" if difference["high"] < 0 else ""


def _class(outcome: Any) -> str:
    return str(outcome).replace(" ", "-")
