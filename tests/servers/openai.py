"""A fake OpenAI-compatible server on loopback that speaks the real wire format to the real client library.

In a test: `with OpenAIServer(script=Script([...])) as server`. On its own: `python -m tests.servers.openai`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.servers.loopback import Answered, Asked, Loopback, fingerprint, main
from tests.servers.script import split

KEY = "sk-test-0123456789abcdef"
MODEL = "test-model"


class OpenAIServer(Loopback):
    """Serves `models`; with a `key`, only to those who show it. `thoughts`: the field that holds the thought, or
    "think" for a block in the text, or "" for a server that hides it."""

    def __init__(
        self,
        *args: Any,
        key: str = "",
        models: Sequence[str] = (MODEL,),
        thoughts: str = "reasoning_content",
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.key, self.models, self.thoughts = key, list(models), thoughts
        self.bodies: list[Any] = []
        """Every question to the model, as it came."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def respond(self, asked: Asked) -> Answered:
        shown = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and shown != self.key:
            return self._no(
                401, f"Incorrect API key provided: {shown}. You can find your key at ...", "invalid_api_key"
            )
        match asked.method, asked.path:
            case "GET", "/v1/models":
                entries = [{"id": name, "object": "model", "created": 1, "owned_by": "test"} for name in self.models]
                return Answered({"object": "list", "data": entries})
            case "POST", "/v1/chat/completions":
                if asked.body.get("model") not in self.models:
                    return self._no(404, f"The model `{asked.body.get('model')}` does not exist", "model_not_found")
                self.bodies.append(asked.body)
                return self.scripted(prompt_of(asked.body), lambda action: self._complete(asked.body, action))
        return Answered({"detail": "Not Found"}, 404)

    def _complete(self, body: Any, action: str) -> Answered:
        word, rest = split(action)
        if word == "429":
            return self._too_many(*split(rest))
        text, thought = self.answer(body)
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or 8192
        message: dict[str, Any] = {"role": "assistant", "content": rest if word == "text" else text, "refusal": None}
        finish = "stop"
        match word:
            case "blocked":
                message["content"], message["refusal"], thought = None, "I can't help with that.", ""
            case "safety":
                message["content"], thought, finish = "", "", "content_filter"
            case "cut":
                message["content"], finish = text[: len(text) // 2], "length"
            case "cap":
                message["content"], finish = "", "length"
        counts = {
            "input": _tokens(prompt_of(body)),
            "output": 0 if word in ("cap", "safety") else _tokens(message["content"] or message["refusal"]),
            "thought": limit if word == "cap" else _tokens(thought) if thought else 0,
        }
        self._place(message, thought)
        answered = _answer(body, message, finish, counts)
        if word == "full":
            words = "This model's maximum context length is 100 tokens. However, your messages resulted in 200 tokens."
            return self._no(400, words, "context_length_exceeded")
        if not body.get("stream"):
            return answered
        events = [*_chunks(answered.body), "[DONE]"]
        if word == "fault":
            events[len(events) // 2 :] = [self.fault(500, "the model has fallen over")]
        elif word == "garbage":
            events[len(events) // 2] = "{nothing that anybody"
        return Answered(None, usage=counts, events=events)

    def _place(self, message: dict[str, Any], thought: str) -> None:
        if thought and self.thoughts == "think":
            message["content"] = f"<think>\n{thought}\n</think>\n\n{message['content']}"
        elif thought and self.thoughts:
            message[self.thoughts] = thought

    def _too_many(self, period: str, delay: str) -> Answered:
        """`minute [SECONDS]`, `day [SECONDS]`, `money`."""
        if period == "money":
            return self._no(429, "You exceeded your current quota, please check your plan.", "insufficient_quota")
        limit = "requests per day (RPD)" if period == "day" else "requests per min (RPM)"
        no = self._no(429, f"Rate limit reached for {MODEL} on {limit}: Limit 10, Used 10.", "rate_limit_exceeded")
        return Answered(no.body, no.status, headers={"Retry-After": delay} if delay else {})

    def _no(self, status: int, message: str, code: str | None = None) -> Answered:
        return Answered({"error": {**self.fault(status, message)["error"], "code": code}}, status)

    def fault(self, status: int, message: str) -> Any:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def prompt_of(body: Any) -> str:
    """System text and every turn, in order."""
    return "\n".join(message["content"] for message in body["messages"])


def _tokens(text: str) -> int:
    return len(text) // 4 + 1


def _answer(body: Any, message: dict[str, Any], finish: str, counts: dict[str, int]) -> Answered:
    made = counts["output"] + counts["thought"]
    usage = {
        "prompt_tokens": counts["input"],
        "completion_tokens": made,
        "total_tokens": counts["input"] + made,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counts["thought"]},
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    completion = {
        "id": f"chatcmpl-{fingerprint(body)}",
        "object": "chat.completion",
        "created": 1,
        "model": f"{body['model']}-2026-01-01",
        "choices": [choice],
        "usage": usage,
    }
    return Answered(completion, usage=counts)


def _chunks(completion: dict[str, Any]) -> list[dict[str, Any]]:
    """The same completion as a stream: the role, then each field in pieces of a few letters, the end, the usage."""
    choice = completion["choices"][0]
    about = {key: completion[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for field, text in choice["message"].items():
        if field != "role" and text:
            deltas += [{field: text[at : at + 5]} for at in range(0, len(text), 5)]
    chunks = [{**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {**about, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    return [*chunks, end, {**about, "choices": [], "usage": completion["usage"]}]


if __name__ == "__main__":
    main(OpenAIServer)
