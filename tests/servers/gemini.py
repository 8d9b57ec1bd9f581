"""A fake Gemini on loopback that speaks the real wire formats: API key, Vertex and Batch, to the real client library.

In a test: `with GeminiServer(script=Script([...])) as server`. On its own: `python -m tests.servers.gemini`.
"""

from __future__ import annotations

import re
from typing import Any

from tests.servers.gemini_batch import Batches
from tests.servers.loopback import Answered, Asked, Loopback, fingerprint, main
from tests.servers.script import split

KEY = "test-key-1234567890"
TOKEN = "test-token-1234567890"
PROJECT = "test-project"

BY_KEY = re.compile(r"/(?:v1|v1beta)/(?:models/(?P<model>[^/:]+)(?::(?P<method>\w+))?|batches(?:/(?P<job>\w+))?)")
BY_PROJECT = re.compile(
    r"/v1beta1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
    r"/publishers/google/models/(?P<model>[^/:]+):(?P<method>\w+)"
)
TYPE = "type.googleapis.com/google.rpc."
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GeminiServer(Loopback):
    """Knows every model whose name begins with `gemini-`; on Vertex, those with `preview` in `global` alone."""

    def __init__(self, *args: Any, batches: Batches | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.batches = batches or Batches()
        self.bodies: list[Any] = []
        """Every question to the model, as it came, those in batch jobs too."""

    def respond(self, asked: Asked) -> Answered:
        word, rest = split(self.always)
        if word == "429":
            return self._too_many(*split(rest))
        if by_key := BY_KEY.fullmatch(asked.path):
            return self._by_key(asked, by_key)
        if by_project := BY_PROJECT.fullmatch(asked.path):
            return self._by_project(asked, by_project)
        return Answered(b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", 404, headers=HTML)

    def _by_key(self, asked: Asked, path: re.Match[str]) -> Answered:
        key = asked.headers.get("x-goog-api-key", "")
        if not key:
            return self._no(403, "Method doesn't allow unregistered callers. Please use API Key to call this API.")
        if key != KEY:
            reason = {"@type": TYPE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            debug = {"@type": TYPE + "DebugInfo", "detail": f"Invalid API key: {key}"}
            return self._no(400, "API key not valid. Please pass a valid API key.", reason, debug)
        model, method = path["model"], path["method"]
        if model is None:
            return self.batches.get(path["job"]) if path["job"] else self.batches.list(asked.query)
        if not model.startswith("gemini-"):
            return self._no(404, f"models/{model} is not found for API version v1beta, or is not supported.")
        if method is None:
            return Answered({"name": f"models/{model}", "supportedGenerationMethods": ["generateContent"]})
        if method == "batchGenerateContent":
            return self.batches.create(self, model, asked.body["batch"])
        return self._method(asked, model, method)

    def _by_project(self, asked: Asked, path: re.Match[str]) -> Answered:
        project, location, model = path["project"], path["location"], path["model"]
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._no(401, "Request had invalid authentication credentials.")
        if project != PROJECT:
            return self._no(403, f"Permission 'aiplatform.endpoints.predict' denied on resource '//{project}'.")
        if not model.startswith("gemini-") or ("preview" in model and location != "global"):
            return self._no(
                404, f"Publisher Model `{asked.path[9:]}` was not found or your project does not have access."
            )
        return self._method(asked, model, path["method"])

    def _method(self, asked: Asked, model: str, method: str) -> Answered:
        if method == "countTokens":
            return Answered({"totalTokens": _tokens(prompt_of(asked.body))})
        if method != "generateContent":
            return self._no(404, f"{method} is unknown.")
        return self.ask(asked.body, model)

    def ask(self, body: Any, model: str) -> Answered:
        """A `generateContent` request, online or in a batch, as the script has it."""
        self.bodies.append(body)
        return self.scripted(prompt_of(body), lambda action: self._generate(body, model, action))

    def _generate(self, body: Any, model: str, action: str) -> Answered:
        word, rest = split(action)
        if word == "429":
            return self._too_many(*split(rest))
        text, thought = self.answer(body)
        if word == "text":
            text = rest
        config = body.get("generationConfig", {})
        asked = _tokens(prompt_of(body))
        if word == "blocked":
            return _answer(model, body, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, {"input": asked})
        if word == "safety":
            return _answer(model, body, _candidate([], "SAFETY"), {"input": asked})
        if word == "cap":
            limit = config.get("maxOutputTokens", 8192)
            return _answer(model, body, _candidate([], "MAX_TOKENS"), {"input": asked, "thought": limit})
        if word == "cut":
            text = text[: len(text) // 2]
        thinking = config.get("thinkingConfig", {})
        parts = [{"text": text}]
        # The service takes either spelling, as JSON of protocol buffers is read; the library sends the second.
        if thought and (thinking.get("includeThoughts") or thinking.get("include_thoughts")):
            parts.insert(0, {"text": thought, "thought": True})
        usage = {"input": asked, "output": _tokens(text), "thought": _tokens(thought) if thought else 0}
        return _answer(model, body, _candidate(parts, "MAX_TOKENS" if word == "cut" else "STOP"), usage)

    def _too_many(self, period: str, delay: str) -> Answered:
        quota = f"GenerateRequestsPer{period.capitalize()}PerProjectPerModel"
        violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_requests", "quotaId": quota}
        details: list[dict[str, Any]] = [{"@type": TYPE + "QuotaFailure", "violations": [violation]}]
        if delay:
            details.append({"@type": TYPE + "RetryInfo", "retryDelay": f"{delay}s"})
        return self._no(429, "You exceeded your current quota, please check your plan and billing details.", *details)

    def _no(self, status: int, message: str, *details: dict[str, Any]) -> Answered:
        body = self.fault(status, message)
        if details:
            body["error"]["details"] = list(details)
        return Answered(body, status)

    def fault(self, status: int, message: str) -> Any:
        return {"error": {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN")}}


HTML = {"Content-Type": "text/html; charset=UTF-8"}


def prompt_of(body: Any) -> str:
    """System text and every turn, in order."""
    contents = [body.get("systemInstruction") or {}, *body.get("contents", [])]
    return "\n".join(part.get("text", "") for content in contents for part in content.get("parts", []))


def _tokens(text: str) -> int:
    return len(text) // 4 + 1


def _candidate(parts: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return {"candidates": [{"content": content, "finishReason": finish, "index": 0}]}


def _answer(model: str, body: Any, says: dict[str, Any], usage: dict[str, int]) -> Answered:
    """As the service does it, a count of zero is left out."""
    names = {"input": "promptTokenCount", "output": "candidatesTokenCount", "thought": "thoughtsTokenCount"}
    counts = {names[kind]: count for kind, count in usage.items() if count}
    metadata = {**counts, "totalTokenCount": sum(usage.values())}
    reply = {**says, "usageMetadata": metadata, "modelVersion": f"{model}-001", "responseId": fingerprint(body)}
    return Answered(reply, usage=usage)


if __name__ == "__main__":
    main(GeminiServer)
