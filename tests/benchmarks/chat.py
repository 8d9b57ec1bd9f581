"""The chat beside bare llama-cpp-python loops, in one run. Run: python -m tests.benchmarks.chat [--threads N]

Streaming, the time to the first token of turn 10, and from a stop to silence, on a random Qwen3 of 97 M parameters.
Our model runs in a child process, theirs in this one; they take turns, and each round swaps who begins.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from pipeline.chat.conversation import Conversation
from pipeline.chat.file import File
from pipeline.chat.settings import ChatSettings
from pipeline.gguf.convert import About, convert
from pipeline.gguf.model import cores
from pipeline.training.tokenizer import train_tokenizer
from tests.gguf.tiny import TEXTS

TOKENS = 200
"""Of a streamed answer."""
CONTEXT = 4096
TURNS = 10
QUESTION = " ".join(TEXTS[:2])
"""About 100 tokens of a small vocabulary."""


def save_model(folder: Path) -> Path:
    """97 M parameters as Q8_0, with a small vocabulary, so that little but the model's own layers takes time."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = train_tokenizer(TEXTS * 3, 400, CONTEXT)
    config = Qwen3Config(
        vocab_size=512, hidden_size=768, intermediate_size=2304, num_hidden_layers=14, num_attention_heads=12,
        num_key_value_heads=4, head_dim=64, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        initializer_range=0.06, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    torch.manual_seed(3)
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder / "hf")
    tokenizer.save_pretrained(folder / "hf")
    convert(folder / "hf", folder / "model.gguf", "Q8_0", About("bench"))
    return folder / "model.gguf"


class Bare:
    """What a person would write over llama-cpp-python."""

    def __init__(self, path: Path, threads: int) -> None:
        import llama_cpp

        self.llama: Any = llama_cpp.Llama(
            str(path), n_ctx=CONTEXT, n_threads=threads, n_threads_batch=threads, verbose=False
        )

    def stream(self, prompt: str, tokens: int) -> tuple[float, float]:
        """Seconds to the first token, and tokens a second after it; nothing of an earlier prompt is reused."""
        self.llama.reset()
        began = time.perf_counter()
        ids = self.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        first, count = 0.0, 0
        for token in self.llama.generate(ids, temp=0.0):
            self.llama.detokenize([token])
            first, count = first or time.perf_counter(), count + 1
            if count == tokens:
                break
        return first - began, (count - 1) / max(1e-9, time.perf_counter() - first)


def ours_stream(talk: Conversation, prompt: str) -> float:
    """Tokens a second after the first piece, as they arrive in this process."""
    talk.reset()
    first = 0.0
    for _ in talk.send(prompt):
        first = first or time.perf_counter()
    end = time.perf_counter()
    assert talk.figures is not None and talk.figures.tokens == TOKENS, f"{talk.figures}: another prompt is needed"
    return (TOKENS - 1) / (end - first)


def streaming(talk: Conversation, bare: Bare, rounds: int) -> None:
    talk.change({"raw": True, "temperature": 0, "max_tokens": TOKENS})
    prompt = "Why is the sky blue? " * 10
    ours_stream(talk, prompt)
    bare.stream(prompt, TOKENS)
    pairs = []
    for number in range(rounds):
        if number % 2:
            theirs, mine = bare.stream(prompt, TOKENS)[1], ours_stream(talk, prompt)
        else:
            mine, theirs = ours_stream(talk, prompt), bare.stream(prompt, TOKENS)[1]
        pairs.append((mine, theirs))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    mine, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    spread = f"{min(a / b for a, b in pairs):.3f} to {max(a / b for a, b in pairs):.3f}"
    row("streaming, tokens/s", f"{mine:.1f}", f"{theirs:.1f}", f"ratio {ratio:.3f} ({spread}); asked: 0.97")


def tenth_turn(file: File, talk: Conversation, bare: Bare, rounds: int) -> None:
    """Ours with the answers of nine turns before it; theirs with the same prompt, run anew."""
    mine, theirs, tokens, reused = [], [], [], []
    for number in range(rounds):
        talk.reset()
        talk.change({"raw": False, "temperature": 1, "max_tokens": 40, "seed": number, "system": "You are brief."})
        for turn in range(TURNS):
            began, first = time.perf_counter(), 0.0
            for _ in talk.send(f"{turn}: {QUESTION}"):
                first = first or time.perf_counter()
        mine.append(first - began)
        assert talk.figures is not None and talk.figures.reused is not None and talk.figures.prompt_tokens is not None
        tokens.append(talk.figures.prompt_tokens)
        reused.append(talk.figures.reused)
        last = talk.exchanges.pop()
        prompt = file._render(talk._messages(last.asked), talk.settings)
        theirs.append(bare.stream(prompt, 1)[0])
    ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
    about = f"{statistics.median(reused):.0f} of {statistics.median(tokens):.0f} prompt tokens reused"
    row(f"first token of turn {TURNS}, s", f"{statistics.median(mine):.3f}", f"{statistics.median(theirs):.3f}",
        f"{ratio:.1f} times sooner; {about}")  # fmt: skip


def stopping(talk: Conversation, rounds: int) -> None:
    """From the call of `stop` to the end of the pieces: in an answer, and in a prompt of 3,200 tokens."""
    talk.change({"raw": True, "temperature": 0, "max_tokens": 1000})
    for name, prompt, wait in (("an answer", "Why is the sky blue? " * 10, 0.0), ("a prompt", QUESTION * 40, 0.5)):
        seconds = []
        for _ in range(rounds):
            talk.reset()
            pieces = talk.send(prompt[:9000])
            if wait:
                told: list[float] = []

                def stop(told: list[float] = told) -> None:
                    told.append(time.perf_counter())
                    talk.stop()

                threading.Timer(wait, stop).start()
                assert not list(pieces), "the prompt was over before the stop"
                began = told[0]
            else:
                for _ in range(10):
                    next(pieces)
                began = time.perf_counter()
                talk.stop()
                list(pieces)
            seconds.append(time.perf_counter() - began)
            assert talk.figures is None or talk.figures.finish == "stopped"
        worst = f"slowest {max(seconds) * 1000:.0f} ms of {rounds}; asked: under 200 ms"
        row(f"stop to silence in {name}, ms", f"{statistics.median(seconds) * 1000:.1f}", "-", worst)


def row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = save_model(Path(folder))
        file, bare = File(path, options.threads), Bare(path, options.threads)
        talk = Conversation(file, ChatSettings(context=CONTEXT))
        print(f"{options.rounds} rounds, {options.threads} threads, {path.stat().st_size / 1e6:.0f} MB\n")
        row("what, medians", "chat", "bare loop", "")
        row("---", "---", "---", "---")
        streaming(talk, bare, options.rounds)
        tenth_turn(file, talk, bare, options.rounds)
        stopping(talk, 2 * options.rounds)
        file.close()


if __name__ == "__main__":
    main()
