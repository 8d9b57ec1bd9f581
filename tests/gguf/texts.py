"""Texts that are hard to tokenise, drawn by chance and the same every time."""

from __future__ import annotations

import random
import unicodedata

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789½²Ⅷ٣",
    " \t\n\r  \u00a0\u3000",
    ".,;:!?'\"()[]{}<>|/\\@#$%^&*-_=+~`",
    "éüßñžαβγжяעבاب한日本हिन्ท",
    "🙂🇪👩\u200d\ufe0f\u0301\u200b",
)


def random_texts(count: int) -> list[str]:
    chance = random.Random("texts")
    pieces = ["'s", "'LL", "<think>", "</think>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(chance.randint(1, 30)):
            if chance.random() < 0.15:
                parts.append(chance.choice(pieces))
            else:
                alphabet = chance.choice(ALPHABETS)
                parts.append("".join(chance.choice(alphabet) for _ in range(chance.randint(1, 5))))
        texts.append(unicodedata.normalize("NFC", "".join(parts)))
    return texts
