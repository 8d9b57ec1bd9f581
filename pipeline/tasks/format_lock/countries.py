"""Capitals, in English and in German: `texts/capitals.txt` has country, Land, city and, where it differs, Stadt."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from pipeline.tasks.episode import Pair, Templates
from pipeline.tasks.format_lock.speech import asked

FORMS: Templates = {
    "en": (
        "What is the capital of {}?",
        "Name the capital of {}.",
        "Capital of {}?",
        "Which city is the capital of {}?",
    ),
    "de": ("Was ist die Hauptstadt von {}?", "Nenne die Hauptstadt von {}.", "Hauptstadt von {}?"),
}
WITH_ARTICLE = {
    "Türkei": "der Türkei",
    "Ukraine": "der Ukraine",
    "Mongolei": "der Mongolei",
    "Slowakei": "der Slowakei",
    "Iran": "dem Iran",
    "Irak": "dem Irak",
    "Libanon": "dem Libanon",
}


def capitals() -> Iterator[Pair]:
    lines = (files("pipeline.tasks") / "texts" / "capitals.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        country, land, city, *other = line.split("|")
        stadt = (other or [city])[0]
        yield from asked("en", "capitals", FORMS["en"], country, f"{city}.")
        yield from asked("de", "capitals", FORMS["de"], WITH_ARTICLE.get(land, land), f"{stadt}.")
