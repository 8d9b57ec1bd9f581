"""Leakage between train and held-out: the same words, near ones, shared passages."""

from __future__ import annotations

from random import Random

from pipeline.tasks.board.leakage import leakage

WORDS = ["".join(Random(i).choices("abcdefghijklmnopqrstuvwxyz", k=3 + i % 7)) for i in range(3000)]


def text(seed: int, words: int = 40) -> str:
    return " ".join(Random(seed).choices(WORDS, k=words))


def test_each_kind_and_nothing_else() -> None:
    train = {f"t{n}": text(n) for n in range(200)}
    parts = train["t3"].split()
    heldout = {
        "same": train["t1"].upper().replace(" ", ",  ") + "?!",
        "near": train["t2"] + " today",
        "overlap": " ".join(parts[:26]) + " " + text(1000, 18),
        "little": " ".join(parts[:12]) + " " + text(1001, 30),
        "new": text(1002),
        "short": "why",
    }
    found = leakage(train, heldout)
    assert found.same == ["same"]
    assert found.near == ["near", "same"]
    assert found.overlapping == ["near", "overlap", "same"]


def test_a_passage_put_together_from_several_training_prompts_counts() -> None:
    train = {f"t{n}": text(n) for n in range(10)}
    mixed = " ".join(train[f"t{n}"].split()[k] for n in range(4) for k in range(20))
    assert leakage(train, {"mixed": mixed}).overlapping == ["mixed"]
    assert leakage(train, {"mixed": mixed}).near == []


def test_held_out_prompts_that_are_near_each_other_are_all_found() -> None:
    heldout = {"a": text(1) + " one", "b": text(1) + " two", "c": text(2)}
    assert leakage({"t": text(1)}, heldout).near == ["a", "b"]
    assert leakage({}, heldout).same == leakage({"t": "x"}, {}).overlapping == []
