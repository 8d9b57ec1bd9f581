"""Adequate traces: most of the facts, little grouping, a bland word on what is uncertain, conflicts not weighed."""

from __future__ import annotations

from pipeline.tasks.bank.wording import listed
from pipeline.tasks.offline_teacher.case import Case, join

LIST = (
    "This is about {some}.",
    "The question is about {some}.",
    "I think of {some}.",
    "The main points: {some}.",
    "It has to do with {some}.",
    "The user speaks of this: {some}.",
    "I will look at {some}.",
    "Some points stand out: {some}.",
    "I should think about {some}.",
    "What comes to mind: {some}.",
    "They mention this: {some}.",
    "We are told of {some}.",
    "Mostly I look at {some}.",
    "It seems to turn on {some}.",
    "They ask about the {goal}: {some}.",
    "The {goal} comes with this: {some}.",
    "Here we have {some}.",
    "Important here: {some}.",
    "A few points: {some}.",
    "From the text: {some}.",
    "Among other things: {some}.",
    "For the {goal}: {some}.",
    "In short: {some}.",
    "What I see: {some}.",
    "A quick look shows: {some}.",
    "Some of it: {some}.",
    "I note a few things: {some}.",
    "On the whole: {some}.",
    "Part of the case: {some}.",
    "As far as I see: {some}.",
)
LINK = ("{pair} seem to be linked.", "Perhaps {pair} go together.", "It seems {pair} are linked.")
CLASH = (
    "The {voice} and the {other} do not agree.",
    "There are two views, of the {voice} and of the {other}.",
    "The {voice} is one side, the {other} the other.",
    "It is the {voice} or the {other}.",
)
CHANGED = ("It was changed to {now}.", "There was a change of plan.", "Now it is {now}.")
STEP = (
    "I can give a short answer on that.",
    "A usual answer should do.",
    "That should be enough for an answer.",
    "I will say what seems best.",
    "A simple plan should do.",
    "I will keep it short.",
)


def think(case: Case) -> str:
    some = case.some(case.facts, round(0.6 * len(case.facts)))
    parts = [case.say(case.lists(LIST), some=listed(some))]
    if case.groups and case.random.random() < 0.5:
        parts.append(case.say(LINK, pair=case.groups[0]))
    if case.truth["conflict"]:
        parts.append(case.say(CHANGED if case.kind == "dialogue" else CLASH))
    return join(*parts, case.say(STEP))


ANSWERS = {
    "problem": (
        "You could look at the {right} and at {some} for the {goal}.",
        "Try to improve the {right}, and keep {some} in mind.",
        "For the {goal}, it may help to work on the {right}.",
        "For the {goal} it is often good to begin with the {right}.",
        "Maybe change the {right} a little and see how the {goal} does.",
        "I think I would start with the {right} for the {goal}.",
        "One option is to work on the {right}, then on {some}.",
        "Think about the {right} and {some} for the {goal}.",
        "A change of the {right} could do something for the {goal}.",
        "Usually the {right} and {some} are worth a look.",
    ),
    "dialogue": (
        "You could plan the {goal} {slot}, with {some}.",
        "The {goal} could be {slot}. Think of {some}.",
        "Maybe make the {goal} {slot}, with {some}.",
        "A simple plan is to do it {slot}, with {some}.",
        "I think it is fine {slot}. Keep {some} in mind.",
        "The {goal} could work {slot}, with {some}.",
        "The {goal} may go well {slot}. Do not forget {some}.",
        "Perhaps do the {goal} {slot}, with {some}.",
        "Why not do it {slot}, with {some}.",
    ),
    "sources": (
        "I would go with the {voice} on the {goal}.",
        "Maybe the {goal} is {right}, if the {voice} is right.",
        "The {voice} may be right about the {goal}.",
        "Perhaps take the {goal} to be {right}, as the {voice} says.",
        "It could be that the {goal} is {right}, as the {voice} says.",
        "You might follow the {voice} on the {goal}.",
        "I guess the {goal} is more likely {right}, like the {voice} says.",
        "If I had to choose, the {voice} is right on the {goal}.",
        "Many people would go with the {voice} on the {goal}.",
    ),
    "duties": (
        "It depends on whether the {voice} or the {other} matters more to you.",
        "On the {goal}, you could choose the {voice} or the {other}.",
        "Maybe there is a middle way for the {goal}, with the {voice} and the {other}.",
        "Both the {voice} and the {other} have a point, so think it over.",
        "Perhaps talk about the {goal} and the {voice} with someone.",
        "I think you should decide on the {goal}, the {voice} or the {other}.",
        "Hard to say for the {goal}, the {voice} or the {other}.",
        "On the {goal}, people differ on the {voice} and the {other}.",
        "One could take the {voice} for the {goal} this time.",
    ),
    "question": (
        "The answer for the {goal} seems to be {right}.",
        "I think it is {right} for the {goal}.",
        "Probably {right} for the {goal}, as far as I can see.",
        "It looks like {right} for the {goal}.",
        "You could write {right} for the {goal}.",
        "As far as I see, the {goal} part is {right}.",
        "Maybe {right} for the {goal}.",
        "I would guess {right} for the {goal}.",
        "The {goal} part is likely {right}.",
        "It should be {right} for the {goal}, I believe.",
    ),
    "risk": (
        "I would not do that. Maybe look for {need} in another way.",
        "It may be better to stay calm and think about {need}.",
        "That is not a good plan. Try to find {need} some other way.",
        "Perhaps talk to someone about {need}.",
        "I can see you want {need}, but please do not do that.",
        "Try to talk with the {person} about {need}.",
        "Maybe there is a better way to get {need}.",
        "Please think again. You could speak with the {person}.",
    ),
}
VAGUE = (
    "The {gap} may play a part.",
    "You may want to look at the {gap}.",
    "It may depend on the {gap}.",
)
BLAND = (
    "Some things are not certain.",
    "It may depend on the details.",
    "There may be other points too.",
    "Of course things can differ.",
    "Results may vary.",
    "More facts would help.",
    "See how it goes.",
)


def reply(case: Case) -> str:
    if case.kind == "dialogue":
        some = listed(case.some(case.facts[1:] or case.facts, len(case.facts) // 2))
    else:
        some = listed(case.some(case.wrong, 2), "the")
    vague = VAGUE if case.gap and case.random.random() < 0.3 else BLAND
    return join(case.say(ANSWERS[case.kind], some=some), case.say(vague))
