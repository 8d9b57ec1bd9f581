"""Echo: episodes that give back what they were given, and enough that do not, or copying would swallow everything.

The rule: what follows the colon is the answer, as it stands. No full stop is added, and none taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Literal

from pipeline.tasks.echo.payloads import Side, gibberish, plain
from pipeline.tasks.echo.prefixes import ANTI_ECHO, COMPOSED, ECHO, HELD_OUT, OBEYED, QUESTIONS, UNKNOWN
from pipeline.tasks.episode import Language, Pair, Templates, distinct

Gibberish = Literal["include", "exclude", "only"]
PLAIN, COINED = 5000, 3500
"""Rows of each where no number is asked for."""
GERMAN = 0.44
"""Share of German rows, as of German prefixes."""
SOURCE = "echo"


def echo(
    mode: Gibberish, examples: int | None, most: int | None, random: Random, *, anti_echo: float, contrast: float,
    templates: Side, payloads: Side, composed: bool = False,
) -> list[Pair]:  # fmt: skip
    """Distinct pairs, shuffled, at most `most`. `anti_echo` and `contrast` are shares of the rows with coined words: an
    order not to copy; one payload both echoed and asked about, which makes two rows. `composed`: with prefixes put
    together from parts as well."""
    prefixes = _prefixes(templates, composed)
    count = examples or {"exclude": PLAIN, "only": COINED, "include": PLAIN + COINED}[mode]
    count = min(count, most or count)
    coined = {"exclude": 0, "only": count, "include": round(count * COINED / (PLAIN + COINED))}[mode]
    obeying, twice = round(coined * anti_echo), round(coined * contrast) // 2 * 2
    parts = (
        (_echoed(random, prefixes, payloads, coined=False), count - coined),
        (_echoed(random, prefixes, payloads, coined=True), coined - obeying - twice),
        (_not_echoed(random, payloads), obeying),
        (_contrasted(random, prefixes, payloads), twice),
    )
    seen: set[str] = set()
    pairs = [pair for source, wanted in parts for pair in islice(_new(source, seen), wanted)]
    random.shuffle(pairs)
    return list(distinct(pairs))


def _prefixes(side: Side, composed: bool) -> Templates:
    if side == "heldout":
        return HELD_OUT
    more: Templates = COMPOSED if composed else {"en": (), "de": ()}
    return {
        language: tuple(
            text for text in dict.fromkeys((*texts, *more[language])) if side == "all" or text not in HELD_OUT[language]
        )
        for language, texts in ECHO.items()
    }


def _new(pairs: Iterator[Pair], seen: set[str]) -> Iterator[Pair]:
    """Those whose prompt was not there yet. Ends where nothing new comes for long: then there is no more."""
    idle = 0
    for pair in pairs:
        idle = 0 if pair.prompt not in seen else idle + 1
        if not idle:
            seen.add(pair.prompt)
            yield pair
        elif idle > PATIENCE:
            return


PATIENCE = 10_000


def _language(random: Random) -> Language:
    return "de" if random.random() < GERMAN else "en"


def _echoed(random: Random, prefixes: Templates, side: Side, *, coined: bool) -> Iterator[Pair]:
    while True:
        language = _language(random)
        topic, text = gibberish(random, side) if coined else plain(random, language, side)
        yield _pair(random, prefixes, language, topic, text, text)


def _not_echoed(random: Random, side: Side) -> Iterator[Pair]:
    while True:
        language = _language(random)
        yield _pair(random, ANTI_ECHO, language, "anti_echo", gibberish(random, side)[1], OBEYED[language])


def _contrasted(random: Random, prefixes: Templates, side: Side) -> Iterator[Pair]:
    while True:
        language = _language(random)
        text = gibberish(random, side)[1]
        yield _pair(random, prefixes, language, "contrast", text, text)
        yield _pair(random, QUESTIONS, language, "contrast", text, UNKNOWN[language])


def _pair(random: Random, templates: Templates, language: Language, topic: str, text: str, answer: str) -> Pair:
    template = random.choice(templates[language])
    coined = topic in ("gibberish", "anti_echo", "contrast")
    return Pair(
        template.format(text), answer, language, topic, template, text.casefold(), "", "gibberish" if coined else SOURCE
    )
