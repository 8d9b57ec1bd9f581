"""A fast server of OpenAI's chat completions for benchmarks, with a token bucket or without a limit.

Every first part of a path is a service of its own: `/NAME/v1/chat/completions` has NAME's bucket and counts.
`/NAME/stats` tells, as JSON, when each request came (seconds since the first) and whether it was taken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1763630000, "model": "bench-1",
    "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                 "message": {"role": "assistant", "content": "A short answer. " * 20, "refusal": None}}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 80, "total_tokens": 120},
}  # fmt: skip
REFUSAL = {"error": {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
MODELS = {"object": "list", "data": [{"id": "bench-1", "object": "model", "created": 1, "owned_by": "bench"}]}


def response(status: str, body: Any, *headers: str) -> bytes:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@dataclass
class Service:
    rate: float
    burst: float
    tokens: float = field(init=False)
    first: float = 0.0
    last: float = 0.0
    asked: list[tuple[float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def takes(self) -> bool:
        """Whether a request that comes now is taken; always where there is no rate."""
        now = time.monotonic()
        self.first = self.first or now
        self.tokens = min(self.burst, self.tokens + (now - (self.last or now)) * self.rate)
        self.last = now
        taken = not self.rate or self.tokens >= 1
        self.tokens -= taken
        if self.rate:
            self.asked.append((round(now - self.first, 3), taken))
        return taken


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time, as clients without pipelining send them."""

    def __init__(self, arguments: argparse.Namespace, services: dict[str, Service]) -> None:
        self._arguments, self._services = arguments, services
        self._buffer = b""
        answer = response("200 OK", ANSWER)
        refusal = response("429 Too Many Requests", REFUSAL, f"Retry-After: {arguments.delay:g}")
        self._answers = {True: answer, False: refusal}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        name = path.split("/")[1]
        if name not in self._services:
            self._services[name] = Service(self._arguments.rate, self._arguments.burst)
        service = self._services[name]
        if path.endswith("/stats"):
            self._transport.write(response("200 OK", service.asked))
        elif path.endswith("/models"):
            self._transport.write(response("200 OK", MODELS))
        else:
            taken = service.takes()
            seconds = random.uniform(*self._arguments.latency) if taken else 0.0
            asyncio.get_running_loop().call_later(seconds, self._write, self._answers[taken])

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def serve(arguments: argparse.Namespace) -> None:
    services: dict[str, Service] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arguments, services), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """A server in a process of its own, and its address, to which the name of a service is to be added."""
    command = [sys.executable, "-m", "tests.benchmarks.chat_server", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: no limit")
    parser.add_argument("--burst", type=float, default=20.0)
    parser.add_argument("--delay", type=float, default=1.0, help="seconds that a refusal asks to wait")
    parser.add_argument("--latency", type=float, nargs=2, default=(0.5, 3.0), help="least and most seconds")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
