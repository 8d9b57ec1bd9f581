from __future__ import annotations

import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.template import render

TURNS = [{"role": "user", "content": 'a < b & "c" {{ 7 * 7 }} é'}]


def test_content_is_not_code_and_json_keeps_its_letters() -> None:
    template = "{% for m in messages %}\n  {{ m.content | tojson }}\n{% endfor %}\n{{ bos_token }}{{ eos_token }}"
    rendered = render(template, TURNS, bos="<s>", eos="</s>")
    assert rendered == '  "a < b & \\"c\\" {{ 7 * 7 }} é"\n<s></s>'


def test_thinking_and_the_open_turn_are_passed_on() -> None:
    template = "{{ enable_thinking }}/{{ add_generation_prompt }}"
    assert render(template, TURNS) == "True/True"
    assert render(template, TURNS, thinking=False, turn=False) == "False/False"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_template_at_fault_is_one_clear_error(template: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        render(template, TURNS)
