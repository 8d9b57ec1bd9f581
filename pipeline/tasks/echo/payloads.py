"""What is to be echoed: words, phrases, codes, sentences and words that there are not, without end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from re import findall
from typing import Literal

from pipeline.tasks.coining import coin, held_out, trained
from pipeline.tasks.echo.prefixes import ANTI_ECHO, COMPOSED, ECHO, QUESTIONS
from pipeline.tasks.echo.words import COMMON
from pipeline.tasks.episode import Language
from pipeline.tasks.format_lock.generate import format_lock
from pipeline.tasks.format_lock.speech import MORE_WORDS, WORDS

Side = Literal["all", "train", "heldout"]
Payload = tuple[str, str]
"""Topic and text."""

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Henry", "Ida", "Jonas", "Karla", "Leo", "Mia",
         "Noah", "Oskar", "Paula", "Ruth", "Simon", "Tina", "Victor")  # fmt: skip
MORE: dict[Language, tuple[str, ...]] = {
    "en": ("test", "testing", "code", "model", "data", "copy", "line", "point", "circle", "square", "bridge", "castle",
           "forest", "mountain", "ocean", "valley", "desert", "storm", "thunder", "shadow", "mirror", "candle",
           "ladder", "pencil", "basket", "bottle", "button", "carpet", "engine", "feather", "guitar", "helmet",
           "jacket", "kitchen", "lantern", "magnet", "needle", "orange", "pepper", "pocket", "puzzle", "rabbit",
           "ribbon", "rocket", "saddle", "signal", "silver", "spider", "stable", "ticket", "tunnel", "turtle",
           "violin", "wagon", "whistle", "zebra", "copper", "planet", "harbour", "captain", "doctor",
           "farmer", "painter", "teacher", "sailor", "baker", "violet", "yellow", "purple", "golden", "gentle", "quiet",
           "clever", "brave", "narrow", "simple", "bright", "heavy"),
    "de": ("prüfung", "kreis", "linie", "punkt", "quadrat", "brücke", "burg", "wald", "berg", "meer", "tal", "wüste",
           "sturm", "donner", "schatten", "spiegel", "kerze", "leiter", "bleistift", "korb", "flasche",
           "knopf", "teppich", "motor", "feder", "gitarre", "helm", "jacke", "küche", "laterne", "magnet", "nadel",
           "pfeffer", "tasche", "rätsel", "hase", "rakete", "sattel", "signal", "silber", "spinne", "fahrkarte",
           "tunnel", "schildkröte", "samt", "geige", "wagen", "pfeife", "kupfer", "planet", "hafen", "ärztin",
           "bäcker", "gelb", "golden", "sanft", "still", "klug", "mutig", "schmal", "einfach", "hell", "schwer"),
}  # fmt: skip
ADJECTIVES: dict[Language, tuple[str, ...]] = {
    "en": ("small", "big", "old", "new", "red", "green", "blue", "cold", "warm", "quiet", "bright", "dark", "slow",
           "quick", "empty", "heavy"),
    "de": ("schön", "groß", "alt", "neu", "rot", "grün", "blau", "kalt", "warm", "still", "hell", "dunkel", "langsam",
           "schnell", "leer", "schwer"),
}  # fmt: skip
PHRASES: dict[Language, tuple[str, ...]] = {
    "en": ("Hello world", "good luck", "well done", "see you soon", "no problem", "of course", "one more time",
           "all is well", "step by step", "day and night", "up and down", "here and now", "ready to go", "not yet",
           "maybe later", "over there", "thank you", "good idea", "take care", "never mind"),
    "de": ("Hallo Welt", "viel Glück", "gut gemacht", "bis bald", "kein Problem", "na klar", "noch einmal",
           "alles gut", "Schritt für Schritt", "Tag und Nacht", "auf und ab", "hier und jetzt", "bereit zum Start",
           "noch nicht", "vielleicht später", "dort drüben", "vielen Dank", "gute Idee", "bis später", "schon gut"),
}  # fmt: skip
SENTENCES: dict[Language, tuple[str, ...]] = {
    "en": ("{n} is here.", "{n} reads a book.", "{n} likes the {w}.", "The {w} is {a}.", "I see a {a} {w}.",
           "Where is the {w}?", "The {a} {w} is gone.", "{n} and {m} are friends.", "My number is {d}.",
           "We meet at {d}.", "Is the {w} {a}?", "{n} has {d} books.", "Look at the {a} {w}!", "This is {a}."),
    "de": ("{n} ist hier.", "{n} liest ein Buch.", "{n} mag {m}.", "Das ist {a}.", "Wo ist {n}?", "Es ist {a}.",
           "{n} und {m} sind Freunde.", "Meine Zahl ist {d}.", "Wir treffen uns um {d}.", "{n} hat {d} Bücher.",
           "Ist es {a}?", "Wie {a} ist es?", "Heute ist es {a}.", "{n} wartet auf {m}."),
}  # fmt: skip
NOUNS = tuple(word for word in MORE["en"][7:60])


@cache
def words_of(language: Language) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*WORDS[language], *MORE_WORDS[language], *MORE[language], *COMMON[language])))


def cased(random: Random, text: str) -> str:
    """In small letters, with a capital, or, one in eight, in capitals."""
    return random.choice(
        (text, text, text, text.capitalize(), text.capitalize(), text.title(), text.title(), text.upper())
    )


def word(random: Random, language: Language) -> Payload:
    return "word", cased(random, random.choice(words_of(language)))


def phrase(random: Random, language: Language) -> Payload:
    if random.random() < 0.2:
        return "phrase", random.choice(PHRASES[language])
    known = words_of(language)
    return "phrase", cased(random, " ".join(random.choice(known) for _ in range(random.choice((2, 2, 3)))))


def code(random: Random, language: Language) -> Payload:
    """Letters and digits, such as Testing 123, K7-291, 42 or v2.0."""
    digits = "".join(random.choice("0123456789") for _ in range(random.randint(1, 4)))
    letters = "".join(random.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(random.randint(1, 3)))
    named = random.choice(words_of(language)).capitalize()
    number = random.randint(0, 9)
    made = (digits, f"{letters}{digits}", f"{letters}-{digits}", f"{named} {digits}", f"v{number}.{digits[0]}")
    return "code", random.choice(made)


def sentence(random: Random, language: Language) -> Payload:
    one, other = random.sample(NAMES, 2)
    blanks = {"n": one, "m": other, "w": random.choice(NOUNS), "a": random.choice(ADJECTIVES[language]),
              "d": str(random.randint(2, 99))}  # fmt: skip
    return "sentence", random.choice(SENTENCES[language]).format(**blanks)


@cache
def _said_elsewhere() -> frozenset[str]:
    """Words of the format lock's episodes and of the orders themselves: trained on, whatever the payloads were."""
    said = [text for pair in format_lock("full", "exclude", None, Random(0)) for text in (pair.prompt, pair.answer)]
    said += [order for orders in (ECHO, COMPOSED, ANTI_ECHO, QUESTIONS) for texts in orders.values() for order in texts]
    return frozenset(word for text in said for word in findall(r"[^\W\d_]+", text.casefold()))


def unseen(text: str) -> bool:
    """Whether no word of a text is in any row of the curriculum that is trained on with `payloads = "train"`."""
    return held_out(text) and not _said_elsewhere().intersection(findall(r"[^\W\d_]{2,}", text.casefold()))


def gibberish(random: Random, side: Side) -> Payload:
    """One to three coined words of one side."""
    keep = {"all": lambda _: True, "train": trained, "heldout": unseen}[side]
    words: list[str] = []
    wanted = random.choice((1, 1, 2, 2, 3))
    while len(words) < wanted:
        coined = coin(random)
        if keep(coined):
            words.append(coined)
    text = " ".join(words)
    return "gibberish", random.choice((text, text, text.capitalize(), text.title()))


KINDS: tuple[Callable[[Random, Language], Payload], ...] = (word, word, word, phrase, phrase, phrase, code, sentence)


def plain(random: Random, language: Language, side: Side) -> Payload:
    """Words, phrases, codes and sentences that people write. Of a side other than `all`, each of its words is."""
    while True:
        topic, text = random.choice(KINDS)(random, language)
        if side == "all" or (side == "train" and trained(text)) or (side == "heldout" and unseen(text)):
            return topic, text
