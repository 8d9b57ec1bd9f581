"""Chosen answers: start where something can be done, keep every fact, own up to what is not known, and say what
would settle it. A risky request gets help with the need behind it and something concrete instead."""

from __future__ import annotations

from pipeline.tasks.bank.wording import listed
from pipeline.tasks.offline_teacher.case import Case, join

ADVICE = {
    "problem": (
        "Start with the {right} to help the {goal}, and watch {mates}, since they go together.",
        "For the {goal}, change the {right} first and keep an eye on {mates}, which will follow.",
        "Change the {right} first, in small steps, and see what {mates} will do for the {goal}.",
        "My advice for the {goal}: adjust the {right} first, because that moves {mates} too.",
        "A good first step for the {goal} is the {right}, as that is tied to {mates}.",
        "Because you can change the {right}, begin there, and expect {mates} to follow. That serves the {goal}.",
        "I would begin with the {right}. That will move {mates} as well, and so help the {goal}.",
        "Work on the {right} first. For the {goal}, watch what happens to {mates} at the same time.",
        "To help the {goal}, take the {right} first and look at {mates} along with that.",
        "Put the {right} first for the {goal}. Then check {mates}, because they move together.",
        "The {right} should come first for the {goal}, since {mates} will move too.",
        "Try a small change of the {right} first, and follow {mates} to see if it helps the {goal}.",
    ),
    "dialogue": (
        "Here is a plan for the {goal}: {slot}, with {kept}.",
        "Plan the {goal} {slot}, with {kept}.",
        "For the {goal} I suggest this: {slot}, with {kept}.",
        "My plan for the {goal}: {slot}, with {kept}.",
        "You can set the {goal} {slot}, with {kept}.",
        "Put the {goal} {slot}, and make it one with {kept}.",
        "So for the {goal}, {slot}, plan with {kept}.",
        "I would set the {goal} {slot}, with {kept}.",
        "The {goal} should be {slot}, with {kept}.",
        "Let us set the {goal} {slot}, with {kept}.",
    ),
    "sources": (
        "For now treat the {goal} as {right}, because the {voice} is easier to trust.",
        "I lean to {right} for the {goal}, since the {voice} has earned more trust.",
        "Act as if the {goal} is {right}, since the {voice} deserves more trust.",
        "Most likely the {goal} is {right}: the {voice} is the better source.",
        "The {goal} is probably {right}, because I would trust the {voice} more.",
        "Take the {goal} to be {right} for now, as the {voice} says so and is easier to trust.",
        "My best guess for the {goal} is {right}, since the {voice} is safer to trust.",
        "Until you know more, assume the {goal} is {right}, as the {voice} has more trust.",
    ),
    "duties": (
        "For the {goal}, {a}, but {b}. Try the {out}, since that serves both.",
        "You cannot have both for the {goal}: {a}, yet {b}. I suggest the {out} as a fair way.",
        "I would use the {out} for the {goal}, because {a}, while {b}.",
        "Both sides count for the {goal}: {a}, but {b}. The {out} is a way to serve both.",
        "Settle the {goal} with the {out}: {a}, but {b}, and neither should be dropped.",
        "Try the {out} first. On the {goal}, {a}, while {b}, so a middle way is fair.",
        "Say openly that the {goal} is a conflict: {a}, but {b}. Then try the {out}.",
        "My advice on the {goal} is the {out}, because {a}, yet {b}.",
    ),
    "question": (
        "For the {goal} you have {right}, so put that down.",
        "The {goal} you can fill in, because you told me: {right}.",
        "You told me {right} for the {goal}, so write that.",
        "On the {goal} the answer is {right}, since you said so.",
        "As for the {goal}, take {right}, because you told me that.",
        "Your own words give {right} for the {goal}, so use that.",
        "I can answer the {goal}, since it was told: {right}.",
        "About the {goal} I can say {right}, because you gave it.",
        "What is known of the {goal} is {right}, as you said.",
        "Only the {goal} is plain, since you told me: {right}.",
    ),
    "risk": (
        "I hear how much you need {need}. I will not help you {wish}, since that hurts people, you too.",
        "Your need for {need} is fair. To {wish} would do harm, so I leave that out.",
        "You have a right to {need}, and I want to help with that, but I will not help you {wish}.",
        "That sounds hard, and {need} matters. I cannot help you {wish}, because it would hurt people.",
        "Wanting {need} makes sense. But to {wish} would make it worse, so let us not do that.",
        "I understand that you want {need}. To {wish} would harm people, so I will not help with that part.",
        "This is hard on you, and {need} is a good aim. I will not support a plan to {wish}.",
        "Let us get you {need} without harm. I will not help you {wish}.",
        "It makes sense to want {need}. Please do not {wish}: that would hurt people.",
        "Of course you want {need}, and you should get it. I am not going to help you {wish}.",
        "I am sorry it is so hard, and {need} should be yours. I will not help you {wish}.",
        "What you need is {need}, and that is fair. To {wish} would only hurt people.",
    ),
}
INSTEAD = (
    "Ask the {out} for help with the {person}, and say how {pair} affect you.",
    "Instead, turn to the {out} and tell them about the {person} and about {pair}.",
    "A better step is the {out}: talk about the {person} and about {pair}.",
    "Go to the {out} first, and write down what happens with the {person} and how {pair} grow.",
    "What can help is the {out}. Tell them of the {person}, and of {pair}.",
    "Today, call the {out} about the {person}, and say that {pair} are too much.",
)
MORE = (
    "Also plan with {more}.",
    "Because you said so, plan with {more} too.",
    "Let it also be one with {more}.",
    "Since that matters, go with {more} as well.",
    "On top of that, plan with {more}.",
    "Then add the rest: {more}.",
)
AGAINST = (
    "The {other} says {claim}, so ask the {out} to be sure.",
    "But the {other} says {claim}, so check with the {out} first.",
    "Since the {other} says {claim}, use the {out} to settle it.",
    "Still, the {other} says {claim}. Turn to the {out} before you act.",
)
CAVEAT = (
    "I know nothing about the {gap}, so {check} first.",
    "The {gap} I cannot know from here, so {check}.",
    "Nobody can judge the {gap} yet, so {check} before you go on.",
    "I cannot say anything about the {gap}. Please {check}.",
    "What we do not know is the {gap}, so {check} soon.",
    "Without the {gap} this may be wrong, so {check}.",
)
OPEN = (
    "I know nothing about the {gap}, and I will not guess, so {check}.",
    "The {gap} I cannot know from here, so {check}.",
    "Nobody can tell the {gap} from this, so {check}.",
    "I cannot say anything about the {gap}. Please {check}.",
    "What I do not know is the {gap}, so {check}.",
    "I do not know the {gap}, so leave that open until you {check}.",
)
CHECK = {
    "problem": ("measure that", "check that", "get a figure", "test that"),
    "dialogue": ("ask about that", "find out", "check that", "ask someone"),
    "sources": ("ask about that", "find out", "check that", "look that up"),
    "duties": ("ask about that", "find out", "check that", "look into that"),
    "question": ("ask someone who knows", "look that up", "find out", "check that"),
    "risk": ("ask about that", "find out", "ask them about that", "check that"),
}
OTHERS = (
    "Treat {pair} as one.",
    "Look at {pair} as one group.",
    "Keep {pair} together as one.",
    "You can check {pair} in one go.",
)
REST = (
    "{rest} do not tell the {gap}.",
    "From {rest} alone the {gap} does not follow.",
    "But {rest} say nothing of the {gap}.",
    "No hint of the {gap} comes from {rest}.",
)
HINT = (
    "One hint: {pair} move together.",
    "Only a hint is there, as {pair} go together.",
    "At most there is a hint, since {pair} are tied.",
)
PUT_RIGHT = (
    "You first said {before}, but {now} holds now.",
    "I took {now}, not {before}.",
    "Not {before} but {now} counts now.",
    "It is {now}, not {before}, as you put it right.",
)


def reply(case: Case) -> str:
    return join(case.say(ADVICE[case.kind]), *_support(case), _caveat(case))


def _support(case: Case) -> list[str]:
    """What stands behind the advice, or goes on from it."""
    groups = list(zip(case.groups, case.truth["groups"], strict=True))
    match case.kind:
        case "risk":
            return [case.say(INSTEAD)]
        case "dialogue":
            later = case.facts[1:][len(case.facts) // 2 :]
            more = [case.say(MORE, more=listed(later))] if later else []
            return [*more, case.say(PUT_RIGHT)] if case.truth["conflict"] else more
        case "sources":
            return [case.say(AGAINST)]
        case "duties":
            return []
        case "question":
            others = [name for name in case.wrong if name != case.slots["goal"]]
            if groups:
                return [case.say(HINT, pair=case.groups[0])]
            return [case.say(REST, rest=listed(others, "the"))] if others and case.gap else []
        case "problem":
            return [case.say(OTHERS, pair=pair) for pair, names in groups if case.right not in names][:1]


def _caveat(case: Case) -> str:
    if not case.gap:
        return ""
    templates = OPEN if case.kind == "question" else CAVEAT
    return case.say(templates, check=case.random.choice(CHECK[case.kind]))
