from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import RunConfig, check
from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import compose, read_value
from tests.engine.toy import CATALOG


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def test_extends_keeps_order_changes_drops_and_places(tmp_path: Path) -> None:
    write(tmp_path, "parent", "seed = 1\n[steps.count]\ncount = 3\n[steps.sum]\n[steps.gather]\n")
    write(
        tmp_path,
        "child",
        'extends = "parent"\nseed = 2\n[steps.sum]\nenabled = false\n'
        '[steps.double]\nstage = "sum"\nafter = "count"\ntimes = 2\n',
    )
    config = check(compose("child", [tmp_path], ["count.count=5"]), CATALOG)
    assert [step.name for step in config.steps] == ["count", "double", "gather"]
    assert config.seed == 2
    assert config.step("count").settings.count == 5  # type: ignore[attr-defined]
    assert config.step("gather").inputs == {"totals": ("double",)}


def test_json_presets_and_round_trip(tmp_path: Path) -> None:
    tree = {"seed": 3, "steps": {"count": {"resource": "plain"}, "sum": {"times": 4}}}
    (tmp_path / "p.json").write_text(json.dumps(tree), encoding="utf-8")
    config = check(compose("p", [tmp_path]), CATALOG)
    assert check(config.to_tree(), CATALOG) == config


def test_all_faults_at_once_with_the_nearest_key() -> None:
    tree = {
        "sed": 1,
        "resources": {"mine": {"kin": "x"}, "idle": {}},
        "steps": {
            "count": {"coutn": 1, "count": "many", "resource": {"kid": "x"}},
            "sum": {"from": {"numbrs": "count"}, "times": 1.5},
            "what": {"stage": "summ"},
            "gather": {"from": {"totals": ["nothing"]}},
        },
    }
    with pytest.raises(ConfigError) as caught:
        check(tree, CATALOG)
    text = str(caught.value)
    for part in (
        "`sed`: unknown key; did you mean `seed`?",
        "`steps.count.coutn`: unknown key; did you mean `count`?",
        "`steps.count.count`",
        "'many'",
        "`steps.count.resource.kid`: unknown key; did you mean `kind`?",
        "`steps.sum.from.numbrs`: no such input; did you mean `numbers`?",
        "`steps.sum.times`",
        "there is no stage `summ`; did you mean `sum`?",
        "no step, name or path `nothing`",
        "`resources.mine.kin`: unknown key; did you mean `kind`?",
        "`resources.idle`: no step uses it",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ({"sum": {}}, "no earlier step makes a numbers"),
        ({"weighed": {}}, "no earlier step makes a numbers or total"),
        (
            {"model": {"stage": "fetch"}, "weighed": {"from": {"numbers": "model"}}},
            "is a model, and a numbers or total is needed",
        ),
        ({"sum": {"from": {"numbers": "count"}}, "count": {}}, "`count` does not come earlier"),
        ({"count": {"enabled": False}, "sum": {"from": {"numbers": "count"}}}, "is switched off"),
        ({"count": {}, "sum": {}, "more": {"stage": "sum", "from": {"numbers": "sum"}}}, "is a total, and a numbers"),
        ({}, "there is none"),
    ],
)
def test_wiring_faults(steps: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        check({"steps": steps}, CATALOG)


def test_the_nearest_step_of_either_kind_is_taken() -> None:
    config = check({"steps": {"count": {}, "weighed": {}, "again": {"stage": "weighed"}}}, CATALOG)
    assert config.step("weighed").inputs == {"numbers": ("count",)}
    assert config.step("again").inputs == {"numbers": ("weighed",)}
    given = {"steps": {"count": {}, "sum": {}, "weighed": {"from": {"numbers": "count"}}}}
    assert check(given, CATALOG).step("weighed").inputs == {"numbers": ("count",)}


def test_a_hub_id_stands_wherever_a_step_may() -> None:
    tree = {"steps": {"count": {}, "sum": {"from": {"model": "org/some-model"}}}}
    config = check(tree, CATALOG)
    assert [(step.name, step.stage.name) for step in config.steps] == [
        ("count", "count"),
        ("org/some-model", "fetch"),
        ("sum", "sum"),
    ]
    assert config.steps[1].settings.source == "org/some-model"  # type: ignore[attr-defined]


def test_a_path_stands_wherever_a_step_may(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    workspace = Workspace(tmp_path)
    config = check({"steps": {"sum": {"from": {"numbers": "mine"}}}}, CATALOG, workspace.kind_of)
    assert config.step("sum").inputs == {"numbers": ("mine",)}


def test_overrides_name_their_faults(tmp_path: Path) -> None:
    write(tmp_path, "p", "[steps.count]\n[steps.sum]\n")
    with pytest.raises(ConfigError) as caught:
        compose("p", [tmp_path], ["count", "cout.count=3", "count.count.x.y=1", "count.count=3"])
    assert "did you mean `count`" in str(caught.value)
    assert "--set count: not of the form" in str(caught.value)


def test_overrides_add_move_switch_and_wire_steps(tmp_path: Path) -> None:
    write(tmp_path, "p", '[steps.count]\n[steps.weighed]\n[steps.sum]\nfrom = { numbers = "weighed" }\n')

    def checked(*sets: str) -> RunConfig:
        return check(compose("p", [tmp_path], sets), CATALOG)

    config = checked("steps.more.stage=count", "more.after=count", "weighed.enabled=false", "sum.from.numbers=more")
    assert [step.name for step in config.steps] == ["count", "more", "sum"]
    assert config.step("sum").inputs == {"numbers": ("more",)}
    assert checked("weighed.enabled=false", "sum.from.numbers=").step("sum").inputs == {"numbers": ("count",)}
    for sets, fault in (
        (["sum.after=sum"], "`after` names no step: sum"),
        (["sum.after=cout"], "did you mean `count`"),
        (["weighed.enabled=no"], "true or false was expected, not 'no'"),
        (["steps.sum=3"], "a table was expected, not 3"),
        (["weighed.enabled=false"], "the step `weighed` is switched off"),
    ):
        with pytest.raises(ConfigError, match=re.escape(fault)):
            checked(*sets)


def test_values_need_no_quotes() -> None:
    assert read_value("1e-4") == 1e-4
    assert read_value("[1, 2]") == [1, 2]
    assert read_value("true") is True
    assert read_value("offline") == "offline"
    assert read_value("a/b-c") == "a/b-c"


def test_presets_that_are_missing_circular_or_broken(tmp_path: Path) -> None:
    write(tmp_path, "a", 'extends = "b"\n')
    write(tmp_path, "b", 'extends = "a"\n')
    write(tmp_path, "broken", "seed = \n")
    with pytest.raises(ConfigError, match="circle: a -> b -> a"):
        compose("a", [tmp_path])
    with pytest.raises(ConfigError, match="did you mean `broken`"):
        compose("brokn", [tmp_path])
    with pytest.raises(ConfigError, match=r"broken\.toml is not valid TOML"):
        compose("broken", [tmp_path])
