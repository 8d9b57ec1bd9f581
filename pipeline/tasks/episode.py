"""An episode of the GPT track: one question and its one answer, as format lock and echo make them, and its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = ("en", "de")
Templates = dict[Language, tuple[str, ...]]
"""Of each language: texts with a blank."""
SYSTEM = "You are MyPT. Be concise: 1-2 sentences. Follow instructions exactly."


@dataclass(frozen=True)
class Pair:
    prompt: str
    answer: str
    language: Language
    topic: str
    template: str
    """The prompt with a blank for its payload."""
    payload: str
    """What the answer is made of, in small letters: rows that share one stay on one side of a split."""
    fact: str = ""
    """What has to be known, where the prompt does not hold the answer: it is learnt by at least one row."""
    source: str = ""


def distinct(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Each prompt once. Raises DataError where one has two answers, for then neither could be learnt."""
    known: dict[str, str] = {}
    for pair in pairs:
        answer = known.get(pair.prompt)
        if answer is None:
            known[pair.prompt] = pair.answer
            yield pair
        elif answer != pair.answer:
            raise DataError(f"{pair.prompt!r} has two answers: {answer!r} and {pair.answer!r}.")


def row_of(number: int, pair: Pair, system: str) -> Row:
    said = (("system", system), ("user", pair.prompt), ("assistant", pair.answer))
    row: dict[str, Any] = {
        "id": f"{pair.source}-{number:06d}",
        "messages": [{"role": role, "content": content} for role, content in said if content],
        "language": pair.language,
        "source": pair.source,
        "topic": pair.topic,
        "template": pair.template,
        "payload": pair.payload,
    }
    return row | ({"fact": pair.fact} if pair.fact else {})


def count(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What there is of each kind, for a summary."""
    by = {name: Counter(getattr(pair, name) for pair in pairs) for name in ("language", "source", "topic")}
    return {
        "rows": len(pairs),
        "languages": dict(by["language"]),
        "sources": dict(by["source"]),
        "topics": dict(by["topic"].most_common()),
        "templates": len({pair.template for pair in pairs}),
        "payloads": len({pair.payload for pair in pairs if not pair.fact}),
        "facts": len({pair.fact for pair in pairs if pair.fact}),
    }
