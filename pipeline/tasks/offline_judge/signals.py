"""What a sentence does: admits ignorance, insists, advises, declines, weighs, preaches."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from pipeline.tasks.offline_judge import lexicon
from pipeline.tasks.offline_judge.text import Reading, Sentence

_REACH = 5
"""Words between a negation and what it denies."""


def ramp(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def negates(word: str) -> bool:
    return word in lexicon.NEGATIONS or word.endswith("n't")


def ignorance(sentence: Sentence) -> float:
    """1 for plainly not knowing, 0.5 for a hedge or a pointer to who might know, else 0."""
    return _ignorance(sentence.words)


@lru_cache(8192)
def _ignorance(words: tuple[str, ...]) -> float:
    if not lexicon.IGNORANCE.isdisjoint(words):
        return 1.0
    for index, word in enumerate(words):
        if negates(word) and not lexicon.KNOWING.isdisjoint(words[index + 1 : index + 1 + _REACH]):
            return 1.0
    return 0.5 if not (lexicon.HEDGES.isdisjoint(words) and lexicon.POINTERS.isdisjoint(words)) else 0.0


def insistence(sentence: Sentence) -> float:
    """Inflated confidence: 1 a strong word, 0.35 a sweeping one, at most 2; what is denied does not count."""
    return _insistence(sentence.words)


@lru_cache(8192)
def _insistence(words: tuple[str, ...]) -> float:
    total = 0.0
    for index, word in enumerate(words):
        strength = 0.35 if word in lexicon.ABSOLUTES else 0.0
        if word in lexicon.CERTAINTY or words[index : index + 2] in lexicon.STRONG_PAIRS:
            strength = 1.0
        if strength and not any(map(negates, words[max(0, index - 3) : index])):
            total += strength
    return min(total, 2.0)


def overconfidence(reading: Reading) -> float:
    """Insistence of a text, 0 none to 1 shouting. A single sweeping word is ordinary and free."""
    total = sum(insistence(sentence) for sentence in reading.sentences)
    return ramp(total - 0.35 * (1 + reading.count / 60), 0.0, 2.5)


def advises(sentence: Sentence) -> bool:
    """Tells somebody to do something."""
    words = sentence.words
    if words[0] in lexicon.IMPERATIVES or not lexicon.ADVICE.isdisjoint(words[1:]):
        return True
    return any(second in lexicon.IMPERATIVES for first, second in pairwise(words) if first in lexicon.LEADS)


def turned_down(sentence: Sentence, index: int) -> bool:
    """Whether what stands at `index` is declined by the words before it, or the sentence warns of it."""
    before = sentence.words[:index]
    if any(word in lexicon.DECLINES or word.endswith("n't") for word in before):
        return True
    return any(
        word in lexicon.WARNINGS and not any(map(negates, sentence.words[max(0, place - 2) : place]))
        for place, word in enumerate(sentence.words)
    )


def weighs(sentence: Sentence) -> bool:
    return not lexicon.WEIGHING.isdisjoint(sentence.words)


def contrasts(sentence: Sentence) -> bool:
    return not lexicon.CONTRASTS.isdisjoint(sentence.words)


def preaching(reading: Reading) -> float:
    """0 for none to 1 for a sermon."""
    count = sum(word in lexicon.MORALISING for sentence in reading.sentences for word in sentence.words)
    orders = sum(
        first == "you" and second in ("must", "should", "need")
        for sentence in reading.sentences
        for first, second in pairwise(sentence.words)
    )
    return ramp(count + 0.5 * orders, 0.9, 3.0)


def refuses(reading: Reading) -> bool:
    return any(pair in lexicon.APOLOGIES for sentence in reading.sentences for pair in pairwise(sentence.words))
