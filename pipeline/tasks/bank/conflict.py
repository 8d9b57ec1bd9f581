"""Conflict: two sources that contradict each other, two people whose orders do not fit, or two duties that collide.
Sources come with a reason to lean one way; all come with a way out that the prompt itself names."""

from __future__ import annotations

from random import Random

from pipeline.tasks.bank.conflict_themes import THEMES, Duties, Sources
from pipeline.tasks.bank.problem import Problem, told, truth, variable
from pipeline.tasks.bank.wording import OUTS, UNTOLD, sentence
from pipeline.tasks.records import Conflict

SAYS = ("The {} says the {} is {}.", "According to the {}, the {} is {}.", "From the {} I hear that the {} is {}.")
WANTS = ("The {} wants the {} {}.", "For the {}, the {} must be {}.", "The {} asked to have the {} {}.")
TRUSTED = (
    "The {} was right last time.",
    "I have more trust in the {}.",
    "So far I could rely on the {}.",
    "Most people trust the {}.",
)
DOUBTED = (
    "The {} was wrong before.",
    "I have less trust in the {}.",
    "I would not rely on the {}.",
    "Few people trust the {}.",
)
QUESTIONS = (
    "What do I do about the {}?",
    "How would you decide about the {}?",
    "What should we do about the {}?",
    "Please help me with the {}.",
    "How do I settle the matter of the {}?",
    "What would you do about the {}?",
)


def draw(name: str, random: Random) -> Problem:
    theme = THEMES[name]
    gap, out = random.choice(theme.gaps), random.choice(theme.outs)
    fact, fact_word = random.choice(theme.facts)
    answer, lean = None, ""
    if isinstance(theme, Duties):
        goods = [random.choice(camp) for camp in random.sample(theme.camps, 2)]
        says = [good.said for good in goods]
        sides = [good.answered for good in goods]
        terms = [[good.word] for good in goods]
    else:
        forms, verb = (SAYS, "says it is") if isinstance(theme, Sources) else (WANTS, "wants it")
        claims = random.sample(random.choice(theme.claims), 2)
        voices = random.sample(theme.voices, 2)
        says = [
            form.format(voice, theme.subject, claim)
            for form, voice, claim in zip(random.sample(forms, 2), voices, claims, strict=True)
        ]
        sides = [f"the {voice} {verb} {claim}" for voice, claim in zip(voices, claims, strict=True)]
        terms = [[voice, claim] for voice, claim in zip(voices, claims, strict=True)]
        if isinstance(theme, Sources):
            right = random.randrange(2)
            trusted = random.random() < 0.5
            lean = random.choice(TRUSTED if trusted else DOUBTED).format(voices[right if trusted else 1 - right])
            answer = [claims[right]]
    conflict: Conflict = {"sides": sides, "terms": terms, "resolution": [out.split()[-1]]}
    rest = [fact, lean, random.choice(UNTOLD).format(gap), sentence(random.choice(OUTS).format(out))]
    random.shuffle(rest)
    names = [theme.subject, *(side[0] for side in terms), fact_word]
    return Problem(
        "conflict",
        name,
        told(
            random.choice(theme.intros),
            *(sentence(said) for said in says),
            *rest,
            random.choice(QUESTIONS).format(theme.subject),
        ),
        truth(
            variables=[variable(name) for name in dict.fromkeys(names)],
            conflict=conflict,
            unknown=[gap],
            answer=answer,
            request=[theme.subject],
        ),
    )
