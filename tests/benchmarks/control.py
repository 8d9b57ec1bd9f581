"""The controller side by side with a plain client loop of fixed concurrency. Run: python -m tests.benchmarks.control

bucket: the share of a rate limit that is used, and of requests that are refused. throughput: requests a second where
nothing limits them. memory: what many rows leave behind. Without a word, all three; each can be named alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import psutil

from pipeline.engine.events import Emitter
from pipeline.engine.fanout import fanout
from pipeline.engine.ledger import Ledger
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.account import open_account
from pipeline.providers.control import Controller
from pipeline.providers.provider import ProviderSettings, Request
from tests.benchmarks.chat_server import running

WORKERS = 64
RATE, BURST, DELAY = 10.0, 20.0, 1.0
WARM_UP = 60.0
MESSAGES = [{"role": "user", "content": "Why does a bridge expand in summer? Answer in two sentences."}]


def client_of(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60)


def send(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="bench-1", messages=MESSAGES)  # type: ignore[arg-type]


def wait_of(error: openai.RateLimitError) -> float:
    return float(error.response.headers["retry-after"])


def on_threads(work: Callable[[], None], count: int = WORKERS) -> None:
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work) for _ in range(count)]:
            future.result()


def plain_loop(url: str, end: float) -> None:
    """What a person would write: every worker asks in turn, and sleeps when it is refused."""
    client = client_of(url)

    def work() -> None:
        while time.monotonic() < end:
            try:
                send(client)
            except openai.RateLimitError as error:
                time.sleep(wait_of(error))

    on_threads(work)


def controlled_loop(url: str, end: float, folder: Path) -> list[Any]:
    """The same behind a controller whose state is in a ledger. Returns its history."""
    client = client_of(url)
    with Ledger(folder / "ledger.sqlite") as ledger:
        controller = Controller("bench", ledger, WORKERS)

        def work() -> None:
            while time.monotonic() < end:
                ticket = controller.admit(lambda: False)
                try:
                    send(client)
                    controller.done(ticket, "ok")
                except openai.RateLimitError as error:
                    controller.done(ticket, "throttled", wait_of(error))

        on_threads(work)
        controller.close()
        return list(controller.history)


def row_of(name: str, asked: list[tuple[float, bool]], seconds: float) -> str:
    late = [(at, taken) for at, taken in asked if WARM_UP <= at < seconds]
    share = sum(taken for _, taken in late) / (RATE * (seconds - WARM_UP))
    whole, after = (1 - statistics.mean(taken for _, taken in part) for part in (asked, late))
    return f"| {name} | {share:.1%} | {whole:.2%} | {after:.2%} | {len(asked)} |"


def bucket(seconds: float, history: bool) -> None:
    """Both sides at once, each against a bucket of its own."""
    limits = ["--rate", str(RATE), "--burst", str(BURST), "--delay", str(DELAY), "--latency", "0.5", "3"]
    with tempfile.TemporaryDirectory() as folder, running(*limits) as url, ThreadPoolExecutor(2) as pool:
        end = time.monotonic() + seconds
        ours = pool.submit(controlled_loop, f"{url}/ours", end, Path(folder))
        plain = pool.submit(plain_loop, f"{url}/plain", end)
        changes = ours.result()
        plain.result()
        asked = {}
        for name in ("ours", "plain"):
            with urllib.request.urlopen(f"{url}/{name}/stats") as response:
                asked[name] = json.load(response)
    print(f"\nToken bucket of {RATE:g} requests a second, burst {BURST:g}, {WORKERS} workers, {seconds:g} s\n")
    print("| | share of the limit after the first minute | refused, whole run | refused after it | requests |")
    print("|---|---|---|---|---|")
    print(row_of("controller", asked["ours"], seconds))
    print(row_of("plain loop", asked["plain"], seconds))
    if history and changes:
        began = changes[0].time
        for change in changes:
            print(f"{change.time - began:7.1f} s {change.what} {change.old:g} -> {change.new:g} {change.reason}")


def context_of(folder: Path) -> Context:
    return Context(None, {}, folder, 1, Emitter(lambda *_: None), root=folder, run="bench", step="bench")


def through_account(url: str, count: int, folder: Path, each: Callable[[Row], None] | None = None) -> float:
    """Ask `count` different questions as a stage does; requests a second."""
    settings = ProviderSettings(kind="openai", base_url=f"{url}/v1", model="bench-1", workers=WORKERS)
    context = context_of(folder)
    rows = [{"id": f"row-{number}"} for number in range(count)]
    began = time.monotonic()
    with open_account(settings, context) as account:

        def work(row: Row) -> Row:
            request = Request([*MESSAGES, {"role": "user", "content": row["id"]}], row=row)
            return {**row, "text": account.ask(request, lambda reply: reply.text)}

        counts = fanout(context, rows, work, folder / "rows.jsonl", WORKERS, each)
    assert counts["answered"] == count, counts
    return count / (time.monotonic() - began)


def through_plain_loop(url: str, count: int) -> float:
    client, lock, left = client_of(url), threading.Lock(), iter(range(count))

    def work() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            send(client)

    began = time.monotonic()
    on_threads(work)
    return count / (time.monotonic() - began)


def throughput(count: int, rounds: int) -> None:
    ours, plain = [], []
    with running("--latency", "0.05", "0.05") as url:
        through_plain_loop(f"{url}/warm", count // 10)
        for number in range(rounds):
            sides: list[Callable[[], None]] = [
                lambda: plain.append(through_plain_loop(f"{url}/plain", count)),
                lambda: ours.append(_through_new_account(f"{url}/ours", count)),
            ]
            for side in sides if number % 2 else reversed(sides):
                side()
    print(f"\nNo limit, 50 ms, {WORKERS} workers, {count} requests, {rounds} rounds in turn\n")
    print("| | requests a second, median | all rounds |")
    print("|---|---|---|")
    for name, found in (("fanout, account, controller", ours), ("plain loop", plain)):
        print(f"| {name} | {statistics.median(found):.0f} | {', '.join(f'{rate:.0f}' for rate in found)} |")
    print(f"| ratio | {statistics.median(ours) / statistics.median(plain):.1%} | |")


def _through_new_account(url: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return through_account(url, count, Path(folder))


def memory(count: int) -> None:
    process, seen, done = psutil.Process(), {}, 0

    def look(_: Row) -> None:
        nonlocal done
        done += 1
        if done in (count // 10, count // 2, count):
            seen[done] = process.memory_info().rss / 2**20

    with tempfile.TemporaryDirectory() as folder, running("--latency", "0", "0") as url:
        rate = through_account(f"{url}/ours", count, Path(folder), look)
    print(f"\n{count} rows through fanout, account and controller, {rate:.0f} a second\n")
    print("| rows done | memory of the process, MB | more than at 10 % |")
    print("|---|---|---|")
    for number, size in seen.items():
        print(f"| {number} | {size:.1f} | {size - seen[count // 10]:+.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="?", choices=("bucket", "throughput", "memory"), help="none: all three")
    parser.add_argument("--seconds", type=float, default=180.0, help="of the token bucket")
    parser.add_argument("--history", action="store_true", help="show how the controller came to its limits")
    parser.add_argument("--requests", type=int, default=10_000, help="of each round of the throughput")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000, help="of the memory")
    given = parser.parse_args()
    if given.which in (None, "bucket"):
        bucket(given.seconds, given.history)
    if given.which in (None, "throughput"):
        throughput(given.requests, given.rounds)
    if given.which in (None, "memory"):
        memory(given.rows)


if __name__ == "__main__":
    main()
