"""The five red lines of the GPT track, when to stop and begin again; and what is not one.

Each looks at evaluations: rows of metrics with the figures of `answers.sum_up`, the validation loss and the loss on
plain language. Seen once it is to be watched, seen twice in a row it is time to stop. No red lines are: other casing or
templates, rare facts, a loss that falls slowly, many exposures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.engine.rows import Row
from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble

SURE = 2
"""Evaluations in a row that make sure."""
GARBAGE_AFTER = 2000
"""Iterations after which simple tasks are answered, as the seed has it; of a shorter training, LATE of its own."""
LATE = 0.6
LEAST = 300
"""Iterations below which a training is never late."""
UNLIKE = 0.5
"""Mean likeness of answers and what was expected, below which they have nothing to do with it."""
STUCK = 0.85
"""Of ln(vocabulary), the loss of a model that knows nothing: 9.2 of 10.8 at 50,304 tokens, the seed's "about 10"."""
FALLING = 0.97
"""Of the first losses: below it a loss has begun to fall."""
MOST = 0.5
"""Share of the answers whose tags are broken."""
FEW = 4
"""Prompts below which equal answers prove nothing."""
SAME = 0.2
"""Distinct answers, as a share of the distinct ones expected, at most: a mode collapse."""
LEARNT = 0.1
"""Of the first losses: at such a loss the rows are known by heart."""
DAMAGE = 0.25
"""Of ln(vocabulary): so much worse on plain language within one evaluation, and the validation loss with it."""
GREW = 1.25
"""Times that the embedding's numbers have grown, in the root of their mean square, while the validation loss rose:
noise as large as they are makes it 1.4."""
LOST = 1.5
"""Of ln(vocabulary): a loss on plain language far worse than a guess, where nothing but language was taught yet."""

Evaluations = Sequence[Mapping[str, Any]]
Look = Callable[[Evaluations, Mapping[str, Any]], str]
"""(evaluations so far, the settings) -> the evidence that a red line is crossed at the last; empty: it is not."""
Word = Literal["go on", "watch", "stop"]


def stuck_loss(evaluations: Evaluations, settings: Mapping[str, Any]) -> str:
    last = evaluations[-1]
    loss, first, blind = last["validation_loss"], last["loss_first"], math.log(settings["vocab_size"])
    if last["step"] <= 2 * settings["warmup_steps"] or loss < STUCK * blind or loss < FALLING * first:
        return ""
    return (
        f"The validation loss is {loss:.4g}, the training began at {first:.4g}, and a model that knows nothing has "
        f"{blind:.3g}."
    )


def corrupted_embeddings(evaluations: Evaluations, settings: Mapping[str, Any]) -> str:
    blind = math.log(settings["vocab_size"])
    last = evaluations[-1]
    if "plain_loss" not in last:
        return ""
    first, known = last["plain_loss_first"], settings.get("plain_loss_known")
    if not settings["from_scratch"] and known is not None and first - known >= DAMAGE * blind:
        return (
            f"The model that this began as left its training with a loss of {known:.4g} on plain language, and has "
            f"{first:.4g} as it is read."
        )
    if not settings["from_scratch"] and known is None and first >= LOST * blind:
        return (
            f"Already the model that this began as has a loss of {first:.4g} on plain language, far worse than a "
            f"guess ({blind:.3g})."
        )
    for before in reversed(evaluations[:-1]):
        worse = last["validation_loss"] > max(2 * before["validation_loss"], before["validation_loss"] + 0.5)
        plain = last["plain_loss"] - before["plain_loss"] >= DAMAGE * blind
        if worse and (plain or last["embedding_size"] >= GREW * before["embedding_size"]):
            return (
                f"Since step {before['step']} the embedding's numbers went from {before['embedding_size']:.3g} to "
                f"{last['embedding_size']:.3g}, the loss on plain language from {before['plain_loss']:.4g} to "
                f"{last['plain_loss']:.4g} and the validation loss from {before['validation_loss']:.4g} to "
                f"{last['validation_loss']:.4g}, which training makes fall."
            )
    return ""


def broken_tags(evaluations: Evaluations, _: Mapping[str, Any]) -> str:
    last = evaluations[-1]
    if last["prompts_malformed"] < MOST or not (
        last["loss_mean"] <= 3 * LEARNT * last["loss_first"]
        or any(before["prompts_malformed"] <= LEARNT for before in evaluations[:-1])
    ):
        return ""
    return (
        f"{last['prompts_malformed']:.0%} of {last['prompts']} answers do not end as an answer ends, at a training "
        f"loss of {last['loss_mean']:.4g}.{_sample(last)}"
    )


