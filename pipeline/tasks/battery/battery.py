"""The battery: tests that a person can edit, each with the prompt that is put and what passes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.rows import content_hash
from pipeline.engine.settings import Settings
from pipeline.tasks.battery.checks import CHECKS

FILE = "battery.toml"
OURS = Path(__file__).parents[3] / "configs"


class Test(Settings):
    """A table `[[tests]]`."""

    __test__ = False  # pytest takes a class of this name for one of its own

    id: str = Field(pattern=r"^[A-Za-z]+-[A-Za-z0-9]+$")
    """Such as RQ-01: its group, a dash, and what tells it from the others of the group."""
    title: str = Field(min_length=1)
    """A few words for tables."""
    prompt: str
    """What every contestant is asked."""
    check: str = ""
    """The program that decides alone; empty: a judge does."""
    passes: str = ""
    """What an answer has to do, for a judge."""
    fails: str = ""
    """What makes it fail, for a judge."""
    check_also: str = ""
    """A program whose veto an answer needs to escape, whatever the embedded judge finds."""
    mentions: tuple[tuple[str, ...], ...] = ()
    """For the embedded judge: lines of words, any of which counts for its line."""
    at_least: int = Field(0, ge=0)
    """For the embedded judge: how many of these lines an answer has to hold."""
    words: int = Field(0, ge=0)
    """For the embedded judge: the fewest words of an answer."""

    @field_validator("prompt", "passes", "fails")
    @classmethod
    def _stripped(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def _whole(self) -> Test:
        if not self.prompt:
            raise ValueError("the prompt is empty")
        if bool(self.check) == bool(self.passes):
            raise ValueError("a test has either `check` or `passes`")
        for name in filter(None, (self.check, self.check_also)):
            if name not in CHECKS:
                raise ValueError(f"there is no check `{name}`{nearest(name, CHECKS)}")
        if self.passes and not self.fails:
            raise ValueError("`passes` needs `fails` beside it: a judge has to know both ends")
        if self.at_least > len(self.mentions):
            raise ValueError(f"at_least = {self.at_least}, and there are {len(self.mentions)} lines of `mentions`")
        return self

    @property
    def group(self) -> str:
        return self.id.partition("-")[0]

    @property
    def kind(self) -> str:
        return "program" if self.check else "judge"


class Battery(Settings):
    """The content of a file."""

    tests: tuple[Test, ...]
    """In the order of tables and reports."""

    @model_validator(mode="after")
    def _told_apart(self) -> Battery:
        ids = [test.id for test in self.tests]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"these ids stand there more than once: {', '.join(twice)}")
        return self

    def find(self, test_id: str) -> Test | None:
        return next((test for test in self.tests if test.id == test_id), None)

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(test.group for test in self.tests))


def battery_file(root: Path) -> Path:
    """The workspace's own file, else the one that comes with the program."""
    own = root / "configs" / FILE
    return own if own.is_file() else OURS / FILE


def load_battery(root: Path) -> Battery:
    """Raises ConfigError that names the file and every fault."""
    path = battery_file(root)
    try:
        return Battery.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        faults = "\n".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", str(error), "Check the file.") from None
    except ValueError as error:  # not TOML, which names the line, or not UTF-8
        raise ConfigError(f"{path} is not valid TOML.", str(error), "Mend the file.") from None
    raise ConfigError(f"{path} is not a battery.", faults, "Mend the file, or begin again from the program's own.")


def asked_hash(root: Path) -> Mapping[str, str]:
    """What decides the answers: ids and prompts alone, so that another way of scoring asks nobody anew."""
    return {"battery": content_hash([[test.id, test.prompt] for test in load_battery(root).tests])[:12]}


def scored_hash(root: Path) -> Mapping[str, str]:
    """What decides the scores: everything."""
    return {"battery": content_hash([test.model_dump(mode="json") for test in load_battery(root).tests])[:12]}
