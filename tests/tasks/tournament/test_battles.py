import pytest

from pipeline.tasks.ingest.conversation import LeftOut
from pipeline.tasks.tournament.battles import REASONS, Game, read_battle

PLAIN = {"model_a": "x", "model_b": "y", "winner": "model_a"}


def games(*winners, first="ab"):
    return [{"first": side, "winner": winner} for side, winner in zip(first, winners, strict=True)]


@pytest.mark.parametrize(
    ("said", "winner"),
    [
        ("model_a", "a"), ("model_b", "b"), ("tie", "tie"), ("tie (bothbad)", "tie"), ("both_bad", "tie"),
        ("Model_B", "b"), (" TIE ", "tie"), ("Tie (BothBad)", "tie"),
    ],
)  # fmt: skip
def test_the_words_for_a_winner(said, winner):
    assert read_battle(PLAIN | {"winner": said}).winner == winner


def test_a_plain_battle():
    found = read_battle({"model_a": " x\u202e", "model_b": "y", "winner": "model_b", "prompt_id": 7, "judge": "me"})
    assert (found.model_a, found.prompt, found.outcome, found.games, found.similar) == (
        "x⟨U+202E⟩",
        "7",
        "decided",
        (),
        None,
    )


@pytest.mark.parametrize(
    ("winners", "winner", "outcome"),
    [
        (("a", "a"), "a", "decided"), (("b", "b"), "b", "decided"), (("tie", "tie"), "tie", "tie"),
        (("a", "b"), "tie", "inconsistent"), (("tie", "b"), "tie", "inconsistent"),
    ],
)  # fmt: skip
def test_both_games_decide_or_it_is_a_tie(winners, winner, outcome):
    row = {"model_a": "x", "model_b": "y", "games": games(*winners)}
    found = read_battle(row)
    assert (found.winner, found.outcome) == (winner, outcome)
    assert found.games == (Game("a", winners[0]), Game("b", winners[1]))
    other = {"model_1": "x", "model_2": "y"} | {
        f"g{number}_winner": {"a": "model_1", "b": "model_2"}.get(side, side) for number, side in enumerate(winners, 1)
    }
    assert read_battle(other) == found


def test_what_a_rule_decided_says_nothing_of_a_judge():
    ruled = [game | {"outcome": "empty"} for game in games("b", "b")]
    assert read_battle(PLAIN | {"winner": "model_b", "games": ruled}).games == ()
    judged = [game | {"outcome": "judged"} for game in games("b", "b")]
    assert len(read_battle(PLAIN | {"winner": "model_b", "games": judged}).games) == 2


def test_similar_lengths():
    lengths = [({"a": 100, "b": 125}, True), ({"a": 126, "b": 100}, False), ({"a": 0, "b": 0}, True), ({"a": 1}, None)]
    for told, similar in [*lengths, ("long", None), (None, None), ({"a": True, "b": 1}, None)]:
        assert read_battle(PLAIN | {"lengths": told}).similar is similar


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"model_a": None}, "no_model"), ({"model_b": " "}, "no_model"), ({"model_a": 3}, "no_model"),
        ({"model_b": "x "}, "same_model"), ({"model_a": "x" * 1001}, "long_name"),
        ({"winner": None}, "no_winner"), ({"winner": ""}, "no_winner"),
        ({"winner": "x"}, "unknown_winner"), ({"winner": 1}, "unknown_winner"),
        ({"games": games("a", None)}, "unfinished"),
        ({"games": games("a", "a")[:1]}, "bad_games"), ({"games": "ab"}, "bad_games"),
        ({"games": {"x": 1}}, "bad_games"),
        ({"games": games("a", "a", first="aa")}, "bad_games"), ({"games": games("a", "error")}, "unknown_winner"),
        ({"games": games("b", "b")}, "contradiction"),
        ({"model_a": None, "model_1": "x", "model_2": "y", "g1_winner": "error"}, "no_model"),
    ],
)  # fmt: skip
def test_rows_that_are_left_out(changed, reason):
    with pytest.raises(LeftOut) as fault:
        read_battle(PLAIN | changed)
    assert fault.value.reason == reason
    assert reason in REASONS
