"""What `plan` says of a provider: keys, settings without effect, calls, tokens, money. Nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.stage import Finding
from pipeline.providers.foresee import Load, foresee
from pipeline.providers.provider import ProviderSettings

GEMINI = {"kind": "gemini", "model": "priced"}
KEY = {"GEMINI_API_KEY": "AIza-not-a-real-key"}
LOADS = [Load("good", 200, 400, 2000, 500), Load("bad", 100, 800, 0, 100), Load("none", 0, 0, 9, 9)]
PRICES = """
[models.priced]
input = 2.0
output = 12.0
batch = 0.5
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "prices.toml").write_text(PRICES, encoding="utf-8")
    return tmp_path


def told(
    root: Path, settings: dict[str, Any], environ: dict[str, str], loads: list[Load] | None = None
) -> list[Finding]:
    return foresee(ProviderSettings.model_validate(settings), "provider", loads or [], root, environ)


@pytest.mark.parametrize(
    ("settings", "environ", "variable"),
    [
        (GEMINI, {}, "GEMINI_API_KEY"),
        (GEMINI, {"GEMINI_API_KEY": " "}, "GEMINI_API_KEY"),
        ({**GEMINI, "key_env": "MINE"}, KEY, "MINE"),
        ({"kind": "openai", "model": "m"}, {}, "OPENAI_API_KEY"),
        ({"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1", "key_env": "MINE"}, {}, "MINE"),
    ],
)
def test_a_missing_key_is_one_fault_that_names_its_variable(
    root: Path, settings: dict[str, Any], environ: dict[str, str], variable: str
) -> None:
    (fault,) = told(root, settings, environ)
    assert fault.level == "fault"
    assert f"{variable} " in fault.text
    assert f"Set {variable}" in fault.mend


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        ({}, {}),
        (GEMINI, KEY),
        (GEMINI, {"GOOGLE_API_KEY": "x"}),
        ({**GEMINI, "key_env": "MINE"}, {"MINE": "x"}),
        ({**GEMINI, "project": "mine"}, {}),
        ({"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}, {}),
    ],
)
def test_nothing_to_say(root: Path, settings: dict[str, Any], environ: dict[str, str]) -> None:
    assert told(root, settings, environ) == []


def test_settings_without_effect_and_a_file_that_is_not_there(root: Path) -> None:
    (warning,) = told(root, {"kind": "offline", "model": "x"}, {})
    assert (warning.level, warning.text) == ("warning", "`provider.model` has no effect on a provider of kind offline.")
    (fault,) = told(root, {"kind": "local", "model": str(root / "nowhere.gguf")}, {})
    assert fault.level == "fault"
    assert "nowhere.gguf" in fault.text


def test_calls_tokens_and_money(root: Path) -> None:
    (note,) = told(root, GEMINI, KEY, LOADS)
    assert note.level == "note"
    asked, answered = 200 * 100 + 100 * 200, 200 * 2500 + 100 * 100
    assert (note.data["calls"], note.data["input"], note.data["output"]) == (300, asked, answered)
    assert note.data["cost"] == pytest.approx((2 * asked + 12 * answered) / 1e6)
    assert note.data["bound"] > 300 * 8192 * 12e-6
    assert "$6.20" in note.text
    (halved,) = told(root, {**GEMINI, "batch": True}, KEY, LOADS)
    assert halved.data["cost"] == pytest.approx(note.data["cost"] / 2)
    (unknown,) = told(root, {**GEMINI, "model": "of-tomorrow"}, KEY, LOADS)
    assert unknown.data["cost"] is unknown.data["bound"] is None
    assert "No price of of-tomorrow" in unknown.text
    server = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    assert "price" not in told(root, server, {}, LOADS)[0].text


def test_a_cap_below_what_is_expected_is_said_before(root: Path) -> None:
    assert [finding.level for finding in told(root, {**GEMINI, "spend_cap": 7}, KEY, LOADS)] == ["note"]
    note, warning = told(root, {**GEMINI, "spend_cap": 5}, KEY, LOADS)
    assert (note.level, warning.level) == ("note", "warning")
    assert "$5.00" in warning.text
