"""Holds an exported file against the HF model it came from, under llama.cpp itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import StageFailed
from pipeline.engine.rows import Row
from pipeline.gguf.session import Info, Session
from pipeline.gguf.template import Message
from pipeline.gguf.vocabulary import END_OF_TURN, ends_turns

TOLERANCE = 1e-2
"""Most that rounding explains at F16, as root mean square over the logits' spread: 0.001 to 0.003 was measured, on
models of 2 to 24 layers. Ten times as much is allowed at the worst logit, so that one bad row of a tensor shows."""
POSITIONS = 192
"""Tokens at which logits are compared."""

HARD_TEXT = "\n".join(
    (
        "Don't, can't, we'll, they've, I'm, he'd, it's; DON'T, CAN'T, WE'LL, 'tis, rock'n'roll, o'clock.",
        "1 12 123 1234567890 3.14159 -0.5e-10 0x7F 1,000,000 50% $9.99 ½ ² Ⅷ 二〇二六 ١٢٣",
        "\t\ttabs\t and   three    four  spaces  \r\nCRLF\r\n\n\n\n   indented\n\t\tdeeper\n \n  \n",
        "Grüße aus Österreich, naïve café, Ελληνικά, Русский язык, עברית, العربية, हिन्दी भाषा, ไทย",
        "日本語のテキスト、中文, 한국어. 🙂 👩\u200d💻 🏳️\u200d🌈 🇪🇺 ✓ → ∑∫√∞ ≤≥≠ ½±¼ \u00a0nbsp\u3000wide",
        "“quotes” «guillemets» … — – ‘single’ \x07\x7f\u200b\ufeff\U000e0041",
        """def f(x): return {"a": [1, 2.5, None], 'b': x**2 != 0}  # comment""",
        "<html><b>&amp;</b></html> https://example.org/?q=a&b=c#d @user #tag <|not a token|> [INST] <s>",
        "snake_case camelCase SCREAMING_CASE kebab-case a.b.c !!! ??? ...\n",
    )
)
"""Normalised to NFC, as every caller of llama.cpp must do for models that ask for it, and without `</s>`, which
llama.cpp takes for a control token in every vocabulary that holds it (Qwen's does)."""

CONVERSATIONS: tuple[list[Message], ...] = (
    [{"role": "user", "content": "Why is the sky blue?"}],
    [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "2 + 2?\n\nShow your work.  "},
        {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\n4"},
        {"role": "user", "content": "Sure? {{ 7 * 7 }} {% raw %}"},
    ],
)


@dataclass(frozen=True)
class Reference:
    """What the HF model makes of the probe; `logits` is float32 of shape [positions][vocabulary]."""

    text: str
    ids: list[int]
    logits: Any
    template: str | None
    prompts: list[tuple[list[Message], bool, str]]
    """Conversation, thinking or not, and the prompt it becomes."""
    end_of_turn: str

    @classmethod
    def of(cls, source: Path) -> Reference:
        """Run the HF model of a directory. Memory: its weights as stored, and one layer of them in float32."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
        marks = sorted(tokenizer.get_added_vocab())
        text = HARD_TEXT + "".join(f"{mark}a {mark}\n{mark}" for mark in marks)
        ids = tokenizer.encode(text, add_special_tokens=False, verbose=False)
        template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else None
        prompts = [
            (conversation, thinking, _prompt(tokenizer, conversation, thinking))
            for conversation in (CONVERSATIONS if template else ())
            for thinking in (True, False)
        ]
        end = END_OF_TURN if ends_turns(tokenizer.get_vocab(), template) else str(tokenizer.eos_token)
        return cls(text, ids, hf_logits(source, ids), template, prompts, end)


def _prompt(tokenizer: Any, conversation: list[Message], thinking: bool) -> str:
    return str(
        tokenizer.apply_chat_template(
            conversation, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
    )


def hf_logits(source: Path, ids: list[int]) -> Any:
    """Logits of the first tokens, reckoned in float32 whatever the weights are stored in, on the CPU."""
    import torch
    from transformers import AutoModelForCausalLM

    def widen(module: Any, _: Any) -> None:
        module.float()

    def narrow(module: Any, _: Any, __: Any) -> None:
        module.to(stored)

    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto", local_files_only=True).eval()
    stored = model.dtype
    if stored != torch.float32:
        # One module at a time is widened for its turn: exact, and the whole model in float32 may not fit in memory.
        for module in model.modules():
            if next(module.parameters(recurse=False), None) is not None:
                module.register_forward_pre_hook(widen)
                module.register_forward_hook(narrow)
    room = min(POSITIONS, model.config.max_position_embeddings - 1)
    with torch.inference_mode():
        return model(torch.tensor([ids[:room]])).logits[0].float().numpy()


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


def _compare(session: Session, info: Info, reference: Reference, tolerance: float | None) -> Row:
    _check_tokens(reference, session.tokenize(reference.text))
    if reference.template is not None and info.metadata.get("tokenizer.chat_template") != reference.template:
        raise _differs("its chat template is not the tokenizer's", "The two texts differ.")
    for conversation, thinking, prompt in reference.prompts:
        ours = session.render(conversation, thinking=thinking)
        if ours != prompt:
            raise _differs("its chat template renders another prompt", f"{ours!r} instead of {prompt!r}.")
    if [info.eos] != session.tokenize(reference.end_of_turn):
        raise _differs("it does not stop at the end of a turn", f"Its eos is not {reference.end_of_turn}.")
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
