"""Reading a text: sentences, words and their stems, and where the words that name a thing stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from pipeline.tasks.offline_judge.lexicon import FUNCTION_WORDS

Place = tuple[int, int]
"""(sentence, word)"""

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[.!?…]+(?=[\s\"”’'»)\]*]|$)|\n|;")
_ENDINGS = ("ings", "ing", "ied", "ies", "ed", "es", "s")
_CLOSERS = "\"”’'»)]*`"
_COPY_RUN = 10
"""Words in a row: this much of the prompt word for word is quoting, not saying."""


@lru_cache(65536)
def stem(word: str) -> str:
    """A word without its endings: `change`, `changes` and `changing` are one; so are two spellings of a number."""
    if word[0].isdigit():
        return _number(word)
    word = word.removesuffix("'s")
    if len(word) <= 3 or "'" in word:
        return word
    for ending in _ENDINGS:
        root = word.removesuffix(ending)
        if root == word or len(root) < 3 or (ending == "s" and word.endswith(("ss", "us", "is"))):
            continue
        if ending in ("ied", "ies"):
            return root + "y"
        if ending[0] in "ie" and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
            root = root[:-1]
        return root.removesuffix("e")
    return word.removesuffix("e")


def _number(word: str) -> str:
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", word).replace(",", ".")
    return plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain


@lru_cache(65536)
def phrase(term: str) -> tuple[str, ...]:
    """The stems of a term, as they stand in a text that mentions it."""
    return tuple(stem(token) for token in _tokens(term) if token[0].isalnum())


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.replace("’", "'").casefold())


class Sentence:
    __slots__ = ("content", "stems", "words")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.stems = tuple(map(stem, words))
        self.content = {stem(word) for word in words if word not in FUNCTION_WORDS}


class Reading:
    """A text as sentences. Words copied from the prompt in long runs stay in the sentences but name nothing."""

    def __init__(self, text: str, prompt: Reading | None = None) -> None:
        self.sentences = _sentences(text)
        self.finished = text.rstrip().rstrip(_CLOSERS).endswith((".", "!", "?", "…", ":")) or text.endswith("```")
        self.count = sum(len(sentence.words) for sentence in self.sentences)
        self.vocabulary = {word for sentence in self.sentences for word in sentence.words}
        quoted = self._quoted(prompt) if prompt else set()
        self.copied = len(quoted | self._repeated(prompt)) if prompt else 0
        self._places: dict[str, list[Place]] = {}
        for number, sentence in enumerate(self.sentences):
            for index, word in enumerate(sentence.stems):
                if (number, index) not in quoted:
                    self._places.setdefault(word, []).append((number, index))
        self._found: dict[str, list[Place]] = {}

    def has(self, word: str) -> bool:
        """Whether a stem stands in the text."""
        return word in self._places

    def find(self, terms: Iterable[str]) -> list[Place]:
        """Where any of the terms stands, in order."""
        found: set[Place] = set()
        for term in terms:
            if term not in self._found:
                self._found[term] = self._find(phrase(term))
            found.update(self._found[term])
        return sorted(found)

    def _find(self, stems: tuple[str, ...]) -> list[Place]:
        starts = self._places.get(stems[0], []) if stems else []
        return [(n, i) for n, i in starts if self.sentences[n].stems[i : i + len(stems)] == stems]

    @cached_property
    def content(self) -> set[str]:
        """Stems of all words that carry meaning."""
        return set[str]().union(*(sentence.content for sentence in self.sentences))

    def grams(self, length: int) -> list[tuple[str, ...]]:
        """Runs of `length` stems, sentence borders ignored."""
        stems = [word for sentence in self.sentences for word in sentence.stems]
        return [tuple(stems[start : start + length]) for start in range(len(stems) - length + 1)]

    def _quoted(self, prompt: Reading) -> set[Place]:
        """Places of the words that stand in long runs of the prompt's own."""
        source = set(prompt.grams(_COPY_RUN))
        flat = [
            (number, index) for number, sentence in enumerate(self.sentences) for index in range(len(sentence.stems))
        ]
        starts = [start for start, gram in enumerate(self.grams(_COPY_RUN)) if gram in source]
        return {place for start in starts for place in flat[start : start + _COPY_RUN]}

    def _repeated(self, prompt: Reading) -> set[Place]:
        """Places of the words of whole sentences that the prompt holds too."""
        source = {sentence.stems for sentence in prompt.sentences if len(sentence.stems) > 4}
        same = [number for number, sentence in enumerate(self.sentences) if sentence.stems in source]
        return {(number, index) for number in same for index in range(len(self.sentences[number].stems))}


def _sentences(text: str) -> list[Sentence]:
    sentences: list[Sentence] = []
    words: list[str] = []
    for token in [*_tokens(text), "."]:
        if token[0].isalnum():
            words.append(token)
        elif words:
            if len(words) > 1 or not words[0].isdigit():  # the bare number of a list item is no sentence
                sentences.append(Sentence(words))
            words = []
    return sentences
