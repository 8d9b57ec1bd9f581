"""The part that every fake service shares: a threaded HTTP/1.1 server on 127.0.0.1, its script, and its own record.

A service is a subclass that says how it answers. The record counts what it answered, which is what it would bill.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import hashlib
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.servers.script import Decides, Script, split

KINDS = ("input", "cached", "output", "thought")
PROXY = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the guest network</body></html>"


@dataclass(frozen=True)
class Asked:
    """One HTTP request, read."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    """Parsed JSON; {} where there is none."""


@dataclass(frozen=True)
class Answered:
    """One HTTP response."""

    body: Any
    """Sent as JSON; bytes as they are."""
    status: int = 200
    usage: Mapping[str, int] | None = None
    """Tokens that this answer bills: input, cached, output, thought. None: it is not billed."""
    headers: Mapping[str, str] = field(default_factory=dict)
    action: str = ""
    events: Sequence[Any] = ()
    """Sent one after the other as server-sent events, in place of the body."""


class Record:
    """The service's own account of what it did, one entry a request. Threads share it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def note(self, asked: Asked, answered: Answered) -> None:
        entry = {
            "path": asked.path,
            "request": fingerprint(asked.body),
            "action": answered.action,
            "status": answered.status,
            "usage": dict(answered.usage) if answered.usage is not None else None,
            "time": time.time(),
        }
        with self._lock:
            self.calls.append(entry)

    def summary(self) -> dict[str, Any]:
        """`requests`, `answered` (those that are billed), the tokens of each kind over them, and `calls` in order."""
        with self._lock:
            calls = list(self.calls)
        billed = [call["usage"] for call in calls if call["usage"] is not None]
        tokens = {kind: sum(usage.get(kind, 0) for usage in billed) for kind in KINDS}
        return {"requests": len(calls), "answered": len(billed), **tokens, "calls": calls}


def plain_answer(body: Any) -> tuple[str, str]:
    """Text and thought that are the same for the same request, and differ between requests."""
    mark = fingerprint(body)
    return f"Answer {mark}: it depends on what you want.", f"Thought {mark}: weigh both sides first."


def fingerprint(body: Any) -> str:
    """A short hash of a request."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


class Loopback(abc.ABC):
    """A fake service in a thread of this process: `with Service(script=...) as server: ... server.url`."""

    def __init__(
        self,
        script: Decides | None = None,
        answer: Callable[[Any], tuple[str, str]] = plain_answer,
        latency: tuple[float, float] = (0.0, 0.0),
        always: str = "",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.script: Decides = script or Script()
        self.answer = answer
        """Body of a request -> text and thought."""
        self.record = Record()
        self.latency = latency
        """Seconds before an answer, drawn evenly between the two; a refusal comes at once."""
        self.always = always
        """An action for every request of any kind, as of a proxy that stands in front of the service."""
        self.pause = 0.0
        """Seconds between the events of a stream."""
        self.sent = 0
        """Events of streams that clients have taken."""
        self._random = random.Random(seed)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.service = self

    # what a service says

    @abc.abstractmethod
    def respond(self, asked: Asked) -> Answered:
        """Any request; one to the model goes through `scripted`."""

    @abc.abstractmethod
    def fault(self, status: int, message: str) -> Any:
        """The body of an error in this service's format."""

    # what all share

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def scripted(self, prompt: str, answer: Callable[[str], Answered]) -> Answered:
        """Ask the script, do what is the same for every service, and leave the rest to `answer(action)`."""
        return self._act(self.script.next(prompt) or "", answer)

    def serve(self, asked: Asked) -> Answered:
        """Answer, and write it into the record."""
        answered = self._act(self.always, lambda _: self.respond(asked)) if self.always else self.respond(asked)
        self.record.note(asked, answered)
        return answered

    def _act(self, action: str, answer: Callable[[str], Answered]) -> Answered:
        word, rest = split(action)
        if word == "html":
            return Answered(PROXY, int(rest), headers={"Content-Type": "text/html"}, action=word)
        if word == "body":
            return Answered(rest.encode(), action=word)
        if word == "reset":
            return Answered(b"", 0, action=word)
        if word == "429":
            return replace(answer(action), action=word)
        if word.isdigit():
            return Answered(self.fault(int(word), "as the script says"), int(word), action=word)
        time.sleep(self._random.uniform(*self.latency) + (float(rest) if word == "hang" else 0.0))
        return replace(answer("" if word in ("hang", "drop") else action), action=word)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # one that hangs must not hold up the end of a test
    request_queue_size = 256
    service: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests; anything else is a fault of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _serve(self) -> None:
        service = self.server.service
        body = self._body()
        url = urlsplit(self.path)
        if url.path == "/_log":
            self._send(Answered(service.record.summary()))
            return
        asked = Asked(self.command, url.path, url.query, {k.lower(): v for k, v in self.headers.items()}, body)
        self._send(service.serve(asked))

    def _body(self) -> Any:
        text = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self._whole()
        return json.loads(text) if text else {}

    def _whole(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away while it was asking")
        return body

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answered: Answered) -> None:
        if answered.action == "reset":
            self._break()
            return
        if answered.events:
            self._stream(answered)
            return
        body = answered.body if isinstance(answered.body, bytes) else json.dumps(answered.body).encode()
        self.send_response(answered.status)
        for name, value in {"Content-Type": "application/json", **answered.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if answered.action == "drop":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self._break()
            return
        self.wfile.write(body)

    def _stream(self, answered: Answered) -> None:
        """In chunks, each sent at once; an action `drop` breaks off in the middle."""
        service = self.server.service
        self.send_response(200)
        for name, value in {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        last = len(answered.events) // 2 if answered.action == "drop" else len(answered.events)
        for event in answered.events[:last]:
            text = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {text}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            service.sent += 1
            time.sleep(service.pause)
        if answered.action == "drop":
            self._break()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _break(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client may be gone already
            self.connection.shutdown(socket.SHUT_RDWR)


def main(service: Callable[..., Loopback]) -> None:
    """`python -m tests.servers.NAME --port N --script FILE`: serve until killed; the address is printed first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--latency", type=float, nargs=2, default=(0.0, 0.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    script = Script.read(options.script) if options.script else None
    with service(script=script, latency=tuple(options.latency), port=options.port, seed=options.seed) as server:
        print(server.url, flush=True)
        threading.Event().wait()
