"""The report as one HTML page that needs no network and runs no script: the verdict, then all that it rests on."""

from __future__ import annotations

from pipeline.engine.rows import Row
from pipeline.tasks.report.html_answers import learnt, sampled
from pipeline.tasks.report.html_curriculum import curriculum
from pipeline.tasks.report.html_exam import battery, calibration, tournament
from pipeline.tasks.report.html_run import costs, coverage, model, what_was_run
from pipeline.tasks.report.html_scores import categories, contestants, scores, training
from pipeline.tasks.report.markup import Markup, tag
from pipeline.tasks.report.style import STYLE

SIGNS = {"met": "✓", "not met": "✗", "not measurable": "?", "not asked": "–"}
PARTS = {
    "run": ("What was run", what_was_run),
    "training": ("Training", training),
    "curriculum": ("Curriculum", curriculum),
    "scores": ("Dimensions", scores),
    "answers": ("Outcomes", contestants),
    "categories": ("Categories", categories),
    "battery": ("Battery", battery),
    "tournament": ("Tournament", tournament),
    "calibration": ("Calibration", calibration),
    "coverage": ("Coverage", coverage),
    "costs": ("Cost and time", costs),
    "samples": ("Sample answers", sampled),
    "traces": ("Sample traces", learnt),
    "model": ("The model", model),
}
"""Place in the page -> its name in the list of contents, and what writes it: nothing where there is nothing to say."""


def render_html(report: Row) -> str:
    written = {place: part for place, (_, write) in PARTS.items() if (part := write(report))}
    links = [tag("a", PARTS[place][0], href=f"#{place}") for place in written]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Report: {report['verdict']['outcome']}"),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        tag(
            "main",
            tag("h1", "Training report"),
            _verdict(report["verdict"]),
            _headline(report["headline"]),
            tag("nav", *links, aria_label="Contents") if links else "",
            *written.values(),
        ),
    )
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
    return tag("section", banner, tag("ul", *rows, class_="criteria") if rows else "", id="verdict")


def _headline(figures: list[Row]) -> str:
    cards = [
        tag("div", tag("dt", figure["name"]), tag("dd", tag("b", figure["value"]), tag("span", figure["note"])))
        for figure in figures
    ]
    return tag("dl", *cards, class_="headline") if cards else ""


def _class(outcome: str) -> str:
    return outcome.replace(" ", "-")
