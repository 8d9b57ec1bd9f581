import pytest

from pipeline.tasks.records import split_thought


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\na b\n</think>\n\nc", ("a b", "c", True)),
        ("a b</think>c", ("a b", "c", True)),
        ("<think></think>c", ("", "c", True)),
        ("<think>a b", ("a b", "", False)),
        ("c d", ("", "c d", True)),
        ("", ("", "", True)),
        ("<think>a</think>b<think>c</think>d", ("abc", "d", True)),
        ("<think>a</think>", ("a", "", True)),
    ],
)
def test_a_think_block_is_parted_from_the_answer(text: str, parts: tuple[str, str, bool]) -> None:
    assert split_thought(text) == parts


def test_a_block_that_the_prompt_opened() -> None:
    assert split_thought("a b", opened=True) == ("a b", "", False)
    assert split_thought("a</think>b", opened=True) == ("a", "b", True)
