"""Small talk to lock the format with: words said as they were asked for, yes and no, greetings, colours, opposites.

Answers are one to five tokens with a full stop, in the casing that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from pipeline.tasks.episode import LANGUAGES, Language, Pair, Templates

SAY: Templates = {
    "en": ("Say {}.", "Write {}.", "Answer with {}.", "Reply with {}.", "Just say {}."),
    "de": ("Sag {}.", "Schreib {}.", "Antworte mit {}.", "Sag nur {}."),
}
MORE_SAY: Templates = {
    "en": ("Please say {}.", "Say only {}.", "Type {}.", "Respond with {}."),
    "de": ("Bitte sag {}.", "Schreib nur {}."),
}
WORDS: Templates = {
    "en": ("hello", "yes", "no", "okay", "thanks", "good", "stop", "start", "ready", "done", "hi", "bye", "please",
           "maybe", "never", "always", "now", "later", "here", "there", "red", "water", "apple", "house", "sun", "dog",
           "cat", "book", "music", "world", "green", "open", "closed", "left", "right", "morning", "moon", "one", "two",
           "small", "warm"),
    "de": ("hallo", "ja", "nein", "danke", "bitte", "gut", "fertig", "vielleicht", "immer", "nie", "jetzt", "hier",
           "wasser", "apfel", "haus", "sonne", "hund", "katze", "buch", "musik", "rot", "morgen"),
}  # fmt: skip
MORE_WORDS: Templates = {
    "en": ("blue", "tree", "river", "stone", "bread", "milk", "salt", "chair", "table", "window", "door", "key",
           "garden", "winter", "summer", "light", "night", "bird", "fish", "horse", "train", "paper", "letter",
           "number", "friend", "school", "street", "island", "cloud", "rain"),
    "de": ("blau", "baum", "fluss", "stein", "brot", "milch", "salz", "stuhl", "tisch", "fenster", "schlüssel",
           "garten", "winter", "sommer", "licht", "nacht", "vogel", "fisch", "pferd", "zug", "papier", "brief", "zahl",
           "freund", "schule", "insel", "wolke", "regen"),
}  # fmt: skip
NUMBERS = tuple(map(str, range(21)))

YES_NO: tuple[tuple[Language, str, bool], ...] = (
    ("en", "Is fire hot?", True), ("en", "Is ice hot?", False), ("en", "Is snow white?", True),
    ("en", "Is grass blue?", False), ("en", "Can birds fly?", True), ("en", "Can stones talk?", False),
    ("en", "Is water wet?", True), ("en", "Is the sun cold?", False), ("en", "Do fish swim?", True),
    ("en", "Do cats bark?", False), ("en", "Is night dark?", True), ("en", "Is a mouse big?", False),
    ("en", "Is a lemon sour?", True), ("en", "Is honey salty?", False), ("en", "Do cows give milk?", True),
    ("de", "Ist Feuer heiß?", True), ("de", "Ist Eis heiß?", False), ("de", "Ist Schnee weiß?", True),
    ("de", "Ist Gras blau?", False), ("de", "Können Vögel fliegen?", True), ("de", "Können Steine reden?", False),
    ("de", "Ist Wasser nass?", True), ("de", "Ist die Sonne kalt?", False), ("de", "Schwimmen Fische?", True),
    ("de", "Bellen Katzen?", False),
)  # fmt: skip
YES_NO_FORMS: Templates = {
    "en": ("{}", "Yes or no: {}", "Answer yes or no. {}"),
    "de": ("{}", "Ja oder nein: {}"),
}
TALK: tuple[tuple[Language, str, str, str], ...] = (
    ("en", "greetings", "Hello!", "Hello."), ("en", "greetings", "Hi!", "Hi."), ("en", "greetings", "Hey!", "Hey."),
    ("en", "greetings", "Good morning!", "Good morning."), ("en", "greetings", "Good evening!", "Good evening."),
    ("en", "greetings", "Good night!", "Good night."), ("en", "greetings", "Goodbye!", "Goodbye."),
    ("en", "greetings", "Bye!", "Bye."), ("en", "greetings", "Welcome!", "Thank you."),
    ("de", "greetings", "Hallo!", "Hallo."), ("de", "greetings", "Guten Morgen!", "Guten Morgen."),
    ("de", "greetings", "Guten Tag!", "Guten Tag."), ("de", "greetings", "Guten Abend!", "Guten Abend."),
    ("de", "greetings", "Gute Nacht!", "Gute Nacht."), ("de", "greetings", "Tschüss!", "Tschüss."),
    ("en", "polite", "Thank you.", "You're welcome."), ("en", "polite", "Thanks!", "You're welcome."),
    ("en", "polite", "Thanks a lot.", "You're welcome."), ("en", "polite", "I am sorry.", "No problem."),
    ("en", "polite", "Excuse me.", "Yes?"), ("en", "polite", "Well done!", "Thank you."),
    ("en", "polite", "Nice to meet you.", "Nice to meet you."), ("en", "polite", "Have a nice day.", "You too."),
    ("de", "polite", "Danke.", "Bitte."), ("de", "polite", "Vielen Dank!", "Gerne."),
    ("de", "polite", "Entschuldigung.", "Kein Problem."), ("de", "polite", "Gut gemacht!", "Danke."),
    ("en", "status", "Are you ready?", "Yes."), ("en", "status", "Are you there?", "Yes."),
    ("en", "status", "Are you done?", "Yes."), ("en", "status", "What is your status?", "Ready."),
    ("en", "status", "Status?", "Ready."), ("en", "status", "How are you?", "Fine."),
    ("en", "status", "What is your name?", "MyPT."), ("en", "status", "Who are you?", "MyPT."),
    ("de", "status", "Bist du bereit?", "Ja."), ("de", "status", "Bist du da?", "Ja."),
    ("de", "status", "Wie geht es dir?", "Gut."), ("de", "status", "Wie heißt du?", "MyPT."),
    ("de", "status", "Wer bist du?", "MyPT."),
)  # fmt: skip
COLOURS: tuple[tuple[Language, str, str], ...] = (
    ("en", "the sky", "Blue"), ("en", "grass", "Green"), ("en", "snow", "White"), ("en", "blood", "Red"),
    ("en", "coal", "Black"), ("en", "a lemon", "Yellow"), ("en", "chocolate", "Brown"), ("en", "a tomato", "Red"),
    ("en", "milk", "White"), ("en", "a carrot", "Orange"), ("en", "an elephant", "Grey"), ("en", "a frog", "Green"),
    ("de", "der Himmel", "Blau"), ("de", "das Gras", "Grün"), ("de", "der Schnee", "Weiß"), ("de", "das Blut", "Rot"),
    ("de", "die Kohle", "Schwarz"), ("de", "die Zitrone", "Gelb"), ("de", "die Milch", "Weiß"),
    ("de", "die Tomate", "Rot"),
)  # fmt: skip
COLOUR_FORMS: Templates = {
    "en": ("What colour is {}?", "Name the colour of {}.", "The colour of {}?"),
    "de": ("Welche Farbe hat {}?", "Farbe: {}?"),
}
WEEK: Templates = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Monday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag", "Montag"),
}
AFTER: Templates = {
    "en": ("What day comes after {}?", "Which day follows {}?"),
    "de": ("Welcher Tag kommt nach {}?", "Welcher Tag folgt auf {}?"),
}
BEFORE: Templates = {
    "en": ("What day comes before {}?",),
    "de": ("Welcher Tag kommt vor {}?",),
}
OPPOSITES: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("hot", "cold"), ("big", "small"), ("up", "down"), ("fast", "slow"), ("old", "new"), ("day", "night"),
           ("open", "closed"), ("full", "empty"), ("early", "late"), ("hard", "soft"), ("wet", "dry"), ("high", "low"),
           ("rich", "poor"), ("true", "false"), ("left", "right"), ("inside", "outside")),
    "de": (("heiß", "kalt"), ("groß", "klein"), ("schnell", "langsam"), ("alt", "neu"), ("voll", "leer"),
           ("früh", "spät"), ("hart", "weich"), ("nass", "trocken"), ("hoch", "tief"), ("reich", "arm")),
}  # fmt: skip
OPPOSITE_FORMS: Templates = {
    "en": ("What is the opposite of {}?", "Opposite of {}?"),
    "de": ("Was ist das Gegenteil von {}?",),
}


def say(words: Templates, forms: Templates, *, shout: bool = False) -> Iterator[Pair]:
    """Each word in each casing: what is said is what was asked for, and a full stop."""
    for language, templates in forms.items():
        for word in words[language]:
            casings = (word, word.capitalize(), *((word.upper(),) if shout else ()))
            for text in dict.fromkeys(casings):
                for template in templates:
                    yield Pair(template.format(text), f"{text}.", language, "say", template, word)


def numbers() -> Iterator[Pair]:
    for language in LANGUAGES:
        for number in NUMBERS:
            for template in SAY[language][: 3 if language == "en" else 2]:
                yield Pair(template.format(number), f"{number}.", language, "numbers", template, number)


def talk() -> Iterator[Pair]:
    """What is known, not copied: yes and no, greetings, status, colours, days, opposites."""
    for language, question, true in YES_NO:
        answer = {"en": ("No.", "Yes."), "de": ("Nein.", "Ja.")}[language][true]
        yield from asked(language, "yes_no", YES_NO_FORMS[language], question, answer)
    for language, topic, prompt, answer in TALK:
        yield from asked(language, topic, (prompt,), "", answer, fact=f"{topic}/{prompt}")
    for language, thing, colour in COLOURS:
        yield from asked(language, "colours", COLOUR_FORMS[language], thing, f"{colour}.")
    for language, days in WEEK.items():
        for day, following in pairwise(days):
            yield from asked(language, "days", AFTER[language], day, f"{following}.")
            yield from asked(language, "days", BEFORE[language], following, f"{day}.", fact=f"before/{following}")
    for language, couples in OPPOSITES.items():
        for one, other in (*couples, *((other, one) for one, other in couples)):
            yield from asked(language, "opposites", OPPOSITE_FORMS[language], one, f"{other.capitalize()}.")


def asked(
    language: Language, topic: str, templates: Iterable[str], thing: str, answer: str, fact: str = ""
) -> Iterator[Pair]:
    """One thing to know, in every way of asking for it."""
    for template in templates:
        payload = thing.casefold()
        yield Pair(
            template.format(thing), answer, language, topic, template, payload, fact or f"{language}/{topic}/{thing}"
        )
