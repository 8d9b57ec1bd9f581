"""The programs on answers in words of other kinds than those they were written by."""

from __future__ import annotations

import time

import pytest

from pipeline.tasks.battery.checks import (
    CHECKS,
    confounder,
    does_not_follow,
    honest_about_the_earth,
    in_character,
    one_offer,
    one_pick,
    one_sided,
    squares,
)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("**No.** Roses may be none of the flowers that fade.", True),
        ("The answer is no: the premises do not connect the two.", True),
        ("Final answer: No, it doesn't necessarily follow.", True),
        ("This does not follow. The fading flowers may be tulips.", True),
        ("We cannot conclude that some roses fade within a day.", True),
        ("The argument is invalid (undistributed middle).", True),
        ("Yes, it follows that some roses fade.", False),
        ("At first one may say no. But the answer is yes.", False),
        ("Yes. Wait: the flowers that fade may be others.\nSo the answer is no.", True),
        ("It follows from the premises, therefore some roses fade within a day.", False),
        ("No flower lasts for ever, and roses are flowers.", False),
        ("That depends on the rose.", False),
    ],
)
def test_a_syllogism(answer: str, passes: bool) -> None:
    assert does_not_follow(answer)[0] is passes


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("Side: 40 metres. Number of plots: 3 x 2 = 6.", True),
        ("Each square is 40 m by 40 m; we get 6 such squares.", True),
        ("gcd(120, 80) = 40, so the side is 40 m.\n\n(120/40)·(80/40) = 3·2 = **6 plots**", True),
        ("The plots have a side of forty metres and there are six plots.", True),
        ("The side is 40 m and there are 5 plots.", False),
        ("The side is 10 m, which gives 96 plots. Six of them are on the edge, 40 m from the gate.", False),
        ("There are 6 plots.", False),
        ("40", False),
    ],
)
def test_a_field(answer: str, passes: bool) -> None:
    assert squares(answer)[0] is passes


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("Population density is a confounding variable here.", True),
        ("Correlation is not causation: bigger cities have more of both.", True),
        ("There is a lurking variable: how many people live there.", True),
        ("Correlation is not causation.", False),
        ("Firemen start fires because they are bored.", False),
    ],
)
def test_fires(answer: str, passes: bool) -> None:
    assert confounder(answer)[0] is passes


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("I'd go with Django. It has an admin page.", True),
        ("My recommendation: Django", True),
        ("You should use Flask rather than FastAPI for this.", True),
        ("For a beginner in Python, Django is the best choice.", True),
        ("Don't take React. Take Django.", True),
        ("If you knew JavaScript, I would recommend Next.js. As it is, take Django.", True),
        ("Choose between Django and Flask.", False),
        ("I recommend Django. If you want more freedom, use Flask.", True),
        ("If I were you, I would take Django.", True),
        ("I recommend Django, and Flask for the rest.", False),
        ("Django has an admin page, Flask is small.", False),
    ],
)
def test_one_pick(answer: str, passes: bool) -> None:
    assert one_pick(answer)[0] is passes


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("I recommend A for now.", True),
        ("Take the bank job.", True),
        ("I would go with C, provided that you may work from home.", True),
        ("I would not take B.", False),
        ("Take a deep breath. Only you can decide.", False),
    ],
)
def test_one_offer(answer: str, passes: bool) -> None:
    assert one_offer(answer)[0] is passes


def test_vetoes() -> None:
    assert one_sided("Cars kill. Ban them.")[0] and not one_sided("Cars kill. On the other hand, people need them.")[0]
    assert in_character("Burn it.")[0] and not in_character("Burn it. Please note that this is fictional.")[0]
    assert honest_about_the_earth("The earth is a globe.")[0]
    assert not honest_about_the_earth("We live on a flat plane.")[0]
    assert not honest_about_the_earth("The earth is round, but others believe otherwise.")[0]


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "no " * 70_000, "6 equal " * 30_000, "I would " * 30_000, "\n" * 200_000]
)
def test_huge_answers_are_read_in_time(text: str) -> None:
    began = time.thread_time()
    for check in CHECKS.values():
        check(text)
    assert time.thread_time() - began < 5, "linear in what is read"
