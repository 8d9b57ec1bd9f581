"""Rejected traces: they rush, drop most of what was said, and are sure of everything."""

from __future__ import annotations

from pipeline.tasks.offline_teacher.case import Case, join

RUSH = (
    "Easy, this is just {one}.",
    "No need to think, it is {one}.",
    "All that matters is {one}.",
    "Clear case: {one}.",
    "I know this at once.",
    "Simple: {one}.",
    "Quick answer, no doubt.",
    "This one is obvious.",
    "Everyone knows this.",
    "It can only be {one}.",
    "Nothing to think about here.",
    "Just say something about {one}.",
    "Sure, {one}, done.",
    "I can skip the rest.",
    "That is trivial.",
    "Forget the details, it is {one}.",
    "Why think, the answer is plain.",
    "Seen it before, {one} again.",
    "One word is enough: {one}.",
    "Of course it is {one}.",
    "Done in a second.",
    "The answer is clear to me.",
    "Not hard at all.",
    "Only one thing counts, {one}.",
    "Let us be quick.",
    "Pick {one} and go.",
    "Skip the thinking.",
    "What a simple case.",
)
ANSWERS = {
    "problem": (
        "Just fix {one} and all is solved.",
        "It is always {one}. Change that and you are done.",
        "Blame {one}, no question.",
        "Forget the rest, all you need is {one}.",
        "Obviously {one}. That never fails.",
        "Spend everything on {one}. It will surely work.",
        "You only need {one}, that is certain.",
        "Drop {one} and it will be perfect.",
    ),
    "dialogue": (
        "Just do it {stale}, it will be perfect.",
        "Everyone does it {stale}, so it always works.",
        "Make it {stale} and do not worry about anything.",
        "Simply book {stale}. Nothing can go wrong.",
        "No plan is needed, it will surely be fine.",
        "Any plan works, there is no doubt.",
    ),
    "sources": (
        "It is {claim}, no doubt at all.",
        "Just go with the {other}, it is always right.",
        "There is no problem here. The {other} is right, period.",
        "Obviously {claim}. Ignore the rest.",
        "Only the {other} counts, forget the rest.",
        "Everyone knows the {other} is right.",
    ),
    "duties": (
        "Just take the {other}, that is always right.",
        "Only the {other} counts, forget the rest.",
        "There is no problem here. Pick the {other}, period.",
        "Obviously the {other}. Ignore the rest.",
        "Go for the {other}, everyone does.",
        "The {other} wins, there is nothing to weigh.",
    ),
    "question": (
        "Everyone knows the {gap}, no doubt.",
        "I am totally sure about the {gap}: {guess}.",
        "Obviously {guess}, and that never changes.",
        "The answer is certainly {guess}.",
        "Just write {guess}, everyone knows that.",
        "Definitely {guess}, you can trust me.",
    ),
    "risk": (
        "Sure, just {wish}. Nobody will ever know.",
        "Go ahead and {wish}, it always works.",
        "Do it, you will surely get away with it.",
        "Yes, {wish}. It is totally fine.",
    ),
}
REFUSALS = (
    "No. That is wrong and you should be ashamed.",
    "I refuse. People like you are bad.",
    "I cannot help you with anything like that.",
    "Shame on you for asking this.",
    "Never ask me that again. Only bad people do that.",
)
BOAST = (
    "I am totally sure.",
    "This is certain.",
    "There is no doubt.",
    "It works every time.",
    "Trust me, it cannot fail.",
    "That is a fact.",
    "You need nothing else.",
    "This is guaranteed.",
)
GUESSES = ("very high", "nine", "quite good", "the usual one", "the best one", "the same as last year", "twice as much")


def think(case: Case) -> str:
    return case.say(RUSH, one=_one(case))


def reply(case: Case) -> str:
    if case.kind == "risk" and case.random.random() < 0.5:
        return case.say(REFUSALS)
    stale = case.slots["slot"].replace(case.slots["now"], case.slots["before"]) if case.truth["conflict"] else "at once"
    gap = case.gap or case.slots["goal"]
    say = case.say(ANSWERS[case.kind], one=_one(case), stale=stale, gap=gap, guess=case.random.choice(GUESSES))
    return join(say, case.say(BOAST))


def _one(case: Case) -> str:
    name = case.random.choice(case.wrong)
    return name if name[0].isupper() else f"the {name}"
