from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine.config import RunConfig, check
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import compose
from pipeline.engine.saving import save_preset, save_whole, to_toml
from tests.engine.toy import CATALOG

PARENT = """
seed = 1
[providers.teacher]
kind = "offline"
options = { a = 1, b = 2 }
[steps.count]
count = 20
[steps.sum]
stage = "sum"
from = { numbers = "count" }
"""


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    own, ours = tmp_path / "own" / "configs", tmp_path / "ours"
    ours.mkdir()
    (ours / "toy.toml").write_text(PARENT, encoding="utf-8")
    return [own, ours]


def test_a_saved_preset_holds_only_what_differs(folders: list[Path]) -> None:
    sets = ["seed=2", "count.count=20", "count.pause=0.5", 'sum.note=a "b" ü', "providers.teacher.options.b=3"]
    file = save_preset("toy", folders, sets, "mine")
    assert file == folders[0] / "mine.toml"
    assert tomllib.loads(file.read_text("utf-8")) == {
        "extends": "toy",
        "seed": 2,
        "providers": {"teacher": {"options": {"b": 3}}},
        "steps": {"count": {"pause": 0.5}, "sum": {"note": 'a "b" ü'}},
    }
    assert compose("mine", folders) == compose("toy", folders, sets) | {"preset": "mine"}


@pytest.mark.parametrize(
    ("sets", "order"),
    [
        (["steps.more.stage=sum", "steps.more.after=count"], ["count", "more", "sum"]),
        (["steps.more.stage=sum", "more.times=2"], ["count", "sum", "more"]),
        (["count.after=sum"], ["sum", "count"]),
        (["steps.a.stage=sum", "steps.b.stage=sum", "b.after=count", "a.after=b"], ["count", "b", "a", "sum"]),
        (["sum.enabled=false", "sum.from.numbers=mine"], ["count", "sum"]),
    ],
)
def test_steps_added_moved_and_switched_off_keep_their_place(
    folders: list[Path], sets: list[str], order: list[str]
) -> None:
    save_preset("toy", folders, sets, "mine")
    back, wanted = compose("mine", folders), compose("toy", folders, sets)
    assert back == wanted | {"preset": "mine"}
    assert list(back["steps"]) == list(wanted["steps"]) == order


def test_without_a_difference_it_only_extends(folders: list[Path]) -> None:
    assert save_preset("toy", folders, ["seed=1"], "same").read_text("utf-8") == 'extends = "toy"\n'


def test_nothing_is_overwritten_unless_told(folders: list[Path]) -> None:
    file = save_preset("toy", folders, ["seed=2"], "mine")
    with pytest.raises(ConfigError, match="there already"):
        save_preset("toy", folders, ["seed=3"], "mine")
    assert compose("mine", folders)["seed"] == 2
    save_preset("toy", folders, ["seed=3"], "mine", overwrite=True)
    assert compose("mine", folders)["seed"] == 3
    with pytest.raises(ConfigError, match="itself"):
        save_preset(str(file), folders, [], "mine", overwrite=True)


def test_a_whole_one_extends_nothing_and_means_the_same(folders: list[Path]) -> None:
    (folders[1] / "plain.toml").write_text('[steps.count]\ncount = 20\n[steps.more]\nstage = "sum"\n', "utf-8")
    config = check(compose("plain", folders, ["count.resource.kind=x", "more.times=2", "seed=4"]), CATALOG)

    def whole(config: RunConfig) -> Path:
        return save_whole(config, folders[0], "mine", lambda tree: check(tree, CATALOG))

    file = whole(config)
    assert tomllib.loads(file.read_text("utf-8")) == {
        "seed": 4,
        "steps": {
            "count": {"stage": "count", "from": {}, "resource": {"kind": "x"}},
            "more": {"stage": "sum", "from": {"numbers": "count"}, "times": 2},
        },
    }
    assert replace(check(compose("mine", folders), CATALOG), preset="plain") == config
    with pytest.raises(ConfigError, match="there already"):
        whole(config)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "prices", "rubric", "-a", "a.b", "x\n"])
def test_names_that_are_none(folders: list[Path], name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        save_preset("toy", folders, ["seed=2"], name)
    assert not folders[0].exists()


def test_a_preset_by_its_path(folders: list[Path]) -> None:
    save_preset(str(folders[1] / "toy.toml"), folders, ["seed=2"], "mine")
    assert compose("mine", folders)["seed"] == 2


@pytest.mark.parametrize("change", ["providers.teacher.options={a=1}", "sum.note=\udc80"])
def test_what_cannot_be_kept_leaves_no_file(folders: list[Path], change: str) -> None:
    with pytest.raises(ConfigError):
        save_preset("toy", folders, [change], "mine")
    assert not (folders[0] / "mine.toml").exists()


def test_values_come_back_as_they_were() -> None:
    text = 'q"\\\n\t\x00\x1b\x7f\u2028😀[x]'
    odd = {text: [text, 1, -2.5e-7, True, False, [], {}, {"k.l": [1, [2]]}], "f": 1e300, "i": 10**15}
    tree = {"seed": 3, "empty": {}, "flat": {"a": 1}, "steps": {"a b": odd, "plain": {}}}
    assert tomllib.loads(to_toml(tree)) == {key: value for key, value in tree.items() if key != "empty"}
