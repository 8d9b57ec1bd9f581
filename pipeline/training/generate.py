"""Answers of an HF causal model, in batches whose draws depend on nothing but their own content.

So a run that was killed and resumed gives the same answers as one that was not.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.engine.errors import DataError, StageFailed
from pipeline.training.bits import keep_unpacked, nf4
from pipeline.training.load import cache_for, compute_dtype

Conversation = Sequence[Any]
"""Messages with `role` and `content`, the last one a user's."""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn. Temperature 0 takes the likeliest token every time."""

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    thinking: bool = True
    """Whether the chat template leaves room for a thought; templates without that choice ignore it."""


@dataclass(frozen=True)
class Completion:
    text: str
    """As generated, tags of the thought included, without the end-of-turn token."""
    finish: Literal["stop", "length"]
    """`stop`: the model ended its turn. `length`: the limit cut it off."""
    tokens: int
    """Generated, the end-of-turn token included."""
    seconds: float
    """This answer's share of the time its batch took."""


class Job(NamedTuple):
    """One answer to draw: of which conversation, by its place in the list, and which of its samples."""

    conversation: int
    sample: int


def generate(
    model_dir: Path,
    conversations: Sequence[Conversation],
    sampling: Sampling,
    *,
    seed: int,
    batch_size: int,
    samples: int = 1,
    in_4bit: bool = False,
) -> list[list[Completion]]:
    """All answers in the order of the conversations: shape [conversation][sample]."""
    drawn = dict(
        pair
        for batch in generate_batches(
            model_dir, conversations, sampling, seed=seed, batch_size=batch_size, samples=samples, in_4bit=in_4bit
        )
        for pair in batch
    )
    return [[drawn[Job(index, sample)] for sample in range(samples)] for index in range(len(conversations))]


def generate_batches(
    model_dir: Path,
    conversations: Sequence[Conversation],
    sampling: Sampling,
    *,
    seed: int,
    batch_size: int,
    samples: int | Sequence[int] = 1,
    done: Collection[tuple[int, int]] = (),
    in_4bit: bool = False,
    adapter: Path | None = None,
) -> Iterator[list[tuple[Job, Completion]]]:
    """Answers batch by batch, the longest prompts first, so that memory runs out early if at all and little is padding.

    `samples`: of every conversation, or of each its own number. `adapter`: laid on the model, not merged into it.
    The batches follow from the conversations alone; one whose jobs are all in `done` is passed over, any other is drawn
    whole. The model loads when the first batch needs it; `in_4bit` needs bitsandbytes. Raises DataError where
    a prompt does not fit the model.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    prompts = [_prompt(tokenizer, conversation, sampling.thinking) for conversation in conversations]
    lengths = [len(ids) for ids in tokenizer(prompts, add_special_tokens=False)["input_ids"]] if prompts else []
    numbers = [samples] * len(prompts) if isinstance(samples, int) else samples
    jobs = [Job(index, sample) for index, number in enumerate(numbers) for sample in range(number)]
    jobs.sort(key=lambda job: (-lengths[job.conversation], job))
    completer: _Completer | None = None
    for start in range(0, len(jobs), batch_size):
        batch = jobs[start : start + batch_size]
        if all(job in done for job in batch):
            continue
        completer = completer or _Completer(_load(model_dir, in_4bit, adapter), tokenizer, sampling)
        texts = [prompts[job.conversation] for job in batch]
        yield list(zip(batch, completer.complete(texts, _batch_seed(seed, batch, texts)), strict=True))


def _prompt(tokenizer: Any, conversation: Conversation, thinking: bool) -> str:
    return str(
        tokenizer.apply_chat_template(
            list(conversation), tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
    )


def _batch_seed(seed: int, batch: Sequence[Job], texts: Sequence[str]) -> int:
    digest = hashlib.sha256(str(seed).encode("ascii"))
    for job, text in zip(batch, texts, strict=True):
        digest.update(f"\n{job.sample}/{text}".encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def _load(model_dir: Path, in_4bit: bool, adapter: Path | None) -> Any:
    """The model, on the GPU where there is one."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = {"dtype": compute_dtype()}
    if in_4bit:
        options["quantization_config"] = nf4(compute_dtype())
        options["device_map"] = {"": "cpu"}
    if torch.cuda.is_available():
        options["device_map"] = {"": torch.cuda.current_device()}
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, **options).eval()
    keep_unpacked(model)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).eval()
    return model


class _Completer:
    """A loaded model that completes rendered prompts."""

    def __init__(self, model: Any, tokenizer: Any, sampling: Sampling) -> None:
        from transformers import GenerationConfig

        self.model = model
        self.tokenizer = tokenizer
        self.room = int(getattr(self.model.config, "max_position_embeddings", None) or 2**31)
        self.limit = sampling.max_new_tokens
        self.stops = _stop_ids(tokenizer, self.model.generation_config)
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.stops[0]
        draw: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            draw = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        self.draw = {**draw, "eos_token_id": self.stops, "pad_token_id": self.pad}
        # What the model's author advises for sampling would otherwise fill in whatever is not set above.
        self.model.generation_config = GenerationConfig()

    def complete(self, prompts: list[str], seed: int) -> list[Completion]:
        """One completion a prompt, in order."""
        import torch
        from transformers import GenerationConfig

        began = time.monotonic()
        encoded = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        width = max(map(len, encoded))
        if width >= self.room:
            raise DataError(
                f"A prompt has {width} tokens, and the model has room for {self.room}.",
                "No token would be left for an answer.",
                "Leave that prompt out, or use a model with a longer context.",
            )
        ids = torch.tensor([[self.pad] * (width - len(row)) + row for row in encoded], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in encoded], device=self.model.device)
        limit = min(self.limit, self.room - width)
        settings = GenerationConfig(
            max_new_tokens=limit, cache_implementation=cache_for(self.model.device), **self.draw
        )
        try:
            with torch.inference_mode(), _seeded(seed):
                output = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        except torch.OutOfMemoryError as error:
            raise StageFailed(
                f"Memory ran out while {len(prompts)} answers of up to {limit} tokens were generated.",
                str(error).splitlines()[0],
                "Lower `batch_size` or `max_tokens`, then run again.",
            ) from None
        seconds = round((time.monotonic() - began) / len(prompts), 4)
        return [self._read(row[width:].tolist(), prompt, seconds) for row, prompt in zip(output, prompts, strict=True)]

    def _read(self, ids: list[int], prompt: str, seconds: float) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self.stops), None)
        text = self.tokenizer.decode(ids[:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        # Some templates open the thought themselves: the answer is whole only with that tag.
        opened = prompt[prompt.rstrip().rfind("<think>") :] if prompt.rstrip().endswith("<think>") else ""
        tokens = len(ids) if end is None else end + 1
        return Completion(opened + text, "length" if end is None else "stop", tokens, seconds)


def _stop_ids(tokenizer: Any, advised: Any) -> list[int]:
    """Every token that ends a turn: a base model's tokenizer names `<|endoftext|>`, its chat template `<|im_end|>`."""
    found = advised.eos_token_id if isinstance(advised.eos_token_id, list) else [advised.eos_token_id]
    found = [*found, tokenizer.eos_token_id, tokenizer.get_vocab().get("<|im_end|>")]
    stops = sorted({token for token in found if token is not None})
    if not stops:
        raise DataError(
            "The model names no token that ends a turn.",
            "Every answer would run into the limit.",
            "Set eos_token in its tokenizer_config.json.",
        )
    return stops


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
