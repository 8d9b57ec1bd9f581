import pytest

from pipeline.tasks.tournament.battles import OUTCOMES, read_battle
from pipeline.tasks.tournament.ratings import Resampling
from pipeline.tasks.tournament.standing import Standing


def row(prompt, *winners, lengths=None, **changed):
    games = [{"first": side, "winner": winner} for side, winner in zip("ab", winners, strict=True)]
    return {"model_a": "x", "model_b": "y", "prompt_id": prompt, "games": games, "lengths": lengths} | changed


def standing(*rows):
    found = Standing(["x", "y"])
    for one in rows:
        found.add(read_battle(one))
    return found


def result(found):
    return found.to_row({"kind": "offline", "model": "m"}, Resampling(7, 200, 0.95))


def test_the_judge_by_hand():
    """Of prompt p one of two battles turns with the order, of q none: a mean of 1/4. Firsts won: 3 of 4, and 1 of 2."""
    found = result(standing(row("p", "a", "b"), row("p", "b", "b"), row("q", "a", "a"), row("q", "tie", "tie")))
    judge = found["judge"]
    assert judge["inconsistent"]["mean"] == 0.25
    assert (judge["inconsistent"]["low"], judge["inconsistent"]["high"], judge["inconsistent"]["n"]) == (0.0, 0.5, 2)
    assert judge["first_slot"]["mean"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert (judge["kind"], judge["model"], judge["ties"]) == ("offline", "m", 1)


def test_every_battle_is_counted_once():
    table = standing(row("p", "a", "b"), row("q", "a", "a"), row("r", "tie", "tie"))
    for outcome in ("cut off", "blocked", "invalid", "missing"):
        table.leave_out(outcome)
    coverage = result(table)["coverage"]
    assert coverage.pop("asked") == 7 == sum(coverage.values())
    assert set(coverage) == set(OUTCOMES)
    assert coverage["same answer"] == 0


def test_pairs_of_similar_length_apart():
    near, far = {"a": 100, "b": 110}, {"a": 100, "b": 300}
    rows = [row(f"p{number}", *"bb", lengths=far) for number in range(8)]
    rows += [row(f"q{number}", *side, lengths=near) for number, side in enumerate(("aa", "bb", "aa"))]
    found = result(standing(*rows, row("r", "a", "a")))
    assert (found["similar"]["pairs"], found["similar"]["of"]) == (3, 11)
    best = {name: part[0]["model"] for name, part in (("all", found["ratings"]), ("near", found["similar"]["ratings"]))}
    assert best == {"all": "y", "near": "x"}
    assert found["matrix"] == {"names": ["x", "y"], "wins": [[0, 3], [9, 0]], "games": [[0, 12], [12, 0]]}


def test_without_games_and_lengths_nothing_is_said_of_them():
    found = result(standing({"model_a": "x", "model_b": "y", "winner": "tie"}))
    nothing = {"mean": None, "low": None, "high": None, "n": 0}
    assert found["judge"]["inconsistent"] == found["judge"]["first_slot"] == nothing
    assert found["similar"] == {"ratings": [], "pairs": 0, "of": 0}
    assert not any("similar" in note for note in found["notes"])
