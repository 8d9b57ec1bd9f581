"""Ways of asking for an echo, and of asking for anything but one. What follows the colon is given back as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from pipeline.tasks.episode import LANGUAGES, Language, Templates

ECHO: Templates = {
    "en": tuple(
        f"{words}: {{}}"
        for words in (
            "Repeat", "Say", "Echo", "Copy", "Write", "Output", "Print", "Type", "Return", "Reply with", "Respond with",
            "Answer with", "Repeat after me", "Say exactly", "Repeat exactly", "Write exactly", "Copy exactly",
            "Output exactly", "Copy this", "Repeat this", "Echo this", "Say this", "Write this", "Print this",
            "Type this", "Return this", "Please repeat", "Please say", "Please write", "Please copy", "Please echo",
            "Say the following", "Repeat the following", "Write the following", "Copy the following", "Echo back",
            "Say it back", "Repeat word for word", "Copy word for word", "Say only", "Write only", "Reply only with",
            "Give back",
        )
    ),
    "de": tuple(
        f"{words}: {{}}"
        for words in (
            "Wiederhole", "Sag", "Sage", "Schreib", "Schreibe", "Kopiere", "Gib aus", "Antworte mit", "Sprich mir nach",
            "Sag genau", "Wiederhole genau", "Schreib genau", "Bitte wiederhole", "Bitte sag", "Bitte schreib",
            "Bitte kopiere", "Sag Folgendes", "Wiederhole Folgendes", "Schreib Folgendes", "Kopiere Folgendes",
            "Gib Folgendes aus", "Wiederhole das", "Schreib das", "Kopiere das", "Wiederhole Wort für Wort",
            "Schreib Wort für Wort", "Sag nur", "Schreib nur", "Antworte nur mit", "Tippe", "Tippe genau",
            "Wiederhole wörtlich", "Gib zurück", "Gib genau das aus",
        )
    ),
}  # fmt: skip
HELD_OUT: Templates = {
    "en": tuple(ECHO["en"][place] for place in (8, 17, 25, 36)),
    "de": tuple(ECHO["de"][place] for place in (4, 17, 31)),
}
"""A tenth of them, which `templates = "train"` keeps from training: none of the seed's commands uses them."""

_VERBS = {
    "en": ("Repeat", "Say", "Echo", "Copy", "Write", "Output", "Print", "Type", "Return", "Give back", "Write down",
           "Read out", "Send back"),
    "de": ("Wiederhole", "Sag", "Sage", "Schreib", "Schreibe", "Kopiere", "Tippe", "Nenne", "Sende", "Notiere"),
}  # fmt: skip
_HOW = {
    "en": ("", "exactly", "this", "the following", "word for word", "only", "just this", "once", "now", "again",
           "for me", "this text", "these words", "literally", "letter by letter", "as it is", "in one line"),
    "de": ("", "genau", "nur", "Folgendes", "das", "Wort für Wort", "wörtlich", "jetzt", "einmal", "noch einmal",
           "diesen Text", "diese Wörter", "Buchstabe für Buchstabe", "genau so", "in einer Zeile"),
}  # fmt: skip
_WITH = {"en": ("Reply", "Respond", "Answer", "Come back"), "de": ("Antworte", "Erwidere", "Melde dich")}
_WHAT = {
    "en": ("", "exactly", "only", "just", "this", "exactly this", "the following", "these words", "this text"),
    "de": ("", "genau", "nur", "genau diesem Text", "diesem Text", "diesen Wörtern", "nichts als"),
}
_BY = {"en": "with", "de": "mit"}
_FIRST = {"en": ("", "Please", "Now", "Kindly", "Just", "Then"), "de": ("", "Bitte", "Nun", "Jetzt", "Einfach", "Dann")}
"""What an order may begin with."""


def _composed(language: Language) -> Iterator[str]:
    plain = product(_VERBS[language], _HOW[language])
    replies = ((verb, f"{_BY[language]} {what}".strip()) for verb, what in product(_WITH[language], _WHAT[language]))
    for first, (verb, how) in product(_FIRST[language], (*plain, *replies)):
        words = (first, verb[0].lower() + verb[1:] if first else verb, how)
        yield f"{' '.join(filter(None, words))}: {{}}"


COMPOSED: Templates = {
    language: tuple(text for text in dict.fromkeys(_composed(language)) if text not in HELD_OUT[language])
    for language in LANGUAGES
}
"""Hundreds more, put together from a verb and how it is to be done. Those held out are not among them."""

ANTI_ECHO: Templates = {
    "en": ("Do not repeat: {}", "Do not say: {}", "Don't echo: {}", "Don't copy: {}", "Never write: {}",
           "Do not repeat this: {}", "Please do not say: {}", "Don't repeat after me: {}"),
    "de": ("Wiederhole nicht: {}", "Sag nicht: {}", "Schreib nicht: {}", "Kopiere nicht: {}",
           "Bitte wiederhole nicht: {}", "Wiederhole das nicht: {}"),
}  # fmt: skip
OBEYED = {"en": "Okay.", "de": "In Ordnung."}
QUESTIONS: Templates = {
    "en": ("What is {}?", "What does {} mean?", "Do you know {}?", "Define {}.", "Explain {}.", "Who is {}?"),
    "de": ("Was ist {}?", "Was bedeutet {}?", "Kennst du {}?", "Erkläre {}.", "Wer ist {}?"),
}
UNKNOWN = {"en": "I don't know.", "de": "Das weiß ich nicht."}
