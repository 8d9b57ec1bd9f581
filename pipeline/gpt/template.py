"""The chat template of the tags, and how a model of the track is saved: any library that reads it speaks with tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.gpt.tokens import EOT, closing, opening

_ASSISTANT = (opening("assistant"), closing("assistant"))
CHAT = (
    "{%- for message in messages -%}"
    "{%- set role = message['role'] -%}"
    "{%- set text = message['content'] -%}"
    "{%- set after = messages[loop.index0 + 1]['role'] if not loop.last else '' -%}"
    "{%- if role == 'user_context' -%}{{- '<myPT_user><myPT_user_context>' + text + '</myPT_user_context>' -}}"
    "{%- elif role == 'user' -%}"
    "{%- if loop.first or messages[loop.index0 - 1]['role'] != 'user_context' -%}{{- '<myPT_user>' -}}{%- endif -%}"
    "{{- text + '</myPT_user>' -}}"
    "{%- elif role == 'assistant' -%}"
    "{{- '<myPT_assistant>' + text -}}"
    "{%- if after != 'toolcall' -%}{{- '</myPT_assistant>' -}}"
    "{%- if after != 'toolresult' -%}{{- '<myPT_eot/>' -}}{%- endif -%}{%- endif -%}"
    "{%- elif role == 'toolcall' -%}"
    "{%- if loop.first or messages[loop.index0 - 1]['role'] not in ['assistant', 'toolcall'] -%}"
    "{{- '<myPT_assistant>' -}}{%- endif -%}"
    "{{- '<myPT_toolcall>' + text + '</myPT_toolcall>' -}}"
    "{%- if after != 'toolcall' -%}{{- '</myPT_assistant>' -}}"
    "{%- if after != 'toolresult' -%}{{- '<myPT_eot/>' -}}{%- endif -%}{%- endif -%}"
    "{%- elif role in ['system', 'assistant_context', 'toolresult'] -%}"
    "{{- '<myPT_' + role + '>' + text + '</myPT_' + role + '>' -}}"
    "{%- elif role == 'tool' -%}{{- '<myPT_toolresult>' + text + '</myPT_toolresult>' -}}"
    "{%- else -%}{{- raise_exception('There is no tag for the role ' + role) -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<myPT_assistant>' -}}{%- endif -%}"
)
"""Writes what `tokens.render` writes, of any conversation that the tags allow."""


def load_tokenizer(directory: Path) -> Any:
    """That of transformers, with the template and with GPT-2's end of a document for padding."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    tokenizer.chat_template = CHAT
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or EOT
    return tokenizer


def stop_ids(tokenizer: Any) -> list[int]:
    """Where an answer ends: behind the assistant's words, and behind a turn."""
    vocabulary = tokenizer.get_vocab()
    return [vocabulary[_ASSISTANT[1]], vocabulary[EOT]]


def ends(model: Any, tokenizer: Any) -> None:
    """Have the saved model say where its answers end."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=stop_ids(tokenizer), pad_token_id=tokenizer.pad_token_id)
    model.config.eos_token_id, model.config.bos_token_id = stop_ids(tokenizer)[0], None
