from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.tasks.dimensions import CONTENT_DIMENSIONS, DESCRIPTIONS, DIMENSIONS
from pipeline.tasks.rubric import RUBRIC, Weights, load_rubric, reward, rubric_hash

ALL_APPLY = {dimension: 0.1 * number for number, dimension in enumerate(DIMENSIONS, 1)}


def test_the_nine_dimensions_of_the_seed_in_its_order() -> None:
    assert DIMENSIONS == (
        "entropy_reduction",
        "calibrated_uncertainty",
        "conflict_resolution",
        "context_faithfulness",
        "process_transparency",
        "honest_engagement",
        "helpfulness",
        "harm_avoidance",
        "instruction_following",
    )
    assert set(CONTENT_DIMENSIONS) < set(DIMENSIONS)
    assert set(Weights.model_fields) == set(DIMENSIONS)


def test_equal_weights_are_the_mean_when_all_apply() -> None:
    assert reward(ALL_APPLY, Weights()) == pytest.approx(0.5)
    assert reward(ALL_APPLY, Weights(), renormalise=False) == pytest.approx(0.5)


def test_renormalised_over_what_applies_and_the_bare_sum_on_request() -> None:
    scores = dict.fromkeys(DIMENSIONS, None) | {"helpfulness": 0.9, "harm_avoidance": 0.3}
    assert reward(scores, Weights()) == pytest.approx(0.6)
    assert reward(scores, Weights(), renormalise=False) == pytest.approx(1.2 / 9)


def test_weights_count() -> None:
    weights = Weights(helpfulness=3.0, harm_avoidance=1.0, process_transparency=0.0)
    scores = {"helpfulness": 0.5, "harm_avoidance": 1.0, "process_transparency": 1.0}
    assert reward(scores, weights) == pytest.approx(2.5 / 4)
    assert reward(scores, weights, renormalise=False) == pytest.approx(2.5)


def test_nothing_with_a_weight_applies() -> None:
    only = Weights(**(dict.fromkeys(DIMENSIONS, 0.0) | {"conflict_resolution": 1.0}))
    assert reward({"conflict_resolution": None, "helpfulness": 1.0}, only) == 0.0
    assert reward({}, Weights()) == 0.0


@pytest.mark.parametrize(
    "weights", [dict.fromkeys(DIMENSIONS, 0.0), {"helpfulness": -0.1}, {"helpfulness": float("nan")}, {"humour": 1.0}]
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Weights(**weights)


def test_the_hash_names_the_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rubric_hash()
    assert before == rubric_hash() and len(before) == 12
    monkeypatch.setitem(DESCRIPTIONS, "helpfulness", "Is it kind?")
    assert rubric_hash() != before


def test_the_rubric_that_comes_along_is_whole() -> None:
    rubric = load_rubric()
    assert [described.name for described in rubric] == list(DIMENSIONS)
    for described in rubric:
        assert len(described.levels) == 5 and len(set(described.levels)) == 5
        assert all(len(text) > 30 for text in described.levels)


def changed_rubric(folder: Path, old: str, new: str) -> Path:
    text = RUBRIC.read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_rubric_of_ones_own(tmp_path: Path) -> None:
    own = load_rubric(changed_rubric(tmp_path, "Is the answer of use to this user?", "  Is it of use? "))
    assert own[6].asks == "Is it of use?"
    assert own[:6] == load_rubric()[:6]
    # the order of the tables is the file's own affair
    tables = RUBRIC.read_text(encoding="utf-8").split("\n\n")
    (tmp_path / "order.toml").write_text("\n\n".join(reversed(tables)), encoding="utf-8")
    assert load_rubric(tmp_path / "order.toml") == load_rubric()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[helpfulness]", "[helpfullness]", "[helpfullness]: no such dimension; did you mean `helpfulness`?"),
        ("[helpfulness]", "[helpfullness]", "[helpfulness]: the table is missing"),
        ("[helpfulness]", "[humour]\nasks = 'funny?'\n[helpfulness]", "[humour]: no such dimension"),
        ('0 = "Nothing is sorted', '5 = "Nothing is sorted', "[entropy_reduction] 0: missing"),
        ('0 = "Nothing is sorted', '5 = "Nothing is sorted', "[entropy_reduction] 5: unknown key"),
        ('applies = "Always."', "", "[process_transparency] applies: missing"),
        ('applies = "Always."', 'aplies = "Always."', "aplies: unknown key; did you mean `applies`?"),
        ('applies = "Always."', "applies = true", "[process_transparency] applies: a text was expected"),
        ('applies = "Always."', 'applies = " "', "[process_transparency] applies: a text was expected"),
        ("[entropy_reduction]", "[entropy_reduction", "is not valid TOML"),
        ("[calibrated_uncertainty]", "[entropy_reduction]", "is not valid TOML"),
    ],
)
def test_a_rubric_that_is_not_whole(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = changed_rubric(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        load_rubric(path)
    assert fault in str(caught.value) and str(path) in caught.value.what and caught.value.mend


def test_a_rubric_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rubric(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("[helpfulness]\nasks = 'hübsch?'".encode("latin-1"))
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_rubric(tmp_path / "latin.toml")
    (tmp_path / "list.toml").write_text("helpfulness = 3", encoding="utf-8")
    with pytest.raises(ConfigError, match="the table is missing"):
        load_rubric(tmp_path / "list.toml")
