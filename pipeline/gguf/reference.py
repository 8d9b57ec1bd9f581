"""What an exported file is held against: the HF model's own token ids, prompts and logits on a probe that is hard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.gguf.template import Message

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
    """The chat template; None where the tokenizer has none."""
    prompts: list[tuple[list[Message], bool, str]]
    """Conversation, thinking or not, and the prompt it becomes."""
    end_of_turn: int
    """Id of the token that the template writes behind an answer, else of the tokenizer's eos."""

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
            (conversation, thinking, prompt)
            for conversation in (CONVERSATIONS if template else ())
            for thinking in (True, False)
            if (prompt := _render(tokenizer, conversation, enable_thinking=thinking, add_generation_prompt=True))
        ]
        return cls(text, ids, hf_logits(source, ids), template, prompts, _end_of_turn(tokenizer, template))


@dataclass(frozen=True)
class Marks:
    """What stands around the turns of a chat."""

    template: str | None
    stop: str
    """The token that ends a turn."""
    bos: str
    eos: str


def read_marks(source: Path) -> Marks:
    """Those of the tokenizer of an HF directory."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else None
    stop = str(tokenizer.convert_ids_to_tokens(_end_of_turn(tokenizer, template)))
    return Marks(template, stop, tokenizer.bos_token or "", tokenizer.eos_token or "")


def _render(tokenizer: Any, conversation: list[Message], **options: Any) -> str:
    """The prompt, or "" where the template refuses the conversation: some know no system message."""
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(conversation, tokenize=False, **options))
    except TemplateError:
        return ""


def _end_of_turn(tokenizer: Any, template: str | None) -> int:
    answer = "Because short waves scatter more."
    turns: list[Message] = [*CONVERSATIONS[0], {"role": "assistant", "content": answer}]
    behind = _render(tokenizer, turns).rpartition(answer)[2] if template else ""
    marks = set(tokenizer.get_added_vocab().values())
    found = [token for token in tokenizer.encode(behind, add_special_tokens=False) if token in marks]
    return int(found[0] if found else tokenizer.eos_token_id)


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
