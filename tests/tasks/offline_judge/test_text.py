import pytest

from pipeline.tasks.offline_judge.text import Reading, phrase, stem


@pytest.mark.parametrize(
    "words",
    [
        ("change", "changes", "changed", "changing"),
        ("stop", "stops", "stopped", "stopping"),
        ("reply", "replies", "replied", "replying"),
        ("city", "cities", "city's"),
        ("9.60", "9.6"),
        ("4,000", "4000"),
    ],
)
def test_forms_of_a_word_have_one_stem(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("bus", "busy"), ("rice", "ride"), ("gas", "gap"), ("9.60", "96"), ("1,5", "15")]
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_sentences_end_at_full_stops_and_lines_but_not_inside_numbers() -> None:
    reading = Reading("It costs 9.60 at 6:30. Really?\n1. First one\n2. Second one")
    assert [len(sentence.words) for sentence in reading.sentences] == [5, 1, 2, 2]
    assert not reading.finished
    assert Reading('She said "no."').finished


def test_a_term_is_found_in_any_form_and_as_a_whole() -> None:
    reading = Reading("We moved the payment plans. A plan was paid.")
    assert phrase("payment plan") == ("payment", "plan")
    assert reading.find(["payment plan"]) == [(0, 3)]
    assert reading.find(["plan", "payment"]) == [(0, 3), (0, 4), (1, 1)]
    assert reading.find(["bank", ""]) == []


def test_long_copies_of_the_prompt_name_nothing() -> None:
    prompt = Reading("My oven is old and the dough rises slowly on wet days in our bakery.")
    copy = Reading("My oven is old and the dough rises slowly on wet days in our bakery. So start early.", prompt)
    own = Reading("An old oven and wet days: the dough needs time. So start early.", prompt)
    assert copy.find(["oven", "dough"]) == []
    assert copy.copied == 15
    assert len(own.find(["oven", "dough"])) == 2
    assert own.copied == 0


def test_a_whole_sentence_of_the_prompt_counts_as_copied_but_still_names() -> None:
    prompt = Reading("The heat is too high. Nobody asked the cook.")
    reading = Reading("The heat is too high. We wait.", prompt)
    assert reading.copied == 5
    assert reading.find(["heat"]) == [(0, 1)]
