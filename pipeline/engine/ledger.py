"""Every paid call of a workspace: what was sent, what came back raw, what it cost, and what limits the accounts.

Shared by all runs and ranks. A call's key is a hash of everything that shapes its answer, so that the same call is
never paid for twice; a call without its answer is never forgotten either.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.engine.database import Database
from pipeline.engine.processes import is_alive, this_process
from pipeline.engine.rows import Row

State = Literal["planned", "sent", "answered", "parsed", "invalid", "blocked"]

FILE = "ledger.sqlite"
SMALL = 4096
"""Bytes."""
ZLIB = b"\x78"
"""How a compressed body begins, and no JSON does."""
_SENT: dict[str, set[str]] = {}
"""Ledger file -> keys that this process has sent and that are not answered yet."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, account TEXT NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL,
    owner TEXT, label TEXT, model TEXT, sent_at REAL, answered_at REAL, raw BLOB, reason TEXT,
    input INTEGER, cached INTEGER, output INTEGER, thought INTEGER, cost REAL);
CREATE INDEX IF NOT EXISTS calls_run ON calls (run, step);
CREATE TABLE IF NOT EXISTS lost (
    key TEXT NOT NULL, account TEXT NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, label TEXT, sent_at REAL,
    found_at REAL, reason TEXT, bound REAL);
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holders (account TEXT, owner TEXT, in_flight INTEGER, PRIMARY KEY (account, owner));
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY, account TEXT NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, job TEXT, state TEXT NOT NULL,
    keys TEXT NOT NULL, made_at REAL);
