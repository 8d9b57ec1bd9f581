"""When a fake server misbehaves, and how; shared by the servers of every wire format.

An action is a word with its parameters. Of every service: `503` (any status but 429), `html 502` and `html 200` (a
proxy answers), `body ...` (that body, not billed), `reset` (broken off before anything is done), `drop` (billed, then
broken off in mid-body), `hang 5` (billed, answered after 5 seconds). Of each service in its own words: see ANSWERS.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ANSWERS = ("429 minute 2", "429 day", "blocked", "safety", "cut", "cap", "text ...", "full", "fault", "garbage")
"""Refused for 2 seconds, or for the day; prompt blocked; answer blocked; text that ends at the limit; thoughts that
leave no room for text; a text of the script's own. Of OpenAI's alone: the prompt does not fit into the context; an
error in the middle of a stream; what is no JSON in the middle of one."""


class Decides(Protocol):
    """What a server asks before it answers."""

    def next(self, text: str) -> str | None:
        """The action for the request whose prompt (system and messages, unescaped) is `text`; None: answer well."""


@dataclass(frozen=True)
class Rule:
    """An action for some of the requests whose prompt contains `match`, counted from 1 among those."""

    action: str
    first: int = 1
    """The number of the first that it applies to."""
    count: int | None = None
    """To how many it applies; None: to all from there on."""
    every: int = 1
    """Of those from `first` on: to each, to every second, ..."""
    match: str = ""

    def applies(self, number: int) -> bool:
        """Whether it applies to the request of that number, of those that match."""
        turn, rest = divmod(number - self.first, self.every)
        return turn >= 0 and rest == 0 and (self.count is None or turn < self.count)


class Script:
    """Rules in order, the first that applies decides; or a function (number of the request, prompt) -> action."""

    def __init__(self, rules: Iterable[Rule] | Callable[[int, str], str | None] = ()) -> None:
        self._decide = rules if callable(rules) else None
        self._rules = [] if callable(rules) else list(rules)
        self._matched = [0] * len(self._rules)
        self._number = 0
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> Script:
        """A JSON list of objects with the fields of Rule."""
        return cls([Rule(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))])

    def next(self, text: str) -> str | None:
        with self._lock:
            self._number += 1
            if self._decide:
                return self._decide(self._number, text)
            actions = []
            for index, rule in enumerate(self._rules):
                if rule.match in text:
                    self._matched[index] += 1
                    if rule.applies(self._matched[index]):
                        actions.append(rule.action)
            return actions[0] if actions else None


class Bucket:
    """A token bucket: `rate` requests a second, bursts of up to `burst`, and `429 minute DELAY` for what is above."""

    def __init__(self, rate: float, burst: float, delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.delay = rate, burst, delay
        self.passed = self.refused = 0
        self._clock = clock
        self._tokens, self._at = burst, clock()
        self._lock = threading.Lock()

    def next(self, text: str) -> str | None:  # noqa: ARG002
        with self._lock:
            now = self._clock()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                self.refused += 1
                return f"429 minute {self.delay:g}"
            self._tokens -= 1
            self.passed += 1
            return None


def split(action: str | None) -> tuple[str, str]:
    """An action's word and its parameters."""
    word, _, rest = (action or "").partition(" ")
    return word, rest
