from __future__ import annotations

from pipeline.providers.offline import Offline
from pipeline.providers.provider import Reply, Request


def test_it_answers_with_the_function_it_was_given() -> None:
    provider = Offline("echo", lambda request: (f"sample {request.sample}", request.messages[-1]["content"]))
    reply = provider.ask(Request([{"role": "user", "content": "hello"}], sample=2), lambda reply: reply)
    assert reply == Reply(text="hello", thought="sample 2", finish="stop", model="echo")
