"""The child process of a session: llama.cpp behind JSON lines on stdin and stdout, ended when stdin closes."""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pipeline.engine.children import fold_error
from pipeline.engine.errors import DataError, PipelineError
from pipeline.engine.rows import Row
from pipeline.gguf.model import Library, Model
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.template import Message, render


class Child:
    """One model at a time, one request after the other."""

    def __init__(self, replies: IO[bytes]) -> None:
        # Before the thread below waits on stdin: on Windows a library cannot be loaded during such a wait.
        self._library = Library()
        self._replies = replies
        self._requests: queue.Queue[Row] = queue.Queue()
        self._stopped = 0
        self._model: Model | None = None
        self._loaded: tuple[Path, int, int] | None = None
        self._idle = 0.0

    def listen(self, requests: IO[bytes]) -> None:
        """Runs in a thread, for `stop` and the end of the parent must be heard in the middle of an answer."""
        for line in requests:
            request = json.loads(line)
            if request["command"] == "stop":
                self._stopped = request["number"]
            else:
                self._requests.put(request)
        os._exit(0)

    def serve(self) -> None:
        while True:
            try:
                request = self._requests.get(timeout=self._idle or None if self._model else None)
            except queue.Empty:
                self._rest()
                continue
            number, command = request.pop("number"), request.pop("command")

            def piece(text: str, number: int = number) -> None:
                self._reply({"number": number, "piece": text})

            def stopped(number: int = number) -> bool:
                return self._stopped == number

            try:
                result = getattr(self, f"do_{command}")(piece=piece, stopped=stopped, **request)
                self._reply({"number": number, "result": result})
            except PipelineError as error:
                self._reply({"number": number, "error": fold_error(error)})

    def _reply(self, reply: Row) -> None:
        self._replies.write(json.dumps(reply).encode("ascii") + b"\n")
        self._replies.flush()

    @property
    def model(self) -> Model:
        if self._loaded is None:
            raise DataError("No model is loaded.", "", "Load one first.")
        if self._model is None:  # it was idle for so long that its memory was given back
            self._model = Model(self._library, *self._loaded)
        return self._model

    def do_load(self, path: str, context: int, threads: int, idle: float, **_: Any) -> Row:
        self.do_unload()
        self._model = Model(self._library, Path(path), context, threads)
        self._loaded, self._idle = (Path(path), context, threads), idle
        return self._model.about

    def do_unload(self, **_: Any) -> Row:
        self._loaded = None
        self._rest()
        return {}

    def _rest(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            model.free()

    def do_info(self, **_: Any) -> Row:
        return self.model.about

    def do_tokenize(self, text: str, **_: Any) -> Row:
        return {"tokens": self.model.tokenize(text)}

    def do_render(self, messages: list[Message], thinking: bool, turn: bool, **_: Any) -> Row:
        template = self.model.about["metadata"].get("tokenizer.chat_template")
        if not template:
            raise DataError(
                "The file holds no chat template.",
                "Without it nobody knows how the model was taught to take turns.",
                "Export it again from a model whose tokenizer has a chat template.",
            )
        marks = {"bos": self.model.special("bos"), "eos": self.model.special("eos")}
        return {"prompt": render(template, messages, thinking=thinking, turn=turn, **marks)}

    def do_logits(self, tokens: list[int], piece: Callable[[str], None], stopped: Callable[[], bool]) -> Row:
        for row in self.model.logits(tokens):
            if stopped():
                break
            piece(base64.b64encode(row).decode("ascii"))
        return {}

    def do_generate(self, prompt: str, sampling: Row, reuse: bool, room: int, **heard: Any) -> Row:
        began = time.monotonic()
        tokens = self.model.tokenize(prompt)
        return self.model.generate(tokens, Sampling(**sampling), reuse=reuse, room=room, began=began, **heard)

    def do_quantize(self, source: str, target: str, file_type: int, threads: int, importance: str, **_: Any) -> Row:
        matrix = Path(importance) if importance else None
        self._library.quantize(Path(source), Path(target), file_type, threads, matrix)
        return {}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the replies
    child = Child(replies)
    threading.Thread(target=child.listen, args=(sys.stdin.buffer,), daemon=True).start()
    child.serve()


if __name__ == "__main__":
    main()
