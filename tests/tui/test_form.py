from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine import presets
from pipeline.engine.artifacts import Workspace
from tui.form import Field, fields_of
from tui.start import Start, composed

FOLDERS = [Path(presets.__file__).resolve().parents[2] / "configs"]


def fields(preset: str) -> dict[str, Field]:
    return {field.key: field for field in fields_of(presets.compose(preset, FOLDERS), CATALOG)}


@pytest.mark.parametrize("preset", ["quickstart", "nano", "entropy-joy", "smoke"])
def test_every_field_has_words_and_its_own_value_fits(preset: str) -> None:
    for field in fields(preset).values():
        assert field.about, field.key
        assert field.kind and "typing" not in field.kind and "NoneType" not in field.kind
        assert field.fault(field.written) == "", field.key


def test_fields_tell_default_choices_and_names() -> None:
    found = fields("entropy-joy")
    assert next(iter(found)) == "seed" and found["seed"].written == "3407"
    kind = found["providers.teacher.kind"]
    assert kind.choices == ("offline", "gemini", "openai", "local") and kind.written == "gemini"
    provider = found["traces.provider"]
    assert (provider.written, provider.default) == ("teacher", "offline")
    assert set(provider.resource) == {"offline", "teacher", "judge", "lmstudio"}
    assert found["sft.learning_rate"].kind == "number"
    assert found["providers.teacher.spend_cap"].kind == "number or nothing"


@pytest.mark.parametrize(
    ("key", "text", "fits"),
    [
        ("seed", "7", True), ("seed", "seven", False), ("sft.learning_rate", "1e-4", True),
        ("sft.learning_rate", "quick", False), ("sft.learning_rate", "[/x]\x00\ud800", False),
        ("sft.backend", "standard", True), ("sft.backend", "fast", False), ("traces.provider", "teacher", True),
        ("traces.provider", "nobody", False), ("sft.gradient_checkpointing", "true", True),
    ],
)  # fmt: skip
def test_a_field_finds_what_is_wrong(key: str, text: str, fits: bool) -> None:
    assert (fields("entropy-joy")[key].fault(text) == "") == fits


def test_the_whole_form_finds_what_no_field_can(tmp_path: Path) -> None:
    def fault(**sets: str) -> str:
        changes = {key.replace("__", "."): text for key, text in sets.items()}
        return composed(Start("entropy-joy"), Workspace(tmp_path), FOLDERS, changes, CATALOG)[1]

    assert fault() == "" and fault(seed="4") == ""
    assert "no [providers.other]" in fault(traces__provider="other")
    assert "providers.judge" in fault(
        judge__judge="teacher", grpo__judge="teacher", evaluate__judge="teacher", tournament__judge="teacher"
    )  # nobody uses it then


def test_a_reference_to_what_lies_in_the_workspace_is_no_fault(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    sets = {"sft.from.model": "mine"}
    assert composed(Start("nano"), Workspace(tmp_path), FOLDERS, sets, CATALOG)[1] == ""
    assert (
        "path `other`" in composed(Start("nano"), Workspace(tmp_path), FOLDERS, {"sft.from.model": "other"}, CATALOG)[1]
    )


def test_what_a_config_file_holds_stands_in_the_form_where_the_preset_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text(
        '{"_note": "words", "learning_rate": 0.003, "max_iters": 9, "tie_weights": false}', encoding="utf-8"
    )
    tree = {"steps": {"train": {"max_iters": 40}}}

    def found(**sets: str) -> dict[str, Field]:
        given = {f"train.{key}": text for key, text in sets.items()}
        return {field.name: field for field in fields_of(tree, CATALOG, given) if field.step == "train"}

    there = found(config_file=str(file))
    assert (there["learning_rate"].written, there["learning_rate"].default) == ("0.003", "5e-05")
    assert (there["max_iters"].written, there["tie_weights"].written) == ("40", "false"), "the preset wins"
    assert there["config_file"].written == "", "it was set here, and is no part of the preset"
    assert found()["learning_rate"].written == found(config_file="")["learning_rate"].written == "5e-05"
    file.write_text('{"lerning_rate": 1}', encoding="utf-8")
    assert found(config_file=str(file))["learning_rate"].written == "5e-05"
