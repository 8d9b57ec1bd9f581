"""Holds an exported file against the HF model it came from, under llama.cpp itself."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline.engine.errors import PipelineError, StageFailed
from pipeline.engine.rows import Row
from pipeline.gguf.answer import Info
from pipeline.gguf.header import read_header
from pipeline.gguf.quantize import FILE_TYPES, block
from pipeline.gguf.reference import Reference
from pipeline.gguf.session import Session

TOLERANCE = 1e-2
"""Most that rounding explains at F16, as root mean square over the logits' spread: 0.001 to 0.003 was measured, on
models of 2 to 24 layers. Ten times as much is allowed at the worst logit, so that one bad row of a tensor shows."""


def verify(session: Session, path: Path, reference: Reference, tolerance: float | None) -> Row:
    """Load the file, compare, and let go of it. Returns the figures of `compare_logits`, with the number of tokens
    found equal.

    `tolerance` None: the difference of logits is stated, not judged. Raises StageFailed at the first thing that
    differs, and what Session raises where the file does not load.
    """
    try:
        info = session.load(path, context=len(reference.logits) + 1)
        return _compare(session, info, reference, tolerance)
    finally:
        session.unload()


def check_file(session: Session, unchecked: Path, kind: str, target: Path, reference: Reference) -> Row:
    """Verify a file and give it its name. Returns what checked.json says of it.

    Raises StageFailed where it does not pass; it is then kept as `<name>.failed`.
    """
    try:
        figures = verify(session, unchecked, reference, TOLERANCE if kind in ("F16", "F32") else None)
    except PipelineError as error:
        failed = target.with_name(f"{target.name}.failed")
        unchecked.replace(failed)
        raise StageFailed(
            f"{target.name} did not pass its check: {error.what}", error.why, f"It is kept as {failed}. {error.mend}"
        ) from None
    header = read_header(unchecked)
    matrices = [one for one in header.tensors.values() if len(one.shape) > 1]
    fallen = [one.type for one in matrices if kind in FILE_TYPES and one.shape[0] % block(kind)]
    if kind == "MXFP4_MOE":
        fallen = [one.type for one in matrices if one.type != "MXFP4"]
    size = unchecked.stat().st_size
    unchecked.replace(target)
    return {
        "type": kind,
        "bytes": size,
        "tensors": header.types(),
        "fallbacks": dict(sorted(Counter(fallen).items())),
        "verified": figures,
    }


def _compare(session: Session, info: Info, reference: Reference, tolerance: float | None) -> Row:
    _check_tokens(reference, session.tokenize(reference.text))
    if reference.template is not None and info.metadata.get("tokenizer.chat_template") != reference.template:
        raise _differs("its chat template is not the tokenizer's", "The two texts differ.")
    for conversation, thinking, prompt in reference.prompts:
        ours = session.render(conversation, thinking=thinking)
        if ours != prompt:
            raise _differs("its chat template renders another prompt", f"{ours!r} instead of {prompt!r}.")
    if info.eos != reference.end_of_turn:
        why = f"Its eos is token {info.eos}, and turns end with {reference.end_of_turn}."
        raise _differs("it does not stop at the end of a turn", why)
    if not info.eos_ends:
        raise _differs("it does not stop at the end of a turn", f"llama.cpp goes on after its eos, token {info.eos}.")
    figures = compare_logits(session, reference)
    rms, worst, spread = figures["rms_difference"], figures["max_difference"], figures["spread"]
    if tolerance is not None and (rms > tolerance * spread or worst > 10 * tolerance * spread):
        raise _differs(
            "its logits are not the HF model's",
            f"They differ by {rms:.4g} on average (root mean square) and {worst:.4g} at most, with a spread of "
            f"{spread:.4g}; allowed are {tolerance:g} and {10 * tolerance:g} of the spread.",
        )
    return {"tokens": len(reference.ids), "prompts": len(reference.prompts), "tolerance": tolerance, **figures}


def _check_tokens(reference: Reference, ids: list[int]) -> None:
    if ids == reference.ids:
        return
    pairs = zip([*ids, None], [*reference.ids, None], strict=False)
    place, (ours, theirs) = next((place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1])
    raise _differs(
        "it tokenises differently",
        f"Token {place} of the probe is {ours} under llama.cpp and {theirs} under HF.",
    )


def compare_logits(session: Session, reference: Reference) -> Row:
    """Differences of the loaded model's logits from the reference's.

    spread: the reference's standard deviation; rms_difference, max_difference: root mean square and largest of all
    differences; divergence: mean KL(HF || GGUF) in nats; agreement: share of positions with the same likeliest token.
    Raises StageFailed where a logit is not a finite number.
    """
    import numpy as np

    ids = reference.ids[: len(reference.logits)]
    largest, squares, divergence, same = 0.0, 0.0, 0.0, 0
    for row, data in zip(reference.logits, session.logits(ids), strict=True):
        ours = np.frombuffer(data, dtype=np.float32)
        if not np.isfinite(ours).all():
            raise _differs("its logits are not finite", "The type asked for cannot hold this model's numbers.")
        difference = (ours - row).astype(np.float64)
        largest = max(largest, float(np.abs(difference).max()))
        squares += float((difference**2).mean())
        theirs_log, ours_log = _log_softmax(row), _log_softmax(ours)
        divergence += float((np.exp(theirs_log) * (theirs_log - ours_log)).sum())
        same += int(row.argmax() == ours.argmax())
    return {
        "positions": len(ids),
        "spread": float(reference.logits.std()),
        "rms_difference": math.sqrt(squares / len(ids)),
        "max_difference": largest,
        "divergence": max(0.0, divergence / len(ids)),
        "agreement": same / len(ids),
    }


def _log_softmax(row: Any) -> Any:
    import numpy as np

    shifted = row.astype(np.float64) - row.max()
    return shifted - np.log(np.exp(shifted).sum())


def _differs(what: str, why: str) -> StageFailed:
    return StageFailed(
        f"The exported file is not the model: {what}.", why, "Please report this with the model's config."
    )
