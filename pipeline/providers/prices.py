"""What a call costs: the dated table `configs/prices.toml`, which is the user's to edit, and the arithmetic over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.engine.settings import Settings
from pipeline.providers.provider import Usage

FILE = "prices.toml"
MILLION = 1_000_000
VERSION = re.compile(r"(?:[-@](?:preview|latest|exp|experimental|stable|v?\d\d[\d.]*))*")
"""What may follow a name without making it another model's. A single digit may not: `x-4-5` is no version of `x-4`."""
ALLOWANCE = 1000
"""Tokens of a prompt beside its text: those of the chat template and of a schema."""


class Rates(Settings):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    cached: float | None = Field(None, ge=0)
    """Empty: as input."""
    written: float | None = Field(None, ge=0)
    """Of a fresh token that the service also writes into its cache. Empty: as input."""
    output: float = Field(ge=0)

    @property
    def fresh(self) -> float:
        """Usage does not tell which fresh tokens were written, so all of them count as the dearer ones."""
        return max(self.input, self.written or 0.0)

    def of(self, usage: Usage) -> float:
        cached = self.input if self.cached is None else self.cached
        asked = (usage.input - usage.cached) * self.fresh + usage.cached * cached
        return (asked + (usage.output + usage.thought) * self.output) / MILLION


class Above(Rates):
    """The prices of a whole call whose prompt is longer."""

    tokens: int = Field(ge=1)


class Later(Rates):
    """The prices from a day on."""

    since: date
    above: Above | None = None


class Price(Rates):
    above: Above | None = None
    later: Later | None = None
    batch: float = Field(1.0, ge=0, le=1)
    """Share of the price that the Batch service charges."""
    seen: date | None = None
    source: str = ""

    def on(self, day: date, prompt: int) -> Rates:
        """The rates of a call with a prompt of so many tokens."""
        rates: Price | Later = self.later if self.later and day >= self.later.since else self
        return rates.above if rates.above and prompt > rates.above.tokens else rates


class Table(Settings):
    """The content of a file."""

    models: Mapping[str, Price] = {}


@dataclass(frozen=True)
class Prices:
    models: Mapping[str, Price] = field(default_factory=dict)
    today: Callable[[], date] = date.today

    _found: dict[str, Price | None] = field(default_factory=dict)

    def find(self, model: str) -> Price | None:
        """The price of the longest name that a model's name is, or is a version of, with or without prefix."""
        if model not in self._found:
            self._found[model] = self._look_up(model)
        return self._found[model]

    def _look_up(self, model: str) -> Price | None:
        for name in (model, model.rpartition("/")[2]):
            fits = [known for known in self.models if name.startswith(known) and VERSION.fullmatch(name[len(known) :])]
            if fits:
                return self.models[max(fits, key=len)]
        return None

    def cost(self, model: str, usage: Usage, batch: bool = False) -> float | None:
        """US dollars of one reply; None where the model's price is not known."""
        price = self.find(model)
        if price is None:
            return None
        return price.on(self.today(), usage.input).of(usage) * (price.batch if batch else 1.0)

    def bound(self, model: str, input_bytes: int, max_tokens: int) -> float | None:
        """The most that one call can cost, in US dollars; None where the model's price is not known.

        `input_bytes`: of system prompt and messages in UTF-8. No tokenizer makes more tokens than bytes.
        """
        price = self.find(model)
        if price is None:
            return None
        prompt = input_bytes + ALLOWANCE
        return price.on(self.today(), prompt).of(Usage(input=prompt, output=max_tokens))


def load_prices(folders: Iterable[Path]) -> Prices:
    """The tables of all folders that hold one; of two prices of a model, that of the folder named earlier.

    Raises ConfigError that names file, line and fault.
    """
    models: dict[str, Price] = {}
    for folder in folders:
        if (folder / FILE).is_file():
            models = {**_read(folder / FILE), **models}
    return Prices(models)


def _read(path: Path) -> Mapping[str, Price]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return Table.model_validate(tomllib.loads(text)).models
    except ValidationError as error:
        faults = "\n".join(_fault(text, one) for one in error.errors())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", str(error), "Check the file.") from None
    except ValueError as error:  # not TOML, which names the line, or not UTF-8
        raise ConfigError(f"{path} is not valid TOML.", str(error), "Mend the file.") from None
    mend = 'A model is a table such as [models."gpt-5"], its name in quotes, with `input` and `output` in US dollars.'
    raise ConfigError(f"{path} is not a table of prices.", faults, mend)


def _fault(text: str, fault: Any) -> str:
    """One fault with its line: that of the key, or of the table that lacks it."""
    keys = [str(key) for key in fault["loc"]]
    lines = [line.partition("#")[0] for line in text.splitlines()]
    number = 0
    for key in keys[:-1] if fault["type"] == "missing" else keys:
        word = re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])")
        number = next((at for at in range(number, len(lines)) if word.search(lines[at])), number)
    reason = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"][0].lower() + fault["msg"][1:]
    return f"line {number + 1}: {'.'.join(keys)}: {reason}"
