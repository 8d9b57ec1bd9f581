"""What no mark survives: texts that are word salad, repeated, copied or filler. Each gate is a factor 0..1."""

from __future__ import annotations

from itertools import pairwise

from pipeline.tasks.offline_judge import lexicon
from pipeline.tasks.offline_judge.signals import ramp
from pipeline.tasks.offline_judge.text import Reading, Sentence

_LIST = 5
"""Of the prompt's terms in one sentence; ordinary ones hold two, one in ten holds so many."""
_NEVER_AFTER: dict[str, frozenset[str]] = {}
for _before, _after in lexicon.NEVER_JOINED:
    for _word in _before:
        _NEVER_AFTER[_word] = _NEVER_AFTER.get(_word, frozenset()) | _after


def prose(sentences: list[Sentence]) -> float:
    """1 for sentences, 0 for a heap of keywords: a third and more of ordinary English is glue."""
    words = [word for sentence in sentences for word in _in_words(sentence)]
    if len(words) < 6:
        return 1.0
    share = sum(word in lexicon.GLUE for word in words) / len(words)
    return ramp(share, 0.1, 0.25) * (1 - ramp(share, 0.75, 0.95)) * (1 - ramp(_broken(sentences), 0.02, 0.07))


def _in_words(sentence: Sentence) -> list[str]:
    """The words of a sentence but for numbers and what they count, so that a calculation is not taken for keywords."""
    words = sentence.words
    return [w for i, w in enumerate(words) if not (w[0].isdigit() or (i and words[i - 1][0].isdigit()))]


def _broken(sentences: list[Sentence]) -> float:
    """Share of words where English breaks: a word twice in a row, an article before a verb, "and" before the full stop.

    Under 0.002 in what people write; shuffling its words makes it 0.06 to 0.1.
    """
    bad = total = 0
    for sentence in sentences:
        total += len(sentence.words)
        bad += sentence.words[-1] in lexicon.NEVER_LAST
        for first, second in pairwise(sentence.words):
            bad += first == second or second in _NEVER_AFTER.get(first, ())
    return bad / total if total else 0.0


def fresh(reading: Reading) -> float:
    """1 where every sentence says something new, towards 0 the more is said again."""
    grams = reading.grams(3)
    factor = 1.0
    if len(grams) >= 6:
        factor = 1 - ramp(1 - len(set(grams)) / len(grams), 0.08, 0.5)
    stems = [sentence.stems for sentence in reading.sentences if len(sentence.stems) > 2]
    if stems:
        factor = min(factor, 1 - ramp(1 - len(set(stems)) / len(stems), 0.0, 0.5))
    return factor


def separate(thought: Reading, answer: Reading) -> float:
    """1 where the answer is written for the reader, towards 0 the more of the thought's sentences it says again."""
    said = {sentence.stems for sentence in thought.sentences}
    long = [sentence.stems for sentence in answer.sentences if len(sentence.stems) > 4]
    return 1 - ramp(sum(stems in said for stems in long) / len(long), 0.25, 1.0) if long else 1.0


def own(*readings: Reading) -> float:
    """1 where the words are the writer's, towards 0 the more stands word for word in the prompt."""
    total = sum(reading.count for reading in readings)
    return 1 - ramp(sum(reading.copied for reading in readings) / total, 0.3, 0.8) if total else 1.0


def unlisted(specific: set[str], sentences: list[Sentence]) -> float:
    """1 where sentences speak of few things each, towards 0 the more of the text is lists of the prompt's terms."""
    total = sum(len(sentence.stems) for sentence in sentences)
    lists = sum(len(sentence.stems) for sentence in sentences if len(specific.intersection(sentence.stems)) >= _LIST)
    return 1 - ramp(lists / total, 0.45, 0.95) if total else 1.0


def grounded(topic: set[str], sentences: list[Sentence]) -> float:
    """1 where the sentences are about this prompt, towards 0 the more of the text is filler that fits any prompt."""
    total = sum(len(sentence.stems) for sentence in sentences)
    if not total or not topic:
        return 1.0
    about = sum(len(sentence.stems) for sentence in sentences if not topic.isdisjoint(sentence.stems))
    return ramp(about / total, 0.3, 0.75)
