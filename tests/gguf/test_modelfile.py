from __future__ import annotations

import pytest

from pipeline.gguf.modelfile import translate, write_modelfile
from pipeline.gguf.reference import Marks
from pipeline.training.tokenizer import chat_template
from tests.gguf.tiny import LLAMA3_TEMPLATE

PLAIN = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def go(text: str, turns: list[tuple[str, str]]) -> str:
    """As much of Go's template language as is written: one range, and an `if eq` for each role."""
    start, rest = text.split("{{ range .Messages }}")
    body, _, end = rest.rpartition("{{ end }}")
    made = start
    for role, content in turns:
        for case in body.split('{{ if eq .Role "')[1:]:
            name, inner = case.split('" }}', 1)
            if name == role:
                made += inner.rpartition("{{ end }}")[0].replace("{{ .Content }}", content)
    return made + end


@pytest.mark.parametrize(
    ("template", "bos", "expected"),
    [
        (PLAIN, "", "<system>s</system><user>a</user><assistant>b</assistant><user>c</user><assistant>"),
        (
            LLAMA3_TEMPLATE, "<|begin_of_text|>",
            "<|begin_of_text|>" + "".join(
                f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>"
                for role, text in (("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"))
            ) + "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
    ],
)  # fmt: skip
def test_the_translation_says_the_same(template: str, bos: str, expected: str) -> None:
    translated = translate(template, bos)
    assert translated is not None
    assert go(translated, [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]) == expected


def test_qwen3s_is_chatml() -> None:
    translated = translate(chat_template())
    assert translated is not None
    assert go(translated, [("user", "a"), ("assistant", "b"), ("user", "c")]) == (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
        "{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}",
        PLAIN.replace("<{{ m.role }}>", '"""<{{ m.role }}>'),
        "{{ raise_exception('no') }}",
        "{{ broken",
    ],
)
def test_what_cannot_be_said_is_not_guessed(template: str) -> None:
    assert translate(template) is None
    text = write_modelfile("m.gguf", Marks(template, "<end>", "", ""), {})
    assert "\nTEMPLATE" not in text
    assert "no TEMPLATE is written" in text


def test_parameters() -> None:
    generation = {"temperature": 0.6, "top_k": 20, "do_sample": True, "top_p": True, "repetition_penalty": 1.05}
    text = write_modelfile("m.gguf", Marks(PLAIN, '<"end">', "", ""), generation)
    assert text.startswith("FROM ./m.gguf\n\nTEMPLATE ")
    assert text.endswith(
        'PARAMETER stop "<\\"end\\">"\nPARAMETER temperature 0.6\nPARAMETER top_k 20\nPARAMETER repeat_penalty 1.05\n'
    )
    assert "PARAMETER stop" not in write_modelfile("m.gguf", Marks(None, 'x"""\nFROM evil', "", ""), {})