"""

CLAIM = """
INSERT INTO calls (key, account, run, step, state, owner, label, sent_at) VALUES (?, ?, ?, ?, 'sent', ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET state = 'sent', owner = excluded.owner, run = excluded.run, step = excluded.step,
    sent_at = excluded.sent_at WHERE state = 'planned' RETURNING 1
"""
"""One statement for a call that nobody has sent, new or planned; gives a row if it is now ours."""


@dataclass(frozen=True)
class Call:
    """What stands in the ledger of one call."""

    key: str
    state: State
    raw: bytes | None
    reason: str


@dataclass(frozen=True)
class Spend:
    """Of the answered calls of a run or step; `cost` in US dollars. `lost`: calls that may have been billed."""

    calls: int
    input: int
    cached: int
    output: int
    thought: int
    cost: float
    lost: int
    lost_bound: float
    """The most that the lost ones can have cost."""


class Ledger:
    """One per process and workspace; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, SCHEMA)
        self._do, self._together = self._database.do, self._database.together
        self._sent = _SENT.setdefault(str(path.resolve()), set())
        self.owner = this_process()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # One call

    def find(self, key: str) -> Call | None:
        for state, raw, reason in self._do("SELECT state, raw, reason FROM calls WHERE key = ?", [key]):
            return Call(key, state, None if raw is None else _unpacked(raw), reason or "")
        return None

    def plan(self, key: str, account: str, run: str, step: str, label: str) -> None:
        """Note that a call will be made; `label` is the record it belongs to."""
        self._do(
            "INSERT OR IGNORE INTO calls (key, account, run, step, state, label) VALUES (?, ?, ?, ?, 'planned', ?)",
            (key, account, run, step, label),
        )

    def claim(
        self, key: str, account: str, run: str, step: str, label: str, bound: float | None
    ) -> Literal["mine", "answered", "busy"]:
        """Take a call as ours to send. `bound`: the most it can cost, in US dollars.

        A call that a dead process had sent is listed as possibly billed. `busy`: a live one has sent it.
        """
        while not self._do(CLAIM, (key, account, run, step, self.owner, label, time.time())):
            (state, owner), *_ = self._do("SELECT state, owner FROM calls WHERE key = ?", [key])
            if state not in ("planned", "sent"):
                return "answered"
            if key in self._sent if owner == self.owner else is_alive(owner):
                return "busy"
            self._give_up(key, owner, "the process that sent it died", bound)
        self._sent.add(key)
        return "mine"

    def answer(self, key: str, raw: bytes, model: str, usage: Mapping[str, int], cost: float | None) -> None:
        """Commit a raw body and what it cost, before anybody makes sense of it."""
        tokens = (usage["input"], usage["cached"], usage["output"], usage["thought"])
        self._do(
            "UPDATE calls SET state = 'answered', answered_at = ?, raw = ?, model = ?, input = ?, cached = ?, "
            "output = ?, thought = ?, cost = ? WHERE key = ?",
            (time.time(), _packed(raw), model, *tokens, cost, key),
        )
        self._sent.discard(key)

    def settle(self, key: str, state: Literal["parsed", "invalid", "blocked"], reason: str = "") -> None:
        """What became of an answer."""
        self._do(
            "UPDATE calls SET state = ?, reason = ? WHERE key = ? AND (state != ? OR reason IS NOT ?)",
            (state, reason, key, state, reason),
        )

    def unsend(self, key: str) -> None:
        """The service did not take the call and does not bill it."""
        self._do("UPDATE calls SET state = 'planned', owner = NULL WHERE key = ?", [key])
        self._sent.discard(key)

    def lose(self, key: str, reason: str, bound: float | None) -> None:
        """The answer never came: possibly billed, and free to be asked again."""
        self._give_up(key, self.owner, reason, bound)
        self._sent.discard(key)

    def _give_up(self, key: str, owner: str, reason: str, bound: float | None) -> None:
        """List a call as lost and free it, if it is still that owner's."""

        def work() -> None:
            self._do(
                "INSERT INTO lost SELECT key, account, run, step, label, sent_at, ?, ?, ? FROM calls "
                "WHERE key = ? AND state = 'sent' AND owner = ?",
                (time.time(), reason, bound, key, owner),
            )
            self._do(
                "UPDATE calls SET state = 'planned', owner = NULL WHERE key = ? AND state = 'sent' AND owner = ?",
                (key, owner),
            )

        self._together(work)

    # Batch jobs

    def start_job(self, name: str, account: str, run: str, step: str, keys: Sequence[str]) -> None:
        """Write a batch job down before it is handed in."""
        self._do(
            "INSERT INTO jobs (name, account, run, step, state, keys, made_at) VALUES (?, ?, ?, ?, 'new', ?, ?)",
            (name, account, run, step, json.dumps(list(keys)), time.time()),
        )

    def set_job(self, name: str, state: Literal["running", "done", "failed"], job: str) -> None:
        self._do("UPDATE jobs SET state = ?, job = ? WHERE name = ?", (state, job, name))

    def open_jobs(self, account: str) -> list[Row]:
        """Jobs not known to have ended: `name`, `job` (None: perhaps never handed in), `state`, `keys`."""
        found = self._do(
            "SELECT name, job, state, keys FROM jobs WHERE account = ? AND state IN ('new', 'running')", [account]
        )
        return [
            {"name": name, "job": job, "state": state, "keys": json.loads(keys)} for name, job, state, keys in found
        ]

    # Accounts: the state of their controllers, see providers/control.py

    def share(self, account: str, in_flight: int, update: Callable[[Row | None], Row]) -> tuple[Row, int]:
        """Replace an account's state by `update(state)`; returns it and what other live processes have in flight."""

        def work() -> tuple[Row, int]:
            found = self._do("SELECT state FROM accounts WHERE name = ?", [account])
            state = update(json.loads(found[0][0]) if found else None)
            self._do("INSERT OR REPLACE INTO accounts (name, state) VALUES (?, ?)", (account, json.dumps(state)))
            others = self._do(
                "SELECT owner, in_flight FROM holders WHERE account = ? AND owner != ?", (account, self.owner)
            )
            dead = [owner for owner, _ in others if not is_alive(owner)]
            for owner in dead:
                self._do("DELETE FROM holders WHERE owner = ?", [owner])
            self._do("INSERT OR REPLACE INTO holders VALUES (?, ?, ?)", (account, self.owner, in_flight))
            return state, sum(count for owner, count in others if owner not in dead)

        return self._together(work)

    # Looking back

    def spend(self, run: str = "", step: str = "", account: str = "") -> Spend:
        """Of everything, or of a run, a step of it, an account."""
        where, values = _where(run=run, step=step, account=account)
        calls, given, cached, output, thought, cost = self._do(
            "SELECT count(*), coalesce(sum(input), 0), coalesce(sum(cached), 0), coalesce(sum(output), 0), "
            f"coalesce(sum(thought), 0), coalesce(sum(cost), 0) FROM calls{where} raw IS NOT NULL",
            values,
        )[0]
        lost, bound = self._do(f"SELECT count(*), coalesce(sum(bound), 0) FROM lost{where} 1", values)[0]
        return Spend(calls, given, cached, output, thought, cost, lost, bound)

    def possibly_billed(self, run: str = "", step: str = "") -> list[Row]:
        """Calls that were sent and whose answer never came, those still open of dead processes included."""
        where, values = _where(run=run, step=step)
        columns = ("key", "account", "run", "step", "label", "sent_at", "reason", "bound")
        found = self._do(f"SELECT {', '.join(columns)} FROM lost{where} 1 ORDER BY sent_at", values)
        open_ = self._do(
            f"SELECT key, account, run, step, label, sent_at, owner FROM calls{where} state = 'sent'", values
        )
        rows = [dict(zip(columns, row, strict=True)) for row in found]
        for *row, owner in open_:
            if not is_alive(owner):
                why = "the process that sent it died"
                rows.append(dict(zip(columns, [*row, why, None], strict=True)))
        return rows

    def bill(self) -> list[Row]:
        """Calls, tokens and cost by run, step, account and model, newest run last."""
        columns = ("run", "step", "account", "model", "calls", "input", "cached", "output", "thought", "cost")
        found = self._do(
            "SELECT run, step, account, coalesce(model, ''), count(*), sum(input), sum(cached), sum(output), "
            "sum(thought), sum(cost) FROM calls WHERE raw IS NOT NULL GROUP BY run, step, account, model "
            "ORDER BY min(answered_at)"
        )
        return [dict(zip(columns, row, strict=True)) for row in found]


def _packed(raw: bytes) -> bytes:
    """Small bodies are kept as they are: to begin a compression costs more than all else that is done to them."""
    return raw if len(raw) < SMALL and not raw.startswith(ZLIB) else zlib.compress(raw, 1)


def _unpacked(stored: bytes) -> bytes:
    return zlib.decompress(stored) if stored.startswith(ZLIB) else stored


def _where(**given: str) -> tuple[str, list[str]]:
    """A clause that another condition can follow, and its values."""
    chosen = {name: value for name, value in given.items() if value}
    return " WHERE " + "".join(f"{name} = ? AND " for name in chosen), list(chosen.values())