def mode_collapse(evaluations: Evaluations, settings: Mapping[str, Any]) -> str:
    last = evaluations[-1]
    most = max(1.0, SAME * last["prompts_expected"])
    if last["prompts_expected"] < FEW or last["prompts_distinct"] > most or not (
        _late(last, settings)
        or last["loss_mean"] <= LEARNT * last["loss_first"]
        or any(before["prompts_distinct"] > 3 * most for before in evaluations[:-1])
    ):  # fmt: skip
        return ""
    return (
        f"{last['prompts']} prompts that expect {last['prompts_expected']} different answers got "
        f"{last['prompts_distinct']}.{_sample(last)}"
    )


def random_garbage(evaluations: Evaluations, settings: Mapping[str, Any]) -> str:
    last = evaluations[-1]
    knew = any(before["prompts_normalised"] >= MOST for before in evaluations[:-1])
    if last["prompts_normalised"] or last["prompts_likeness"] >= UNLIKE or not (_late(last, settings) or knew):
        return ""
    return (
        f"None of {last['prompts']} simple prompts is answered rightly after {last['step']} iterations, not even but "
        f"for case and full stop; the answers are {last['prompts_likeness']:.0%} like what was expected.{_sample(last)}"
    )


@dataclass(frozen=True)
class Line:
    """A red line: its name in words, how it is seen, and from where to begin again."""

    words: str
    look: Look
    restart: str


LINES = (
    Line("the loss is stuck near that of a guess", stuck_loss,
         "{start}: look at the mask in the preview and raise learning_rate by half"),
    Line("the embeddings are corrupted, plain language is lost", corrupted_embeddings,
         "the base model, through `tags`: what comes after it carries the damage on"),
    Line("the special tags are broken", broken_tags,
         "the base model, through `tags` and `prepare`, so that data and model have the same ids"),
    Line("mode collapse, the same answer whatever is asked", mode_collapse,
         "{start}: with more varied rows and half the learning_rate"),
    Line("simple tasks are answered with random garbage", random_garbage,
         "{start}: read the rows, whose answers may not belong to their prompts"),
)  # fmt: skip
"""In the order in which they explain one another: with broken embeddings the tags are broken, too."""


@dataclass(frozen=True)
class Verdict:
    word: Word
    text: str
    line: str = ""
    """Name of the red line's rule."""
    since: int = 0
    """The step at which it was seen first."""
    restart: str = ""

    def to_row(self) -> Row:
        return {
            "verdict": self.word,
            "text": self.text,
            "line": self.line,
            "since": self.since,
            "restart": self.restart,
        }


def judge(evaluations: Evaluations, settings: Mapping[str, Any]) -> Verdict:
    """Of a training's evaluations, oldest first. `settings`: vocab_size, warmup_steps, max_steps, from_scratch,
    `plain_loss_known`, that of the model it began as when it left its training, if it had one here, and `start`, the
    words for that model."""
    for line in LINES if evaluations else ():
        evidence = line.look(evaluations, settings)
        if not evidence:
            continue
        seen = 1
        while seen < len(evaluations) and line.look(evaluations[:-seen], settings):
            seen += 1
        since = evaluations[-seen]["step"]
        restart = line.restart.format(start=settings["start"])
        if seen >= SURE:
            text = f"Stop, and restart from {restart}. Red line: {line.words}. {evidence}"
            return Verdict("stop", text, line.look.__name__, since, restart)
        return Verdict("watch", f"Watch: {line.words}. {evidence}", line.look.__name__, since, restart)
    return Verdict("go on", "Go on: no red line is crossed.")


def rule(stops: bool) -> Rule:
    """The verdict as a rule of a Watch; `stops`: whether a red line ends the training."""

    def red_line(history: History) -> Trouble | None:
        verdict = judge(history.evaluations, history.settings)
        if verdict.word == "go on":
            return None
        sure = verdict.word == "stop"
        return Trouble(
            verdict.text,
            "",
            "To go on all the same, set red_lines = tell and resume." if sure else "",
            severity=10.0 if sure else 1.0,
            stops=stops and sure,
            since=verdict.since,
        )

    return Rule("prompts", red_line, recovered=1)


def _late(last: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return bool(last["step"] >= max(LEAST, min(GARBAGE_AFTER, LATE * settings["max_steps"])))


def _sample(last: Mapping[str, Any]) -> str:
    """Two of the answers, where they are at hand."""
    told = [f"{row['prompt']!r} -> {row['given'][:60]!r}" for row in last.get("answers", ())[:2]]
    return f" Such as {'; '.join(told)}." if told else ""
