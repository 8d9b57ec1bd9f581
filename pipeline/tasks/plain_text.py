"""Plain text to pretrain a tiny model on: a novel, the prompts as they stand, and exercises in copying from context.

No answer to any prompt is in it. What it teaches is where to look: what a later line repeats stands further up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random

from pipeline.tasks.bank.wording import listed, sentence
from pipeline.tasks.records import Prompt

OPEN, CLOSE = "\ue000", "\ue001"
"""Enclose what can be copied from further up; two characters of Unicode's private use area."""
RARE = 0.2
"""A word in more than this share of the prompts is taken for a function word and not for something to copy."""

MANY = 40
"""With fewer nouns in the prompts, ordinary words stand in for them."""


@dataclass(frozen=True)
class Document:
    text: str
    copied: tuple[tuple[int, int], ...]
    """Start and end, in characters, of every word that stands further up."""


@dataclass(frozen=True)
class Source:
    """What documents are made of."""

    paragraphs: tuple[str, ...]
    """Of the novel."""
    prompts: tuple[str, ...]
    """What users say, one text a prompt."""
    sentences: tuple[str, ...]
    """Of the prompts, each once."""
    frames: tuple[str, ...]
    """Sentences of ordinary reasoning with blanks for nouns."""
    nouns: tuple[str, ...]
    words: tuple[str, ...]
    """Of the prompts and of ordinary reasoning."""


def gather(prompts: Iterable[Prompt]) -> Source:
    """A source from the users' turns of the training prompts; held-out ones are passed over. Without prompts the novel
    stands in for them."""
    paragraphs = [part for part in _text("alice.txt").split("\n\n") if len(part) > 80]
    texts = [
        " ".join(message["content"] for message in prompt["messages"] if message["role"] == "user")
        for prompt in prompts
        if prompt["split"] == "train"
    ] or paragraphs
    spread = Counter(word for text in texts for word in set(re.findall(r"[^\W\d_]+", text)))
    content = {word for word, count in spread.items() if count <= max(1, RARE * len(texts)) and len(word) > 2}
    ordinary = _text("words.txt").split()
    nouns = {noun for text in texts for noun in re.findall(r"\b[Tt]he ([^\W\d_]+)", text)} & content
    return Source(
        paragraphs=tuple(paragraphs),
        prompts=tuple(texts),
        sentences=tuple(sorted({found for text in texts for found in re.findall(r"[^\s.!?][^.!?\n]*[.!?]", text)})),
        frames=tuple(_text("sentences.txt").splitlines()),
        nouns=tuple(sorted(nouns if len(nouns) >= MANY else ordinary)),
        words=tuple(sorted(content.union(ordinary))),
    )


def _text(name: str) -> str:
    return (files("pipeline.tasks") / "texts" / name).read_text(encoding="utf-8")


def document(random: Random, source: Source) -> Document:
    """One document: mostly an exercise, as plain text or as a chat, else a prompt or a piece of the novel."""
    kind = random.choices(KINDS, WEIGHTS)[0]
    given, recall = kind(random, source)
    return _read(_chat(random, given, recall) if random.random() < CHATS else f"{given}\n{recall}".strip() + "\n")


def exercise(random: Random, source: Source) -> Document:
    """A document that copies."""
    while not (made := document(random, source)).copied:
        pass
    return made


def _read(marked: str) -> Document:
    text, spans = "", []
    for part in re.split(f"({OPEN}[^{CLOSE}]*{CLOSE})", marked):
        inner = part.strip(OPEN + CLOSE)
        if part.startswith(OPEN):
            spans.append((len(text), len(text) + len(inner)))
        text += inner
    return Document(text, tuple(spans))


def copied(word: str) -> str:
    return f"{OPEN}{word}{CLOSE}"


Exercise = tuple[str, str]
"""What is given, and what repeats some of it; the second may be empty."""
CHATS = 0.3
"""Share of documents told as a chat, so that its marks are no strangers to the model."""


