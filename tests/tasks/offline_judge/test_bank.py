"""The judge on the bank: what the teacher wrote well, half well and badly, and what games a judge."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from random import Random

import pytest

from pipeline.tasks.bank.compose import compose
from pipeline.tasks.dimensions import CONTENT_DIMENSIONS
from pipeline.tasks.offline_judge.judge import judge
from pipeline.tasks.offline_teacher.write import write
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES, Category, Prompt, TraceType
from pipeline.tasks.rubric import Weights, reward
from pipeline.tasks.statistics import cohens_d

COUNTS: dict[Category, int] = {"safety": 100, "complexity": 150, "dialogue": 100, "conflict": 100, "calibration": 50}
FILLER = (
    "There are many things to think about in life. It is good to take everything into account. A careful approach is "
    "usually a good one, and nobody should rush. On the one hand there are advantages, on the other hand there are "
    "drawbacks. First we look at it, then we think about it, and finally we decide. In the end it all depends."
)
MORE_FILLER = (
    "People often ask themselves what is best. Nobody can be right each time. Life is full of such questions, and "
    "each of us answers them in our own way. Much has been written about this, and much more will be. What matters is "
    "that you feel good about it. Take a deep breath and trust yourself, because you know more than you think."
)
LISTENED_FOR = [
    "because",
    "so",
    "but",
    "unknown",
    "together",
    "not",
    "know",
    "first",
    "should",
    "group",
    "rather",
    "weigh",
]

Text = tuple[str, str]
Rewards = dict[tuple[Category, str], list[float]]


def prompts(counts: Mapping[Category, int], seed: int) -> list[Prompt]:
    return [
        {
            "id": f"{problem.category}-{number}",
            "category": problem.category,
            "theme": problem.theme,
            "problem": problem.hash,
            "split": "train",
            "messages": problem.messages,
            "truth": problem.truth,
        }
        for number, problem in enumerate(compose(counts, seed))
    ]


def earned(prompt: Prompt, text: Text) -> float:
    return reward(judge(prompt["truth"], prompt["messages"], *text).scores, Weights())


@pytest.fixture(scope="module")
def rewards() -> Rewards:
    """Of 500 prompts x 3 types x 2 traces."""
    found: Rewards = defaultdict(list)
    for prompt in prompts(COUNTS, seed=11):
        for kind in TRACE_TYPES:
            for sample in range(2):
                found[prompt["category"], kind].append(earned(prompt, write(prompt, kind, sample, seed=11)))
    return found


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize(("better", "worse"), [("chosen", "adequate"), ("adequate", "rejected")])
def test_types_are_told_apart(rewards: Rewards, category: Category, better: TraceType, worse: TraceType) -> None:
    effect = cohens_d(rewards[category, better], rewards[category, worse])
    assert effect is not None and effect >= 1


def terms(prompt: Prompt) -> list[str]:
    truth = prompt["truth"]
    assert truth is not None
    named = [term for thing in [*truth["variables"], *truth["unknown"]] for term in thing["terms"]]
    named += [*truth["request"], *(truth["answer"] or [])]
    if conflict := truth["conflict"]:
        named += [term for side in conflict["terms"] for term in side] + conflict.get("resolution", [])
    if risk := truth["risk"]:
        named += [*risk["legitimate"], *risk["alternative"]]
    return named


def canaries(prompt: Prompt) -> Iterator[tuple[str, Text]]:
    """Texts without worth, made from all that a cheat could know: the prompt, its terms, the words listened for."""
    told = "\n".join(message["content"] for message in prompt["messages"])
    keywords = terms(prompt)
    random = Random(prompt["id"])
    mixed = [*keywords, *LISTENED_FOR]
    random.shuffle(mixed)
    chosen, rejected = write(prompt, "chosen", 0, 11), write(prompt, "rejected", 0, 11)
    listed = " and the ".join(keywords)
    yield "nothing", ("", "")
    yield "empty thought", ("", chosen[1])
    yield "no answer", (chosen[0], "")
    yield "keywords", (" ".join(keywords), " ".join(reversed(keywords)))
    yield "keywords with all that is listened for", (" ".join(mixed), " ".join(mixed))
    yield "keywords strung together", (f"The {listed}.", f"We check the {listed}.")
    yield (
        "keywords in one clever sentence",
        (
            f"Because the {listed} move together, we first group them, but then it is unknown.",
            f"You should check the {listed} because it is not known, but rather weigh both first.",
        ),
    )
    yield "filler", (FILLER, MORE_FILLER)
    yield "a bad trace made long", (f"{rejected[0]} {FILLER}", f"{rejected[1]} {MORE_FILLER}")
    yield "a good trace drowned", (f"{chosen[0]} {FILLER} {MORE_FILLER}", f"{chosen[1]} {MORE_FILLER} {FILLER}")
    yield "the same thrice", (" ".join([chosen[0]] * 3), " ".join([chosen[1]] * 3))
    yield "the prompt", (told, told)
    yield "its last turn", (told, prompt["messages"][-1]["content"])
    yield "the prompt as a thought", (told, chosen[1])
    yield "words shuffled", (shuffled(chosen[0], random), shuffled(chosen[1], random))


def shuffled(text: str, random: Random) -> str:
    words = text.split()
    random.shuffle(words)
    return " ".join(words)


def test_canaries_score_below_adequate(rewards: Rewards) -> None:
    found: dict[tuple[Category, str], list[float]] = defaultdict(list)
    for prompt in prompts(dict.fromkeys(CATEGORIES, 20), seed=12):
        for name, text in canaries(prompt):
            found[prompt["category"], name].append(earned(prompt, text))
    adequate = {category: mean(rewards[category, "adequate"]) for category in CATEGORIES}
    songs = {of: mean(some) for of, some in found.items()}
    assert {of: score for of, score in songs.items() if score >= adequate[of[0]] - 0.05} == {}


def test_length_alone_earns_nothing() -> None:
    for prompt in prompts(dict.fromkeys(CATEGORIES, 4), seed=13):
        thought, answer = write(prompt, "adequate", 0, 13)
        assert earned(prompt, (f"{thought} {FILLER}", answer)) < earned(prompt, (thought, answer))
        assert earned(prompt, (thought, f"{answer} {MORE_FILLER}")) < earned(prompt, (thought, answer))


def test_a_good_answer_to_another_prompt_of_the_category_is_no_good_one() -> None:
    own: dict[tuple[Category, str], list[float]] = defaultdict(list)
    swapped: dict[tuple[Category, str], list[float]] = defaultdict(list)
    for category in CATEGORIES:
        some = prompts({category: 20}, seed=14)
        for prompt, other in zip(some, [*some[7:], *some[:7]], strict=True):
            for marks, author in ((own, prompt), (swapped, other)):
                scores = judge(prompt["truth"], prompt["messages"], *write(author, "chosen", 0, 14)).scores
                for dimension in CONTENT_DIMENSIONS:
                    mark = scores[dimension]
                    if mark is not None:
                        marks[category, dimension].append(mark)
    assert len(own) >= 12
    for of, marks_of in own.items():
        assert mean(marks_of) > mean(swapped[of]) + 0.4, of


def mean(values: list[float]) -> float:
    return sum(values) / len(values)
