"""A model directory's tokenizer and chat template, held against Qwen3's ChatML before anything trains.

Reads both with `tokenizers` and `jinja2` alone, so that `plan` can look at them without importing torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, MissingDependency
from pipeline.engine.rows import read_json

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
THINK_START, THINK_END = "<think>", "</think>"
CONTROL = (TURN_START, TURN_END, THINK_START, THINK_END, "<|endoftext|>")
"""What a text of ours may not hold: in the middle of an answer each of these would mean something else."""

Messages = Sequence[Mapping[str, Any]]


def completion_text(thought: str, answer: str, *, thinking: bool) -> str:
    """What the model says after its prompt, end of turn included; without thinking, the answer alone."""
    block = f"{THINK_START}\n{thought.strip()}\n{THINK_END}\n\n" if thinking else ""
    return f"{block}{answer.strip()}{TURN_END}"


@dataclass(frozen=True)
class ChatTemplate:
    """The tokenizer and the chat template that lie in `directory`."""

    directory: Path

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """tokenizer_config.json. Raises DataError where it is missing."""
        return dict(read_json(self.directory / "tokenizer_config.json"))

    @cached_property
    def tokenizer(self) -> Any:
        """A `tokenizers.Tokenizer` that neither cuts nor pads. Raises DataError where the file is none."""
        path = self.directory / "tokenizer.json"
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise MissingDependency.of_extra("tokenizers", "train") from None
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises bare Exceptions
            raise DataError(f"{path} is not a tokenizer.", str(error), "Fetch the model's files again.") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def source(self) -> str:
        """The template's text: of chat_template.jinja, or of tokenizer_config.json; empty where there is none."""
        path = self.directory / "chat_template.jinja"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        found = self.settings.get("chat_template") or ""
        if isinstance(found, list):
            found = next((entry["template"] for entry in found if entry["name"] == "default"), "")
        return str(found)

    def render(self, messages: Messages, **options: Any) -> str:
        """The text that the template makes of a conversation. Raises what a faulty template raises."""
        return str(self._compiled.render(messages=[dict(turn) for turn in messages], **self._named_tokens, **options))

    def prompt(self, messages: Messages, *, thinking: bool) -> str:
        """What the model is given before it answers; without thinking, it ends with an empty thought."""
        return self.render(messages, add_generation_prompt=True, enable_thinking=thinking)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [row.ids for row in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Control tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

    def check(self) -> None:
        """Raises DataError that names every way in which this is not Qwen3's ChatML."""
        faults = self.faults()
        if faults:
            raise DataError(
                f"The chat template in {self.directory} does not fit the training.",
                " ".join(faults),
                "Put Qwen3's chat template (chat_template.jinja) and its control tokens beside the model.",
            )

    def faults(self) -> list[str]:
        """One sentence each; empty where all is well. Raises DataError where files are missing."""
        return self._token_faults() or self._text_faults()

    def _token_faults(self) -> list[str]:
        faults = []
        for token in (TURN_START, TURN_END, THINK_START, THINK_END):
            if self.encode([token]) != [[self.tokenizer.token_to_id(token)]]:
                faults.append(f"{token} is not one token of the vocabulary.")
        if not faults and self.tokenizer.decode(self.encode([THINK_START])[0], skip_special_tokens=True) != THINK_START:
            faults.append(f"{THINK_START} is a special token, so decoding would drop it from the text that is judged.")
        if self._named_tokens.get("eos_token") != TURN_END:
            faults.append(f"The end-of-sequence token is {self._named_tokens.get('eos_token')!r}, not {TURN_END!r}.")
        return faults

    def _text_faults(self) -> list[str]:
        if not self.source:
            return ["There is no chat template."]
        system, first, second = _turn("system", "Be brief."), _turn("user", "Which?"), _turn("user", "And then?")
        past = _turn("assistant", "The left one.")
        thoughtful = _turn("assistant", f"{THINK_START}\nIt is nearest.\n{THINK_END}\n\nThe left one.")
        said = completion_text("The right one is left.", "The right one.", thinking=True)
        final = _turn("assistant", said.removesuffix(TURN_END))
        opening = f"{TURN_START}assistant\n"
        dialogue = _chatml([system, first, past, second])
        probes = [
            ("a question", [first], {"add_generation_prompt": True}, _chatml([first]) + opening),
            ("a dialogue", [system, first, past, second], {"add_generation_prompt": True}, dialogue + opening),
            (
                "a question without thinking",
                [first],
                {"add_generation_prompt": True, "enable_thinking": False},
                f"{_chatml([first])}{opening}{THINK_START}\n\n{THINK_END}\n\n",
            ),
            ("an answer", [system, first, past, second, final], {}, f"{dialogue}{opening}{said}\n"),
            ("an earlier thought", [system, first, thoughtful, second, final], {}, f"{dialogue}{opening}{said}\n"),
        ]
        faults = []
        for what, messages, options, expected in probes:
            try:
                rendered = self.render(messages, **options)
            except Exception as error:  # whatever the template of a stranger raises
                faults.append(f"It fails on {what}: {error}.")
                continue
            if rendered != expected:
                faults.append(f"It renders {what} otherwise than Qwen3: {_difference(rendered, expected)}.")
        return faults

    @cached_property
    def _named_tokens(self) -> dict[str, str]:
        names = ("bos_token", "eos_token", "pad_token", "unk_token")
        found = {name: self.settings.get(name) for name in names}
        return {
            name: str(token["content"] if isinstance(token, dict) else token) for name, token in found.items() if token
        }

    @cached_property
    def _compiled(self) -> Any:
        """Compiled with the options and names that transformers gives to chat templates."""
        from datetime import datetime

        from jinja2 import TemplateError
        from jinja2.ext import Extension, loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        class Generation(Extension):
            """`{% generation %}` marks what an assistant says; here it only has to be read past."""

            tags = {"generation"}  # noqa: RUF012

            def parse(self, parser: Any) -> Any:
                next(parser.stream)
                return parser.parse_statements(("name:endgeneration",), drop_needle=True)

        def raise_exception(message: str) -> None:
            raise TemplateError(message)

        def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
            return json.dumps(value, ensure_ascii=ensure_ascii, **options)

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
        )
        environment.filters["tojson"] = tojson
        environment.globals["raise_exception"] = raise_exception
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        return environment.from_string(self.source)


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _chatml(turns: Messages) -> str:
    return "".join(f"{TURN_START}{turn['role']}\n{turn['content']}{TURN_END}\n" for turn in turns)


def _difference(found: str, expected: str) -> str:
    place = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), -1)
    place = min(len(found), len(expected)) if place < 0 else place
    return f"after {expected[max(0, place - 24) : place]!r} comes {found[place : place + 24]!r}, not " + (
        f"{expected[place : place + 24]!r}"
    )