def _chat(random: Random, given: str, recall: str) -> str:
    """A user says what is given, an assistant repeats, aloud or first in thought."""
    lines = [line for line in recall.split("\n") if line] or [given]
    cut = random.randrange(len(lines) + 1)
    thought, said = "\n".join(lines[:cut]), "\n".join(lines[cut:]) or lines[-1]
    think = f"<think>\n{thought}\n</think>\n\n" if random.random() < 0.5 else ""
    return f"<|im_start|>user\n{given}<|im_end|>\n<|im_start|>assistant\n{think}{said}<|im_end|>\n"


def _pool(random: Random, source: Source) -> Sequence[str]:
    return source.nouns if random.random() < 0.7 else source.words


def repeated_list(random: Random, source: Source) -> Exercise:
    """A list, and the list again, sometimes backwards."""
    names = random.sample(_pool(random, source), random.randint(4, 10))
    order, lead = random.choice([(1, "Again: "), (1, "The same list: "), (1, "Once more: "), (-1, "Backwards: ")])
    again = [copied(name) for name in names][::order]
    separator = random.choice([", ", ", ", "; ", "\n", " and "])
    if separator == ", " and random.random() < 0.5:
        return f"{random.choice(LISTS)} {listed(names)}.", f"{lead}{listed(again)}."
    return f"{random.choice(LISTS)} {separator.join(names)}.", f"{lead}{separator.join(again)}."


LISTS = ("A list:", "Here are", "We have", "These are:", "I see")


def numbered_list(random: Random, source: Source) -> Exercise:
    names = random.sample(_pool(random, source), random.randint(4, 9))
    asked = random.sample(range(len(names)), 3)
    form = random.choice(["Number {} is {}.", "{}. {}", "Item {}: {}"])
    return (
        "\n".join(f"{place}. {name}" for place, name in enumerate(names, 1)),
        "\n".join(form.format(place + 1, copied(names[place])) for place in asked),
    )


def table(random: Random, source: Source) -> Exercise:
    """Names with values, then some of the names again, each followed by its value."""
    names = random.sample(source.nouns, random.randint(3, 8))
    rows = {name: random.choice(source.words) for name in names}
    row, question = random.choice(
        [("{}: {}", "{}: {}"), ("The {} is {}.", "The {} is {}."), ("{} = {}", "{}? {}"), ("The {} is {}.", "{}: {}")]
    )
    return (
        random.choice([" ", "\n"]).join(row.format(name, value) for name, value in rows.items()),
        "\n".join(question.format(name, copied(rows[name])) for name in random.sample(names, 3)),
    )


def facts_again(random: Random, source: Source) -> Exercise:
    """Facts in any order, then the same facts in other words."""
    nouns = random.sample(source.nouns, 12)
    told, again = [], []
    for first, second in random.sample(FACTS, random.randint(2, 5)):
        names = [nouns.pop() for _ in range(first[0].count("{}"))]
        told.append(random.choice(first).format(*names))
        again.append(sentence(random.choice(second + first[:1]).format(*map(copied, names))))
    told += random.sample(source.sentences, min(len(source.sentences), random.randint(0, 2)))
    random.shuffle(told)
    random.shuffle(again)
    return " ".join(map(sentence, told)), " ".join(again)


Ways = tuple[str, ...]
FACTS: tuple[tuple[Ways, Ways], ...] = (
    (
        ("nobody has seen the {}.", "there is no note of the {}.", "we never heard of the {}.", "the {} is a blank."),
        ("not known: the {}.", "what is missing is the {}.", "I do not know the {}.", "nothing is known of the {}."),
    ),
    (
        (
            "only the {} is free.",
            "we are free to set the {}.",
            "the {} is ours to choose.",
            "it is on us to pick the {}.",
        ),
        ("free to set: the {}.", "so we set the {}.", "what can be changed is the {}."),
    ),
    (
        ("the {} and the {} go as one.", "when the {} grows, the {} grows.", "the {} follows the {}."),
        ("a pair: the {} and the {}.", "linked: {} and {}.", "the {} and the {} move together."),
    ),
    (
        ("the {} says {}.", "according to the {}, it is {}.", "from the {} we heard {}."),
        ("{}: {}.", "the {} said {}.", "one side, the {}: {}."),
    ),
    (
        ("we want the {}.", "all they ask for is the {}.", "we need the {} most.", "it is all about the {}."),
        ("the goal: the {}.", "what is wanted is the {}.", "for the {}, then."),
    ),
    (
        ("first the {}, now the {}.", "not the {} any more but the {}.", "it was the {} and is now the {}."),
        ("before, the {}; now, the {}.", "from the {} to the {}.", "no longer the {} but the {}."),
    ),
    (
        ("the {} is open to us.", "one may ask the {}.", "the {} could help.", "the {} stands by."),
        ("a way out: the {}.", "try the {}.", "help may come from the {}."),
    ),
)
"""What is said of things at first, and what says the same."""


