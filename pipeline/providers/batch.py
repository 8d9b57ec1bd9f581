"""Many calls in one job, at half the price and later: their answers go into the ledger, where `ask` finds them.

No job is handed in twice: its name is written down first, and after a crash the service is asked for that name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from pipeline.engine.errors import ProviderError, StopRequested
from pipeline.engine.ledger import Ledger
from pipeline.engine.rows import Row, dump
from pipeline.engine.stage import Context
from pipeline.providers.budget import Budget
from pipeline.providers.provider import BatchProvider, Provider, Reply, Request

POLL_SECONDS = 30.0
PATIENCE = 26 * 3600.0
"""Seconds after which a job that should take a day is given up, and what it was to bring is asked for online."""
MOST_BYTES = 15_000_000
"""Of the requests in one job; the service takes 20 MB."""


class Payer(Protocol):
    """Of an account, what a job needs: see there."""

    name: str
    provider: Provider
    ledger: Ledger
    budget: Budget
    context: Context

    def key(self, request: Request) -> str: ...

    def bound(self, request: Request) -> float | None: ...

    def keep(self, key: str, raw: bytes, batch: bool = False) -> Reply: ...


def fetch_batch(account: Payer, requests: Sequence[Request]) -> None:
    """Hand in what the ledger lacks, take up the jobs of an earlier attempt, and wait for all of them.

    What a job does not bring stays unanswered, to be asked for online. Raises StopRequested: the jobs go on, and the
    next attempt takes them up.
    """
    provider = cast(BatchProvider, account.provider)
    ledger = account.ledger
    jobs = [job for job in ledger.open_jobs(account.name) if _taken_up(provider, account, job)]
    under_way = {key for job in jobs for key in job["keys"]}
    missing = {
        key: request
        for request in requests
        if (key := account.key(request)) not in under_way and not _is_answered(account, key)
    }
    for part in _parts(missing):
        name = f"cockpit-{secrets.token_hex(8)}"
        bounds = [account.bound(request) for request in part.values()]
        with account.budget.reserve(sum(bound or 0.0 for bound in bounds) / 2):
            for key, request in part.items():
                label = str(request.row.get("id", ""))
                ledger.plan(key, account.name, account.context.run, account.context.step, label)
            ledger.start_job(name, account.name, account.context.run, account.context.step, list(part))
            job = provider.batch_start(name, list(part.values()))
            ledger.set_job(name, "running", job)
        jobs.append({"name": name, "job": job, "keys": list(part)})
    began = time.monotonic()
    while jobs:
        jobs = [job for job in jobs if not _ended(provider, account, job, time.monotonic() - began > PATIENCE)]
        if jobs:
            text = f"{len(jobs)} batch jobs with {sum(len(job['keys']) for job in jobs)} calls are under way"
            account.context.emit.wait(text, time.time() + POLL_SECONDS)
            _pause(account)


def _is_answered(account: Payer, key: str) -> bool:
    call = account.ledger.find(key)
    return call is not None and call.raw is not None


def _parts(missing: dict[str, Request]) -> Iterator[dict[str, Request]]:
    part: dict[str, Request] = {}
    size = 0
    for key, request in missing.items():
        size += len(dump([request.system, list(request.messages), request.schema]).encode())
        if part and size > MOST_BYTES:
            yield part
            part, size = {}, 0
        part[key] = request
    if part:
        yield part


def _taken_up(provider: BatchProvider, account: Payer, job: Row) -> bool:
    """Find the job of an earlier attempt at the service; False for one that was never handed in."""
    if job["job"] is None:
        job["job"] = provider.batch_find(job["name"])
    if job["job"] is None:
        account.ledger.set_job(job["name"], "failed", "")
        return False
    account.ledger.set_job(job["name"], "running", job["job"])
    return True


def _ended(provider: BatchProvider, account: Payer, job: Row, late: bool) -> bool:
    """Ask how a job stands, and keep what it brings."""
    try:
        state, bodies, word = provider.batch_poll(job["job"])
    except ProviderError as error:
        account.context.emit.alert(f"Batch job {job['name']} cannot be asked about: {error.what}", level="note")
        return False
    if state == "running" and not late:
        return False
    kept = 0
    for key, body in zip(job["keys"], bodies, strict=False):
        if body is not None and not _is_answered(account, key):
            account.keep(key, body, batch=True)
            kept += 1
    account.ledger.set_job(job["name"], "done" if state == "done" else "failed", job["job"])
    if kept < len(job["keys"]):
        text = (
            f"Batch job {job['name']} brought {kept} of {len(job['keys'])} answers ({word}); the rest is asked online."
        )
        account.context.emit.alert(text)
    return True


def _pause(account: Payer) -> None:
    end = time.monotonic() + POLL_SECONDS
    while (left := end - time.monotonic()) > 0:
        if account.context.stop_requested():
            raise StopRequested
        time.sleep(min(0.2, left))
