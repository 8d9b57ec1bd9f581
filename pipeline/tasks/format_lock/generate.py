"""Format lock: episodes with the shortest of answers, which teach the form of a conversation before anything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, islice
from random import Random
from typing import Literal

from pipeline.tasks.coining import coin
from pipeline.tasks.episode import LANGUAGES, Pair, distinct
from pipeline.tasks.format_lock.computing import computing, sounds
from pipeline.tasks.format_lock.countries import capitals
from pipeline.tasks.format_lock.numbers import spelt, sums
from pipeline.tasks.format_lock.speech import MORE_SAY, MORE_WORDS, SAY, WORDS, numbers, say, talk

Mode = Literal["full", "minimal"]
Math = Literal["include", "exclude", "only", "minimal"]
SUM, PRODUCT = 20, 12
"""Largest numbers of the full arithmetic; the minimal one stays below 6."""
FEW = 5
SOURCE = "format_lock"


def format_lock(mode: Mode, math: Math, examples: int | None, random: Random) -> list[Pair]:
    """Distinct pairs, in an order of chance; all there are, or as many as `examples` says: then a sample of them, or
    ever new words, or sums, beside them."""
    small = mode == "minimal" or math == "minimal"
    calculated = () if math == "exclude" else sums(FEW, FEW) if small else sums(SUM, PRODUCT)
    spoken = () if math == "only" else _speech(mode)
    pairs = list(distinct(chain(spoken, calculated)))
    random.shuffle(pairs)
    if examples is not None:
        more = _bigger_sums(random) if math == "only" else _new_words(random)
        pairs = list(islice(distinct(chain(pairs, more)), examples))
    return [replace(pair, source=SOURCE) for pair in pairs]


def _speech(mode: Mode) -> Iterator[Pair]:
    yield from say(WORDS, SAY)
    yield from numbers()
    yield from talk()
    if mode == "full":
        yield from say(WORDS, {language: (*SAY[language], *more) for language, more in MORE_SAY.items()}, shout=True)
        yield from say(
            MORE_WORDS, {language: (*SAY[language], *more) for language, more in MORE_SAY.items()}, shout=True
        )
        yield from capitals()
        yield from spelt()
        yield from sounds()
        yield from computing()


def _new_words(random: Random) -> Iterator[Pair]:
    while True:
        language = random.choice(LANGUAGES)
        words = " ".join(coin(random) for _ in range(random.randint(1, 2)))
        text, template = random.choice((words, words.capitalize())), random.choice(SAY[language])
        yield Pair(template.format(text), f"{text}.", language, "say", template, words)


def _bigger_sums(random: Random) -> Iterator[Pair]:
    for most in count(SUM + 1):
        a, b = random.randint(0, most), random.randint(0, most)
        for exercise, result in ((f"{a} + {b}", a + b), (f"{max(a, b)} - {min(a, b)}", abs(a - b))):
            for template in ("What is {}?", "Calculate {}."):
                prompt = template.format(exercise)
                yield Pair(prompt, f"{result}.", "en", "arithmetic", template, exercise, f"sum/{exercise}")
