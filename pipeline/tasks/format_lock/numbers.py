"""Numbers spelt and sums: two languages, both ways."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.tasks.episode import LANGUAGES, Pair, Templates
from pipeline.tasks.format_lock.speech import asked

ENGLISH = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
GERMAN = (
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf",
    "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
)  # fmt: skip
ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
GERMAN_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
AS_WORD: Templates = {
    "en": ("Spell the number {}.", "Write {} as a word.", "{} in words?"),
    "de": ("Schreib die Zahl {} aus.", "Schreib {} als Wort.", "{} in Worten?"),
}
AS_DIGITS: Templates = {
    "en": ("Write {} in digits.", "{} as a number?"),
    "de": ("Schreib {} in Ziffern.", "{} als Zahl?"),
}
SUMS: Templates = {
    "en": ("What is {}?", "Calculate {}.", "{} =", "{} = ?"),
    "de": ("Was ist {}?", "Berechne {}."),
}


def english(number: int) -> str:
    """0 to 100 in words."""
    if number < 20:
        return ENGLISH[number]
    if number == 100:
        return "one hundred"
    tens, ones = divmod(number, 10)
    return ENGLISH_TENS[tens - 2] + (f"-{ENGLISH[ones]}" if ones else "")


def german(number: int) -> str:
    """0 to 100 in words."""
    if number < 20:
        return GERMAN[number]
    if number == 100:
        return "einhundert"
    tens, ones = divmod(number, 10)
    return ({1: "ein"}.get(ones, GERMAN[ones]) + "und" if ones else "") + GERMAN_TENS[tens - 2]


def spelt() -> Iterator[Pair]:
    for language in LANGUAGES:
        for number in range(101):
            name = english(number) if language == "en" else german(number)
            yield from asked(language, "spelling", AS_WORD[language], str(number), f"{name.capitalize()}.")
            yield from asked(language, "digits", AS_DIGITS[language], name, f"{number}.")


def sums(most: int, products: int, forms: Templates = SUMS) -> Iterator[Pair]:
    """Addition and subtraction of 0 to `most`, multiplication and division of 0 to `products`; whole, not below 0."""
    exercises = [(f"{a} + {b}", a + b) for a in range(most + 1) for b in range(most + 1)]
    exercises += [(f"{a} - {b}", a - b) for a in range(most + 1) for b in range(a + 1)]
    exercises += [(f"{a} * {b}", a * b) for a in range(products + 1) for b in range(products + 1)]
    exercises += [(f"{a * b} / {b}", a) for a in range(products + 1) for b in range(1, products + 1)]
    for exercise, result in exercises:
        for language, templates in forms.items():
            yield from asked(language, "arithmetic", templates, exercise, f"{result}.", fact=f"sum/{exercise}")
