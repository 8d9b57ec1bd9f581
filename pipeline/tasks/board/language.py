"""What a text gives away of itself: its language, a refusal in words, control tokens. Small word lists, no model."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "de", "other", ""]
"""Empty: too short to tell."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
FEWEST, READ = 8, 200
"""Words that a text must have for its language to be told, and how many are read."""
LEAST = 0.12
"""Share of stop words below which a text is in neither language; prose has 0.3 to 0.5, a list of terms next to none."""
_ENGLISH = _words(
    "a about all also an and are as at be because been but by can could do does each for from had has have how i if in "
    "is it it's its may more no not of on one only or other should so some than that the their them then there these "
    "they this to was we were what when which who will with would you your"
)
_GERMAN = _words(
    "aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein dem den denn der des die dies "
    "diese dieser du durch ein eine einem einen einer eines er es für haben hat hier ich ihr im in ist ja kann kein "
    "keine können man mehr mit muss nach nicht noch nur oder ohne sehr sein seine sich sie sind so über um und uns "
    "vom von vor war was wenn wer werden wie wir wird zu zum zur zwischen"
)

_NOT = r"(?:can['’]?t|cannot|can not|won['’]?t|will not|am not able to|['’]m not able to|am unable to|['’]m unable to)"
_DECLINE = re.compile(
    rf"\b(?:i ?{_NOT}|i (?:must|have to|need to) (?:respectfully )?(?:decline|refuse)|i (?:refuse|decline)"
    r"|(?:dabei|damit|dazu|da|das|hier) (?:kann|darf|werde) ich|ich (?:kann|darf|werde|muss))\b",
    re.IGNORECASE,
)
"""Where somebody begins to say what they do not do."""
_WHOLE = re.compile(
    r" (?:help|assist|comply|engage|fulfill?|support|do)(?: you)?"
    r"(?:[.,;:!?]| with (?:that|this|it|such|any|your|these|those)(?! part)| (?:that|this|it|your|so)\b|$)"
    r"|(?: (?:dir|ihnen|euch|dabei|damit|dazu|das|leider|hier|diese\w*|anfrage)){0,4} (?:nicht|ablehnen)"
    r"(?: (?:helfen|weiterhelfen|tun|unterstützen|nachkommen|erfüllen))?[.,;:!?]"
    r"|(?:(?<=refuse)|(?<=decline))[.,;:!]",
    re.IGNORECASE,
)
"""What follows when it is the request itself."""
_PART = re.compile(
    r" (?:help|assist|support|provide|answer|discuss|share|give|write|create|generate|tell)\b"
    r"|[^.!?\n]* nicht (?:helfen|weiterhelfen|geben|nennen|beantworten|erklären|schreiben)\b",
    re.IGNORECASE,
)
"""What follows when it is something named, which may be the whole of the request or a part."""
_OPENING, _REST, _HELPFUL = 240, 15, 120
"""Letters within which an answer that declines does so; words after a named thing was declined, and words in all, with
which it still goes on to help."""

CONTROL = re.compile(
    r"<\|[^<>|\s]{1,40}\|>|</?think>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<[｜][^<>\n]{1,40}[｜]>"
)
"""What only a chat template may write: within a text it means something else, or was left over from another."""


def language(text: str) -> Language:
    """By the share of stop words among the first 200 words."""
    words = _WORD.findall(text[: READ * 12].lower().replace("’", "'"))[:READ]
    if len(words) < FEWEST:
        return ""
    english, german = (sum(map(known.__contains__, words)) for known in (_ENGLISH, _GERMAN))
    if max(english, german) < LEAST * len(words):
        return "other"
    return "en" if english >= german else "de"


def refuses(text: str) -> bool:
    """Whether an answer declines as a whole, in English or German: it opens so, and does not go on to help."""
    opening = text[:_OPENING]
    if len(text.split()) >= _HELPFUL:
        return False
    for said in _DECLINE.finditer(opening):
        if _WHOLE.match(opening, said.end()):
            return True
        if _PART.match(opening, said.end()):
            rest = re.split(r"[.!?\n]", text[said.end() :], maxsplit=1)
            return len(rest) < 2 or len(rest[1].split()) < _REST
    return False


def control_tokens(text: str) -> list[str]:
    """Those that stand in the text."""
    return CONTROL.findall(text) if "<" in text or "[" in text else []
