"""How often a training sees what: steps, epochs, tokens, completions; and the lengths that decide what it sees."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate.words import many

TOLERATED = 0.02
"""Share of the rows above which those that do not fit are a warning."""


def seen_in(steps: int, rows: int, batch: int, accumulation: int) -> int:
    """Rows seen in that many optimizer steps, repetitions counted: the last step of every epoch may be short."""
    an_epoch = math.ceil(math.ceil(rows / batch) / accumulation)
    epochs, rest = divmod(steps, an_epoch)
    return epochs * rows + rest * batch * accumulation


def of_rows(
    tokens: Sequence[int], learnt: Sequence[int], steps: int, batch: int, accumulation: int, raised: str = ""
) -> Finding:
    """SFT's exposure to rows of so many `tokens`, `learnt` of them with loss, in `steps` optimizer steps. `raised`: the
    setting that has more of these, where it is not SFT's."""
    rows = len(tokens)
    seen = seen_in(steps, rows, batch, accumulation)
    each = seen / rows
    data = {
        "rows": rows,
        "steps": steps,
        "batch": batch * accumulation,
        "each": round(each, 3),
        "tokens": round(each * sum(tokens)),
        "loss_tokens": round(each * sum(learnt)),
    }
    text = (
        f"exposures: {steps} steps of {batch} x {accumulation} rows; each of {rows} rows is seen {each:.3g} times, "
        f"{many(data['tokens'])} tokens in all, {many(data['loss_tokens'])} of them with loss."
    )
    return _exposed(text, data, raised)


def of_prompts(prompts: int, steps: int, iterations: int, a_step: int, group: int, longest: int) -> Finding:
    """GRPO's exposure to prompts, `a_step` of them answered by `group` completions of at most `longest` tokens, each
    batch used in `iterations` of the `steps`."""
    batches = math.ceil(steps / iterations)
    completions = batches * a_step * group
    each = batches * a_step / prompts
    data = {
        "prompts": prompts,
        "steps": steps,
        "batch": a_step * group,
        "each": round(each, 3),
        "completions": completions,
        "tokens_at_most": completions * longest,
    }
    text = (
        f"exposures: {steps} steps of {a_step} prompts x {group} completions; each of {prompts} prompts is seen "
        f"{each:.3g} times, {completions} completions, at most {many(data['tokens_at_most'])} tokens to generate."
    )
    return _exposed(text, data)


def at_most(what: str, count: int, steps: int) -> Finding:
    """As long as data or model are not made: the most that there can be."""
    most = f"at most {count} {what}, " if count else ""
    return Finding("note", f"exposures: known once data and model are made; {most}{steps} steps.")


def _exposed(text: str, data: Row, raised: str = "") -> Finding:
    if data["each"] < 1:
        share = 1 - data["each"]
        way = raised or "max_steps, or leave it 0,"
        text = f"{text} About {share:.0%} of them are never seen: raise {way} to see all."
    return Finding("note", text, data={"exposures": data})


def of_lengths(what: str, lengths: Sequence[int], longest: int, unlearnt: int = 0) -> Finding:
    """What `max_seq_length` = `longest` in effect does to rows of those lengths in tokens, all that the tokenizer could
    encode. `unlearnt`: rows of which no token has loss."""
    ordered = sorted(lengths)
    cut = sum(length > longest for length in ordered)
    data = {
        "median": ordered[len(ordered) // 2],
        "p95": ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)],
        "longest": ordered[-1],
        "max_seq_length": longest,
        "too_long": cut,
        "fully_masked": unlearnt,
    }
    text = f"lengths: {what}, median {data['median']} tokens, 95 % at most {data['p95']}, longest {data['longest']}"
    if not cut:
        return Finding("note", f"{text}: all fit into {longest}.", data={"lengths": data})
    share = cut / len(ordered)
    return Finding(
        "warning" if share > TOLERATED else "note",
        f"{text}. {cut} of {len(ordered)} ({share:.1%}) do not fit into {longest} and are left out whole, none is cut.",
        f"max_seq_length = {data['longest']} would lose none, {data['p95']} one in twenty.",
        {"lengths": data},
    )
