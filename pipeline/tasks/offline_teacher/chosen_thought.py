"""Chosen thoughts: identify all parameters, group those that move together, weigh what contradicts, say what is not
known, go step by step (the five rules of the plan of phase 03e, section 4.2)."""

from __future__ import annotations

from pipeline.tasks.bank.wording import listed
from pipeline.tasks.offline_teacher.case import Case, count, join

LIST = (
    "Let me list what counts: {all}.",
    "I count {n} things here: {all}.",
    "First I note what is given: {all}.",
    "The parts are {all}.",
    "What I have to hold together: {all}.",
    "Here is what I see: {all}.",
    "There are {n} parts: {all}.",
    "{n} things are named: {all}.",
    "Everything that counts: {all}.",
    "Step one, the facts: {all}.",
    "To begin, I gather {all}.",
    "My list reads like this: {all}.",
    "All in all we have this: {all}.",
    "I start from the facts: {all}.",
    "Before I answer, I collect {all}.",
    "Looking at it whole, I find {all}.",
    "On the table: {all}.",
    "The case holds {all}.",
    "I must not drop any of these: {all}.",
    "Named so far: {all}.",
    "We have {n} facts: {all}.",
    "At hand is this: {all}.",
    "Nothing may be lost: {all}.",
    "Reading it again, I find {all}.",
    "Facts first: {all}.",
    "A short list helps: {all}.",
    "In play are {all}.",
    "One by one: {all}.",
    "Point by point: {all}.",
    "As I read it: {all}.",
    "These belong to it: {all}.",
    "I hold on to this: {all}.",
    "What was told: {all}.",
    "No point is idle: {all}.",
    "For the {goal} I see {n} points: {all}.",
    "Around the {goal} I find {n} facts: {all}.",
)
GROUP = (
    "{pair} form one group.",
    "I take {pair} as one, since they move together.",
    "{pair} go together, so I treat them as one.",
    "{pair} belong in one group.",
    "I can put {pair} in one group.",
    "{pair} are tied, so one look serves for all.",
    "I join {pair}, because they change together.",
    "{pair} make one bundle.",
)
FEWER = (
    "So {n} things become {k}.",
    "That leaves {k} parts.",
    "Now there are only {k} parts.",
    "That makes {k} in all.",
)
CLASH = (
    "{a}, but {b}.",
    "{a}, yet {b}, and both cannot hold.",
    "There is a conflict: {a}, while {b}.",
    "Two sides clash: {a}, but {b}.",
    "On one side {a}. On the other {b}.",
    "I see a conflict here: {a}, yet {b}.",
)
CHANGED = (
    "{a}, but {b}.",
    "{a}, yet {b}, and both cannot hold.",
    "There is a conflict: {a}, but {b}.",
    "I see a change: {a}, but {b}.",
)
LEAN = (
    "I give the {voice} more weight, since it has earned more trust.",
    "The {voice} is easier to trust, so I lean that way.",
    "Because the {voice} has earned more trust, I lean to {right}.",
    "I weigh both and lean to the {voice}, which is safer to trust.",
)
WEIGH = (
    "Both have good reasons, so I look for a way that serves both: the {out}.",
    "Each side has weight, and the {out} could serve both.",
    "I weigh both: neither is wrong, so the {out} may be fair.",
    "Neither side may be dropped, and the {out} would cost little.",
)
LATEST = (
    "The later word counts.",
    "The last word holds, so I keep {now}.",
    "The new fact replaces the old one.",
    "That was put right, so {now} holds.",
)
GAP = (
    "I know nothing about the {gap}, so I will not guess.",
    "There is no word here on the {gap}.",
    "The {gap} I cannot know from this.",
    "About the {gap} nothing is known.",
    "What I do not know is the {gap}.",
    "Not known: the {gap}.",
    "No fact here settles the {gap}.",
    "I cannot judge the {gap} from this.",
)
STEP = {
    "problem": (
        "Only the {right} can be changed, so I begin there.",
        "The {right} can be changed, and that decides the first step.",
        "I can move just the {right}, so that comes first.",
        "Since the {right} can be changed, I start there.",
    ),
    "dialogue": (
        "Since all of this holds at once, the {goal} has to fit it.",
        "So I plan the {goal} around these points, because each one matters.",
        "So I build the {goal} on that, since nothing may be lost.",
        "So every point goes into the {goal}, from the first turn on.",
    ),
    "sources": (
        "So I lean one way for the {goal}, but leave room for the other.",
        "So a careful step is best for the {goal}.",
        "So I settle the {goal} for now, and keep both in view.",
        "So the {goal} needs one more check.",
    ),
    "duties": (
        "So I name both and then go on with the {goal}.",
        "So a fair step is best for the {goal}.",
        "So I settle the {goal} with care for both.",
        "So the {goal} needs one careful step.",
    ),
    "question": (
        "So for the {goal} I can say {right}.",
        "For the {goal} the text says {right}, so I can use that.",
        "So only the {goal} can be answered: {right}.",
        "So I give {right} for the {goal} and leave the rest open.",
    ),
    "risk": (
        "To {wish} would hurt people, but the need for {need} is real.",
        "The need for {need} is fair, but to {wish} would do harm.",
        "I can help with {need}, but not to {wish}.",
        "There is a tension: {need} is a fair need, but to {wish} does harm.",
    ),
}
LINKS = (
    ("", "", "", "", ""),
    ("Then", "Next,", "Also,", "Still,", ""),
    ("Next,", "Then", "After that,", "Also,", ""),
    ("Step two:", "Step three:", "Step four:", "Step five:", "Last,"),
    ("Second,", "Third,", "Then", "Also,", "Last,"),
)


def think(case: Case) -> str:
    steps = _grouped(case)
    if case.truth["conflict"]:
        steps.append(_weighed(case))
    if case.gap:
        steps.append(case.say(GAP))
    steps.append(case.say(STEP[case.kind]))
    links = case.random.choice(LINKS)
    linked = [_link(link, step) for link, step in zip(links, steps, strict=False)]
    facts = case.facts
    return join(case.say(case.lists(LIST), all=listed(facts), n=count(len(facts))), *linked)


def _grouped(case: Case) -> list[str]:
    """A sentence a group; at times the last one says how many parts are left."""
    steps = [case.say(GROUP, pair=pair) for pair in case.groups]
    if len(steps) > 1 and case.random.random() < 0.5:
        names = {variable["name"] for variable in case.truth["variables"]}
        alone = names.difference(*case.truth["groups"])
        steps[-1] = join(steps[-1], case.say(FEWER, n=count(len(names)), k=count(len(alone) + len(steps))))
    return steps


def _weighed(case: Case) -> str:
    if case.kind == "dialogue":
        return join(case.say(CHANGED), case.say(LATEST))
    return join(case.say(CLASH), case.say(LEAN if case.kind == "sources" else WEIGH))


def _link(link: str, step: str) -> str:
    """`Then the heat ...`: no small letter for `I`, no link before a sentence that opens with one of its own."""
    if not link or step.split(" ")[0] in ("So", "Since", "Because", "There", "Not"):
        return step
    return f"{link} {step if step.startswith('I ') else step[:1].lower() + step[1:]}"
