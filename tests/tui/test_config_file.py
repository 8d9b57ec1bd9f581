"""The seeds' JSON settings through the form of New run."""

from __future__ import annotations

import json
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui import test_new_screen
from tests.tui.settle import until
from tests.tui.test_new_screen import Asked, about, find, play, shown
from tui.app import Cockpit
from tui.screens.choose import Choose
from tui.screens.new import NewScreen
from tui.start import Start
from tui.widgets.field_editor import FieldEditor

asked = test_new_screen.asked
PRESET = '# Of a seed.\n[steps.prepare]\ninput = "rows.jsonl"\ntokenization = "bpe"\n[steps.train]\nmax_iters = 40\n'


def test_a_file_of_the_seeds_fills_the_form_and_its_unknown_keys_are_told(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "seeded.toml").write_text(PRESET, encoding="utf-8")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"_why": "lower", "learning_rate": 7e-5, "max_iters": 3500}), encoding="utf-8")
    bad.write_text(json.dumps({"lerning_rate": 7e-5}), encoding="utf-8")

    async def steps(pilot: Pilot[None], app: Cockpit, screen: NewScreen) -> None:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"of a seed", "enter")
        await until(pilot, lambda: screen._start == Start("seeded") and bool(screen._fields))
        assert shown(screen, "train")["learning_rate"] == "5e-05"
        await find(pilot, screen, "train.config_file")
        await pilot.press("enter")
        editor = screen.query_one(FieldEditor)
        await until(pilot, lambda: editor.is_open)
        editor.query_one(Input).value = str(bad)
        await until(
            pilot, lambda: "bad.json has unknown keys: `lerning_rate`; did you mean `learning_rate`?" in about(screen)
        )
        editor.query_one(Input).value = str(good)
        await until(pilot, lambda: "unknown keys" not in about(screen))
        await pilot.press("enter")
        await find(pilot, screen, "")
        await until(pilot, lambda: shown(screen, "train")["learning_rate"] == "7e-05")
        assert shown(screen, "train")["max_iters"] == "40", "the preset wins, and the plan says so"
        await until(pilot, lambda: asked[-1][:4] == ["plan", "seeded", "--set", f"train.config_file={good}"])
        await find(pilot, screen, "train.config_file")
        await pilot.press("u")
        await find(pilot, screen, "")
        await until(pilot, lambda: not screen._sets and shown(screen, "train")["learning_rate"] == "5e-05")

    play(tmp_path, steps)
