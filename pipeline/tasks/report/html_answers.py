"""Parts of the page that hold texts: what models answered, and what they were taught; every thought folded."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.engine.rows import Row
from pipeline.tasks.report.markup import Markup, fold, section, tag
from pipeline.tasks.report.words import spaced


def article(row: Row, title: str | Markup, note: str, class_: str = "") -> Markup:
    """One answer: a title, the thought folded, the answer, a line below it."""
    thought = (
        fold(f"thought, {len(row['thought'].split())} words", tag("pre", row["thought"])) if row["thought"] else ""
    )
    return tag(
        "article",
        title if isinstance(title, Markup) else tag("h4", title),
        thought,
        tag("pre", row["answer"] or "(no answer)"),
        tag("p", note, class_="note") if note else "",
        class_=class_,
    )


def sampled(report: Row) -> str:
    if not report["answers"]:
        return ""
    return section("samples", "Sample answers", "", *(_sample(sample) for sample in report["answers"]))


def _sample(sample: Row) -> Markup:
    answers = [
        article(
            answer,
            tag(
                "h4",
                tag("b", answer["contestant"]),
                f" {answer['outcome']}, {_reward(answer)}, {answer['tokens']} tokens",
            ),
            _scores(answer["scores"]),
        )
        for answer in sample["answers"]
    ]
    title = tag("h3", f"{sample['category']} · {sample['prompt_id']}")
    return tag("div", title, *_turns(sample), tag("div", *answers, class_="pair"))


def learnt(report: Row) -> str:
    """Traces that the training was given, the good beside the bad."""
    prompts: dict[str, list[Row]] = {}
    for row in report["traces"]:
        prompts.setdefault(row["category"], []).append(row)
    parts = [
        fold(
            category,
            tag(
                "div",
                *(
                    article(
                        row, tag("h4", tag("b", row["type"]), f" {_reward(row)}, {row['id']}"), _scores(row["scores"])
                    )
                    for row in rows
                ),
                class_="pair",
            ),
        )
        for category, rows in prompts.items()
    ]
    note = "Of what there was to learn from, the first of each category and type, with the judge's marks."
    return section("traces", "Sample traces", note, *parts) if parts else ""


def _turns(row: Row) -> list[Markup]:
    return [tag("p", tag("b", f"{turn['role']}: "), turn["content"], class_="turn") for turn in row["messages"]]


def _reward(row: Row) -> str:
    return "unscored" if row["reward"] is None else f"reward {row['reward']:.2f}"


def _scores(scores: Mapping[str, float | None] | None) -> str:
    return ", ".join(f"{spaced(name)} {value:.2f}" for name, value in (scores or {}).items() if value is not None)
