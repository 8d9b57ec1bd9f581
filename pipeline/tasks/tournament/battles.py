"""A battle: two contestants, one prompt, and who won. Reads a row of anyone's arena data, or of our own battles.jsonl.

A row that says no winner in words that are known is left out, with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pipeline.engine.text import safe_text
from pipeline.tasks.ingest.conversation import LeftOut

Side = Literal["a", "b", "tie"]
OUTCOMES = ("decided", "tie", "inconsistent", "same answer", "cut off", "blocked", "invalid", "missing")
"""What became of a battle; every one is exactly one of these, and the first four have a winner or a tie."""
SIMILAR = 1.25
"""The longer of two answers of similar length has at most this many times the letters of the shorter."""
REASONS = {
    "no_model": "A model is not named, or not in a text.",
    "same_model": "Both sides are the same model.",
    "long_name": "A model's name is longer than 1000 letters.",
    "no_winner": "It does not say who won.",
    "unknown_winner": "The winner is no word that is known.",
    "unfinished": "The battle, or one of its games, was never decided.",
    "bad_games": "Its games are not two, one with either model in the first place.",
    "contradiction": "The winner is not the one that its games give.",
}
"""Why a row is left out; of what the file itself is at fault for see Ingested files in docs/formats.md."""

_WINNERS: dict[str, Side] = {
    "model_a": "a", "a": "a", "model_1": "a", "model_b": "b", "b": "b", "model_2": "b", "tie": "tie",
    "tie (bothbad)": "tie", "tie(bothbad)": "tie", "both_bad": "tie", "bothbad": "tie", "both bad": "tie",
}  # fmt: skip
_LONGEST = 1000


class Game(NamedTuple):
    """One verdict on two answers, in one order. `first` is the side that the judge saw first."""

    first: Side
    winner: Side


class Battle(NamedTuple):
    model_a: str
    model_b: str
    winner: Side
    outcome: str
    """One of OUTCOMES."""
    prompt: str
    """What the answers were to; empty where the row does not say."""
    games: tuple[Game, ...]
    """Those that a judge decided: two, or none where nobody was asked twice."""
    similar: bool | None
    """Whether the answers have similar lengths; None where these are not told."""


def read_battle(row: Mapping[str, Any]) -> Battle:
    """{"model_a", "model_b", "winner"}, or a pairwise record with both games: `games` as in our battles.jsonl, or
    {"model_1", "model_2", "g1_winner", "g2_winner"}, of which the second was asked in the other order.

    Names and words are taken without regard to case and blanks. Raises LeftOut with one of REASONS.
    """
    first, second = ("model_1", "model_2") if "model_1" in row and "model_a" not in row else ("model_a", "model_b")
    models = _name(row, first), _name(row, second)
    if models[0] == models[1]:
        raise LeftOut("same_model", models[0])
    if "g1_winner" in row:
        said: list[Any] = [{"first": "a", "winner": row["g1_winner"]}, {"first": "b", "winner": row.get("g2_winner")}]
    else:
        said = row.get("games") or []
    games = _games(said)
    named = row.get("winner")
    if not said:
        winner = _winner(named)
    else:
        winner = games[0].winner if games[0].winner == games[1].winner else "tie"
        if named is not None and _winner(named) != winner:
            raise LeftOut("contradiction", f"{named}, by its games {winner}")
    judged = games if all(_by_judge(game) for game in said) else ()
    told = row.get("outcome")
    return Battle(*models, winner, told if told in OUTCOMES[:4] else _outcome(winner, games), _prompt(row), judged,
                  _similar(row))  # fmt: skip


def _name(row: Mapping[str, Any], key: str) -> str:
    name = row.get(key)
    if not isinstance(name, str) or not name.strip():
        raise LeftOut("no_model", key)
    if len(name) > _LONGEST:
        raise LeftOut("long_name", f"{key}: {len(name)} letters")
    return safe_text(name.strip())


def _winner(said: Any) -> Side:
    if said is None or said == "":
        raise LeftOut("no_winner")
    winner = _WINNERS.get(said.strip().lower()) if isinstance(said, str) else None
    if winner is None:
        raise LeftOut("unknown_winner", repr(said)[:80])
    return winner


def _games(said: Any) -> tuple[Game, ...]:
    if said == []:
        return ()
    if not isinstance(said, Sequence) or len(said) != 2 or not all(isinstance(game, Mapping) for game in said):
        raise LeftOut("bad_games", repr(said)[:80])
    if any(game.get("winner") is None for game in said):
        raise LeftOut(
            "unfinished", str(next(game.get("why") or "" for game in said if game.get("winner") is None))[:80]
        )
    games = tuple(Game(_winner(game.get("first")), _winner(game["winner"])) for game in said)
    if {game.first for game in games} != {"a", "b"}:
        raise LeftOut("bad_games", "not once in either order")
    return games


def _by_judge(game: Mapping[str, Any]) -> bool:
    """Whether a judge decided it, and no rule: what an empty answer loses says nothing of a judge."""
    return bool(game.get("outcome", "judged") == "judged")


def _outcome(winner: Side, games: Sequence[Game]) -> str:
    if games and games[0].winner != games[1].winner:
        return "inconsistent"
    return "tie" if winner == "tie" else "decided"


def _prompt(row: Mapping[str, Any]) -> str:
    prompt = row.get("prompt_id")
    return str(prompt) if isinstance(prompt, str | int) and not isinstance(prompt, bool) else ""


def _similar(row: Mapping[str, Any]) -> bool | None:
    lengths = row.get("lengths")
    sides: list[Any] = [lengths.get("a"), lengths.get("b")] if isinstance(lengths, Mapping) else [None]
    return similar(*sides) if all(type(side) in (int, float) and side >= 0 for side in sides) else None


def similar(one: float, other: float) -> bool:
    """Whether two lengths are close enough that length alone should win nothing."""
    return max(one, other) <= SIMILAR * min(one, other)