def quoted(random: Random, source: Source) -> Exercise:
    """Sentences of the prompts, and some of them again, found by a word or by how they begin."""
    chosen = random.sample(source.sentences, min(len(source.sentences), random.randint(3, 6)))
    lines = []
    for again in random.sample(chosen, min(2, len(chosen))):
        first, *rest = again.split()
        if random.random() < 0.5:
            lines.append(" ".join([first, *map(copied, rest)]))
        else:
            named = random.choice([first, *rest]).strip(".,?!:")
            lines.append(f'With "{named}": {" ".join(map(copied, [first, *rest]))}')
    return " ".join(chosen), "\n".join(lines)


def scramble(random: Random, source: Source) -> Exercise:
    """Words in no order, with capitals, digits and stops, and the same again."""
    words = random.sample(source.words, random.randint(6, 14))
    mixed = [random.choice((word, word, sentence(word), word + random.choice(STOPS))) for word in words]
    return " ".join(mixed), "Again: " + " ".join(map(copied, mixed))


STOPS = (",", ".", ":", ";", "?", "!", " -", " 1", " 2", " 3", " 4", " 5", " 6", " 7", " 8", " 9", " 0")


def blanks(random: Random, source: Source) -> Exercise:
    """Sentences of the prompts about other things, and what they are about."""
    framed = [found for found in random.sample(source.sentences, min(len(source.sentences), 24)) if " the " in found]
    told, again = [], []
    for found in framed[: random.randint(3, 6)]:
        frame = re.sub(r"\bthe [^\W\d_]+", "the {}", found.replace("{", "").replace("}", ""), count=1)
        noun = random.choice(source.nouns)
        told.append(frame.format(noun))
        again.append(f"{frame.format('...')} The {copied(noun)}.")
    return " ".join(told), "\n".join(random.sample(again, min(2, len(again))))


def index(random: Random, source: Source) -> Exercise:
    """A few sentences, and the things they name, in order, each once."""
    told, _ = random.choice((facts_again, blanks, musing))(random, source)
    known = set(source.nouns)
    names = list(dict.fromkeys(word for word in re.findall(r"[^\W\d_]+", told) if word in known))
    again = [copied(name) for name in names]
    return told, random.choice(INDEX).format(listed(again)) if again else ""


INDEX = ("Named here: {}.", "This names {}.", "Things: {}.", "In order: {}.", "What is named: {}.", "It speaks of {}.")


def musing(random: Random, source: Source) -> Exercise:
    """Sentences of ordinary reasoning that keep coming back to the same few things."""
    nouns = random.sample(source.nouns, random.randint(4, 8))
    lines, seen = [], set[str]()
    for frame in random.sample(source.frames, random.randint(5, 9)):
        count = frame.count("{}")
        named = random.sample(nouns, count) if count <= len(nouns) else random.sample(source.nouns, count)
        lines.append(sentence(frame.format(*(copied(noun) if noun in seen else noun for noun in named))))
        seen.update(named)
    cut = random.randint(1, len(lines) - 1)
    return " ".join(lines[:cut]).replace(OPEN, "").replace(CLOSE, ""), " ".join(lines[cut:])


def prompt(random: Random, source: Source) -> Exercise:
    return random.choice(source.prompts), ""


def piece_of_novel(random: Random, source: Source) -> Exercise:
    return random.choice(source.paragraphs)[:400], ""


Kind = Callable[[Random, Source], Exercise]
KINDS: tuple[Kind, ...] = (
    repeated_list, numbered_list, table, facts_again, quoted, scramble, blanks, index, musing, prompt, piece_of_novel,
)  # fmt: skip
WEIGHTS = (9, 4, 8, 18, 6, 6, 9, 14, 12, 8, 6)
