"""Calibration probes: each held-out calibration prompt twice, asked for what it tells and for what it leaves open.

The answer is to come with a stated confidence. So one and the same text shows whether a model is sure where it may be
and owns up where it cannot know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.engine.rows import Row

ASKS = (
    "Of all this, tell me the {} alone, in one sentence. If it cannot be known, say that it is not known. "
    'Then end with a line "Confidence: N%", where N is how sure you are, from 0 to 100, that your answer is right.'
)


def probes(prompts: Iterable[Row]) -> Iterator[Row]:
    """Rows with `prompt_id`, `messages` and `truth` {"asked", "answer": words of the right one, or None where nobody
    can know}; of those prompts that have one part of either kind."""
    for prompt in prompts:
        truth = prompt["truth"]
        if prompt["category"] != "calibration" or prompt["split"] != "heldout" or not truth or not truth["answer"]:
            continue
        unknown = {entry["name"] for entry in truth["unknown"]}
        known = [thing for thing in truth["request"] if thing not in unknown]
        opened = [thing for thing in truth["request"] if thing in unknown]
        if known and opened:
            yield _probe(prompt, "known", known[0], truth["answer"])
            yield _probe(prompt, "open", opened[0], None)


def _probe(prompt: Row, part: str, asked: str, answer: list[str] | None) -> Row:
    *before, last = prompt["messages"]
    return {
        "prompt_id": f"{prompt['id']}.{part}",
        "messages": [*before, {**last, "content": f"{last['content']}\n\n{ASKS.format(asked)}"}],
        "truth": {"asked": asked, "answer": answer},
    }
