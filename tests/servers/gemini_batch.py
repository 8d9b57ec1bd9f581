"""The Batch part of the fake Gemini: jobs of inline requests, as the Gemini API (API key) has them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.servers.loopback import Answered, Asked

if TYPE_CHECKING:
    from tests.servers.gemini import GeminiServer

TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"


@dataclass
class Batches:
    """How jobs go. Each request of one is asked of the script, so that some of them may fail."""

    polls: int = 1
    """How often a job is asked about before it has ended."""
    end: str = "SUCCEEDED"
    """BATCH_STATE_ of its end."""
    answers: int | None = None
    """How many requests it gets to; None: all."""
    keys: bool = True
    """Whether answers carry the metadata of their requests, as they should."""
    shuffled: bool = True
    """Large jobs have been seen to come back in another order than they were handed in."""
    page: int = 50
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, server: GeminiServer, model: str, batch: dict[str, Any]) -> Answered:
        """Hand in a job; it is done at once, and told as running for the first `polls` times."""
        requests = batch["inputConfig"]["requests"]["requests"]
        answers = [self._answer(server, model, item) for item in requests[: self.answers]]
        if self.shuffled:
            answers.reverse()
        with self._lock:
            name = f"batches/{len(self.jobs) + 1:08x}"
            self.jobs[name] = {
                "displayName": batch["displayName"],
                "model": f"models/{model}",
                "requests": len(requests),
                "answers": answers,
            }
        return Answered(self._operation(name, "PENDING"))

    def get(self, job: str) -> Answered:
        """How a job stands, with its answers once it has ended."""
        name = f"batches/{job}"
        if name not in self.jobs:
            return Answered({"error": {"code": 404, "message": f"{name} not found.", "status": "NOT_FOUND"}}, 404)
        with self._lock:
            self._asked[name] = self._asked.get(name, 0) + 1
            ended = self._asked[name] > self.polls
        return Answered(self._operation(name, self.end if ended else "RUNNING"))

    def list(self, query: str) -> Answered:
        """One page of jobs, the newest first."""
        start = int(parse_qs(query).get("pageToken", ["0"])[0])
        names = list(reversed(self.jobs))
        page = {"operations": [self._operation(name, "RUNNING") for name in names[start : start + self.page]]}
        more = start + self.page < len(names)
        return Answered({**page, "nextPageToken": str(start + self.page)} if more else page)

    def _answer(self, server: GeminiServer, model: str, item: dict[str, Any]) -> dict[str, Any]:
        answered = server.ask(item["request"], model)
        server.record.note(Asked("POST", f"batch/{model}", "", {}, item["request"]), answered)
        metadata = {"metadata": item["metadata"]} if self.keys and "metadata" in item else {}
        if answered.status == 200:
            return {"response": answered.body, **metadata}
        details = [{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "a fault of one request"}]
        return {"error": {"code": 13, "message": "internal", "details": details}, **metadata}

    def _operation(self, name: str, state: str) -> dict[str, Any]:
        job = self.jobs[name]
        metadata = {
            "@type": TYPE,
            "model": job["model"],
            "displayName": job["displayName"],
            "createTime": "2026-11-21T09:00:00.000000000Z",
            "batchStats": {"requestCount": str(job["requests"])},
            "state": f"BATCH_STATE_{state}",
            "name": name,
        }
        if state in ("PENDING", "RUNNING"):
            return {"name": name, "metadata": metadata}
        output = {"inlinedResponses": {"inlinedResponses": job["answers"]}}
        if state == "SUCCEEDED":
            return {"name": name, "metadata": {**metadata, "output": output}, "done": True, "response": output}
        error = {"code": 4, "message": f"The job is {state.lower()}."}
        return {"name": name, "metadata": {**metadata, "output": output}, "done": True, "error": error}
