"""A GGUF file on this machine as a provider: one llama.cpp session, one question at a time."""

from __future__ import annotations

import hashlib
import json
import threading
import unicodedata
from pathlib import Path

from pipeline.engine.errors import MissingDependency, PipelineError, ProviderError
from pipeline.engine.rows import content_hash, dump
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session, SessionDied
from pipeline.providers.provider import Finish, ProviderSettings, Refused, Reply, Request, Unavailable, Usage
from pipeline.providers.think import OPEN, split_think

TEMPERATURE, TOP_P, TOP_K = 0.6, 0.95, 20
"""Where the settings give no temperature: as in the chat."""
PROMPT_ROOM = 4096
"""Tokens of context kept for the prompt, beside `max_tokens` for the reply."""
SAMPLES, SAMPLE_BYTES = 64, 65536
IN_WORDS = "Answer with one JSON object that follows this JSON schema, and with nothing else:"


class Local:
    """`settings.model` is a .gguf file, or a folder that holds exactly one. Threads that share it wait for each other.

    There is no grammar in a session, so a schema is asked for in words; the levels of `thinking` have no meaning here:
    a model whose template lets it think does.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._path = find_file(settings.model)
        self.name = f"{self._path.name}@{_digest(self._path)}"
        self.account = f"local {self.name}"
        self._session = Session(timeout=settings.timeout)
        self._lock = threading.Lock()

    def check(self) -> None:
        """Load the file and render a turn with its chat template."""
        with self._lock:
            self._load()
            try:
                self._session.render([{"role": "user", "content": "?"}])
            except PipelineError as error:
                raise ProviderError(error.what, error.why, error.mend) from None

    def send(self, request: Request) -> bytes:
        settings = self._settings
        sampling = Sampling(
            request.max_tokens or settings.max_tokens,
            TEMPERATURE if settings.temperature is None else settings.temperature,
            TOP_P if settings.top_p is None else settings.top_p,
            TOP_K if settings.top_p is None else 0,
            seed=_seed(request),
        )
        with self._lock:
            self._load()
            try:
                prompt = self._session.render(_messages(request))
                stream = self._session.generate(prompt, sampling)
                text = "".join(stream)
            except SessionDied as error:
                raise Unavailable(f"{error.what} {error.why}") from None
            except PipelineError as error:
                raise Refused(error.what, error.why, error.mend) from None
        answer = stream.answer
        assert answer is not None
        body = {
            "model": self.name,
            "text": (OPEN if prompt.rstrip().endswith(OPEN) else "") + text,
            "finish": answer.finish,
            "prompt_tokens": answer.prompt_tokens,
            "tokens": answer.tokens,
            "seconds": answer.seconds,
        }
        return dump(body).encode("utf-8", "surrogatepass")

    def read(self, raw: bytes) -> Reply:
        """Tokens of the thought are counted with those of the answer."""
        try:
            body = json.loads(raw)
            thought, text = split_think(body["text"])
            usage = Usage(input=int(body["prompt_tokens"]), output=int(body["tokens"]))
            finish: Finish = "stop" if body["finish"] == "stop" else "length"
            return Reply(text, thought, finish, str(body["model"]), usage, "" if finish == "stop" else body["finish"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return Reply("", "", "invalid", "", reason=f"not a body of ours: {type(error).__name__}: {error}")

    def close(self) -> None:
        with self._lock:
            self._session.close()

    def _load(self) -> None:
        """Load the file where the session has none: at first, and after its death."""
        if self._session.pid is not None:
            return
        try:
            info = self._session.load(self._path)
            wanted = min(info.trained_context, self._settings.max_tokens + PROMPT_ROOM)
            if wanted > info.context:
                self._session.load(self._path, context=wanted)
        except MissingDependency:
            raise
        except PipelineError as error:
            self._session.close()
            raise ProviderError(error.what, error.why, error.mend) from None


def find_file(name: str) -> Path:
    """The one GGUF file that a path means. Raises ProviderError where there is none, or more than one."""
    path = Path(name).expanduser()
    files = sorted(path.glob("*.gguf")) if path.is_dir() else [path] if path.is_file() else []
    if len(files) == 1:
        return files[0]
    raise ProviderError(
        f"{path} holds {len(files)} GGUF files." if files else f"There is no GGUF file at {path}.",
        f"They are {', '.join(file.name for file in files)}." if files else "",
        "Set `model` of the provider to the path of one .gguf file.",
    )


def _digest(path: Path) -> str:
    """Tells two files apart by their size and 4 MB taken from all over: another training changes weights everywhere,
    and to read 20 GB at every start would take a minute."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek(number * max(0, size - SAMPLE_BYTES) // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:12]


def _messages(request: Request) -> list[dict[str, str]]:
    schema = "" if request.schema is None else f"{IN_WORDS}\n{dump(dict(request.schema))}"
    system = "\n\n".join(filter(None, (request.system, schema)))
    turns = [{"role": "system", "content": system}] if system else []
    turns += [{"role": turn["role"], "content": turn["content"]} for turn in request.messages]
    # Qwen's tokenizer would do this; llama.cpp has no normaliser.
    return [{**turn, "content": unicodedata.normalize("NFC", turn["content"])} for turn in turns]


def _seed(request: Request) -> int:
    """Another for each question, sample and attempt, so that answers do not all draw the same numbers; the same when
    the same is asked again."""
    asked = [request.system, [dict(turn) for turn in request.messages], request.sample, request.attempt]
    return int(content_hash(asked)[:8], 16)
