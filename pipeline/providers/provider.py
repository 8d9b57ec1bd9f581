"""Who answers: the settings, request and reply that every provider shares, and the ways in which one can fail.

A provider sends and reads, and never tries twice: `account.py` keeps the ledger, paces and retries for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import Field, model_validator

from pipeline.engine.errors import ProviderError
from pipeline.engine.rows import Row
from pipeline.engine.settings import Settings, aside

Kind = Literal["offline", "gemini", "openai", "local"]
Thinking = Literal["", "minimal", "low", "medium", "high", "xhigh"]


class ProviderSettings(Settings):
    """A table `[providers.NAME]` of a preset."""

    kind: Kind = "offline"
    """offline: embedded, no network, no key. gemini: Google, by key or Vertex. openai: any server that speaks its
    protocol (LM Studio, vLLM, llama-server, Ollama). local: a GGUF file on this machine."""
    model: str = ""
    """The model's name as the service knows it; for `local` a GGUF file or an artifact that holds one."""
    base_url: str = ""
    """The server's address; empty: the service's own."""
    key_env: str = aside("")
    """The variable that holds the key, never the key; empty: GEMINI_API_KEY or GOOGLE_API_KEY, OPENAI_API_KEY for
    OpenAI itself, and none for any other address."""
    project: str = ""
    """A Google Cloud project: gemini then goes through Vertex with the machine's own credentials."""
    location: str = "global"
    """Vertex's region; preview models are often in `global` alone."""
    thinking: Thinking = ""
    """How long it may think where a request does not say; empty: the service's default."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Empty: the service's default, which Gemini 3 wants."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability. Empty: the service's default; of a GGUF file
    0.95, and the 20 likeliest."""
    max_tokens: int = Field(8192, ge=1)
    """Most tokens of a reply, thought included; a longer one is cut off."""
    timeout: float = aside(600.0, gt=0)
    """Seconds after which a request without a reply is given up."""
    workers: int = aside(16, ge=1)
    """Most requests in flight at once; the controller finds out how many the service takes."""
    requests_per_minute: float = aside(0.0, ge=0)
    """A known limit on starts; 0: learn it from the refusals."""
    spend_cap: float | None = aside(None, ge=0)
    """US dollars that a run may spend here; it stops before the call that would pass it."""
    batch: bool = aside(False)
    """gemini: ask through the Batch service first, at half price and within a day; what is left is asked online."""
    wait_for_quota: bool = aside(False)
    """When a day's quota is used up: wait for the next day instead of stopping."""

    @model_validator(mode="after")
    def _whole(self) -> ProviderSettings:
        if self.kind != "offline" and not self.model:
            raise ValueError(f"a provider of kind {self.kind} needs a `model`")
        return self

    def without_effect(self) -> list[str]:
        """Settings that were given and that this kind of provider does not use."""
        used = {"kind", "model", "thinking", "temperature", "top_p", "max_tokens", "timeout", "workers", "spend_cap"}
        online = {"base_url", "key_env", "requests_per_minute", "wait_for_quota"}
        of_kind: dict[str, set[str]] = {
            "offline": {"kind"},
            "local": used - {"thinking", "workers", "spend_cap"},
            "openai": used | online,
            "gemini": used | online | {"project", "location", "batch"},
        }
        used_here = of_kind[self.kind] - (set() if self.project else {"location"})
        return sorted(name for name in self.model_fields_set - used_here if getattr(self, name) != "")

    @property
    def threads(self) -> int:
        """How many may ask at once: a local model answers one after the other."""
        return self.workers if self.kind in ("gemini", "openai") else 1


Finish = Literal["stop", "length", "blocked", "invalid"]
"""At its own end, at the limit, refused by the service, or a body that is no reply."""


@dataclass(frozen=True)
class Request:
    """One question. Two requests with equal fields are one call; `sample` tells wanted repetitions apart."""

    messages: Sequence[Mapping[str, str]]
    """`role` (user or assistant) and `content` each, the last one a user's."""
    system: str = ""
    thinking: Thinking = ""
    """Empty: as the provider's settings say."""
    max_tokens: int = 0
    """0: as the provider's settings say."""
    schema: Mapping[str, Any] | None = None
    """A JSON schema that the reply has to follow."""
    sample: int = 0
    attempt: int = 0
    """Counts how often the same question was put again because its reply could not be used."""
    row: Row = field(default_factory=dict)
    """The record that the question comes from; read by offline providers, never sent and not part of the call."""


@dataclass(frozen=True)
class Usage:
    """Billed tokens of one reply. `input` includes `cached`; `output` does not include `thought`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    thought: int = 0


@dataclass(frozen=True)
class Reply:
    text: str
    thought: str
    finish: Finish
    model: str
    """As the service reports it, version included."""
    usage: Usage = Usage()
    reason: str = ""
    """For a reply that did not stop by itself: the service's word for why."""


class Refused(ProviderError):
    """This very request is wrong (HTTP 400, 413, 422): asking again is no use, other requests may pass."""


class Throttled(ProviderError):
    """Too many requests (HTTP 429). Not billed."""

    def __init__(self, what: str, delay: float | None = None, per_day: bool = False) -> None:
        super().__init__(what)
        self.delay, self.per_day = delay, per_day
        """Seconds that the service asks to wait, where it says so; whether a day's quota is used up."""


class Unavailable(ProviderError):
    """No usable answer for a passing cause: 5xx, no connection, a timeout, a body that broke off."""

    def __init__(self, what: str, perhaps_billed: bool = False) -> None:
        super().__init__(what)
        self.perhaps_billed = perhaps_billed
        """The request was sent whole and its answer never came."""


class Provider(Protocol):
    """Anything that answers over `send` and `read`. Threads may share one.

    Every method raises ProviderError, with how to mend it, for what no waiting mends: no key, a bad one, no such model
    or region.
    """

    account: str
    """Names what limits and bills: kind, address, project or name of the key. Holds no secret."""

    def check(self) -> None:
        """One free call that shows that address, key and model are right."""

    def send(self, request: Request) -> bytes:
        """Ask once; the raw body of a successful response, before anything parses it.

        Raises Refused, Throttled or Unavailable.
        """

    def read(self, raw: bytes) -> Reply:
        """Parse a body, now or years later. One that is no reply gives finish `invalid`; nothing is raised."""

    def close(self) -> None: ...


class BatchProvider(Provider, Protocol):
    """A provider that also takes many requests at once, for less money and later."""

    def batch_start(self, name: str, requests: Sequence[Request]) -> str:
        """Hand in a job under a name that was written down before; the service's id of it."""

    def batch_find(self, name: str) -> str | None:
        """The id of the job of that name, after a crash between handing in and writing down."""

    def batch_poll(self, job: str) -> tuple[Literal["running", "done", "failed"], list[bytes | None], str]:
        """State, the bodies in the order of the requests (None: that one failed), and the service's word for it."""
