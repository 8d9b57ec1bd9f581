"""A GGUF file under llama.cpp. Only the child process of `session` makes one: llama.cpp may abort."""

from __future__ import annotations

import codecs
import ctypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from pipeline.engine.errors import DataError, PipelineError
from pipeline.engine.rows import Row
from pipeline.gguf.about import read_metadata, read_text
from pipeline.gguf.answer import Growing
from pipeline.gguf.importance import read_importance
from pipeline.gguf.room import ContextFull, check_room, context_bytes
from pipeline.gguf.sampling import Sampling, sampler_of

AGAIN = "Export or download the file again."
NEWER = "A newer llama-cpp-python may know this kind of model; else export another."
BATCH = 512
LONGEST_DEFAULT = 4096
"""Tokens of context where none are asked for, or as many as the model was trained with, if those are fewer."""
SMALL = 20_000_000
"""Parameters below which one thread is the fastest: 0.3 ms a token and not 1.5, of a model with half a million."""
SLOW = 0.05
"""Seconds of a step from which on it can be broken off: llama.cpp then asks at every operation, which would cost a fast
model a tenth of its speed."""
LOG_ERROR = 4
"""Of `ggml_log_level`."""
ABORTED = 2
"""What `llama_decode` returns where it was broken off."""


def cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


class Library:
    """llama_cpp with its log caught: `said` holds the errors since it was last emptied."""

    def __init__(self) -> None:
        import llama_cpp

        self.api: Any = llama_cpp
        self.said: list[str] = []
        self._callback = llama_cpp.llama_log_callback(self._hear)  # llama.cpp keeps the pointer: so must we
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()

    def _hear(self, level: int, text: bytes, _: object) -> None:
        if level == LOG_ERROR:
            self.said.append(text.decode("utf-8", "replace").strip())

    def reason(self) -> str:
        return "llama.cpp: " + ("; ".join(self.said[:2]) or "it gave no reason")

    def quantize(self, source: Path, target: Path, file_type: int, threads: int, importance: Path | None) -> None:
        """Write `source` as `target` in llama.cpp's `file_type`. Raises DataError."""
        options = self.api.llama_model_quantize_default_params()
        options.ftype, options.nthread = file_type, threads or cores()
        matrix = read_importance(importance) if importance else {}
        entries = (self.api.llama_model_imatrix_data * (len(matrix) + 1))()  # the last, left empty, ends the list
        for entry, (name, values) in zip(entries, matrix.items(), strict=False):
            entry.name, entry.size = name.encode(), len(values)
            entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        if matrix:
            options.imatrix = entries
        self.said.clear()
        if self.api.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(options)) != 0:
            raise DataError(f"{source} cannot be quantised.", self.reason(), "Check the file and the disk.")


class Model:
    """A loaded file with one context, whose cells are kept for a prompt that begins alike."""

    def __init__(self, library: Library, path: Path, context: int, threads: int) -> None:
        self._library = library
        api = self._api = library.api
        library.said.clear()
        self._model = api.llama_model_load_from_file(str(path).encode(), api.llama_model_default_params())
        if not self._model:
            reason = library.reason()
            raise DataError(f"{path} cannot be loaded.", reason, NEWER if "architecture" in reason else AGAIN)
        self._vocabulary = api.llama_model_get_vocab(self._model)
        self.size = int(api.llama_vocab_n_tokens(self._vocabulary))
        trained = int(api.llama_model_n_ctx_train(self._model))
        self.context = context or min(trained, LONGEST_DEFAULT)
        if self.context > trained:
            api.llama_model_free(self._model)
            raise DataError(
                f"{path} cannot be given a context of {context} tokens.",
                f"It was trained with {trained}.",
                "Ask for a shorter context.",
            )
        metadata = read_metadata(api, self._model)
        if not api.llama_supports_gpu_offload():  # a GPU's own allocation fails plainly
            try:
                check_room(context_bytes(api, self._model, metadata, self.context), str(path), self.context)
            except DataError:
                api.llama_model_free(self._model)
                raise
        options = api.llama_context_default_params()
        options.n_ctx, options.n_batch = self.context, BATCH
        options.n_threads = options.n_threads_batch = threads or self._threads()
        self._context = api.llama_init_from_model(self._model, options)
        if not self._context:
            self.free()
            raise DataError(
                f"{path} cannot be given a context of {self.context} tokens.",
                library.reason(),
                "Ask for a shorter context, or free memory.",
            )
        self._memory = api.llama_get_memory(self._context)
        self._batch = api.llama_batch_init(BATCH, 0, 1)
        self._kept: list[int] = []
        self._stopped: Callable[[], bool] = lambda: False
        self._seconds = 0.0
        self._abort = api.ggml_abort_callback(lambda _: self._stopped())
        self._no_abort = api.ggml_abort_callback()  # no function
        self.about: Row = {
            "description": read_text(api.llama_model_desc, self._model),
            "parameters": int(api.llama_model_n_params(self._model)),
            "bytes": int(api.llama_model_size(self._model)),
            "context": self.context,
            "trained_context": trained,
            "vocabulary": self.size,
            "eos": (eos := int(api.llama_vocab_eos(self._vocabulary))),
            "eos_ends": bool(api.llama_vocab_is_eog(self._vocabulary, eos)),
            "metadata": metadata,
        }

    def _threads(self) -> int:
        return 1 if self._api.llama_model_n_params(self._model) < SMALL else cores()

    def free(self) -> None:
        """Give the memory back now; the object is of no use afterwards."""
        if getattr(self, "_batch", None):
            self._api.llama_batch_free(self._batch)
        if self._context:
            self._api.llama_free(self._context)
        self._api.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def token_text(self, token: int) -> str:
        """The text of a special token; empty for an id that is none."""
        if not 0 <= token < self.size:
            return ""
        return str(self._api.llama_vocab_get_text(self._vocabulary, token).decode("utf-8", "replace"))

    def special(self, which: str) -> str:
        """Text of the `bos` or `eos` token, empty where the file names none."""
        return self.token_text(int(getattr(self._api, f"llama_vocab_{which}")(self._vocabulary)))

    def tokenize(self, text: str) -> list[int]:
        """Token ids; special tokens spelt out in the text count as such, and none is added."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        ids = (self._api.llama_token * room)()
        count = self._api.llama_tokenize(self._vocabulary, data, len(data), ids, room, False, True)
        if count < 0:
            raise DataError("llama.cpp cannot tokenise the text.", self._library.reason(), "")
        return list(ids[:count])

    def logits(self, tokens: Sequence[int]) -> Iterator[bytes]:
        """Logits after each token: rows of float32, shape [len(tokens)][vocabulary]."""
        self._check_fit(tokens)
        self._rewind(0)
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            self._decode(part, start, every=True)
            for row in range(len(part)):
                yield ctypes.string_at(self._api.llama_get_logits_ith(self._context, row), self.size * 4)

    def generate(
        self,
        tokens: Sequence[int],
        sampling: Sampling,
        piece: Callable[[str], None],
        stopped: Callable[[], bool],
        reuse: bool = False,
        began: float = 0.0,
        room: int = 1,
    ) -> Row:
        """Continue `tokens`, giving text to `piece` as it comes. `finish` of the result is stop, length or stopped.

        `reuse`: the cells of an earlier prompt that begins alike are kept; batches of another shape round otherwise.
        Raises ContextFull where less than `room` tokens would be left for the answer.
        """
        self._check_fit(tokens, room)
        self._stopped = stopped
        answer = Growing(began or time.monotonic(), len(tokens))
        answer.reused = self._rewind(self._common(tokens) if reuse else 0)
        for start in range(answer.reused, len(tokens), BATCH):
            if not self._decode(tokens[start : start + BATCH], start):
                return answer.result("stopped")
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        limit = min(sampling.max_tokens, self.context - len(tokens))
        finish = "length"
        with sampler_of(self._api, sampling) as sampler:
            while answer.count < limit:
                if stopped():
                    finish = "stopped"
                    break
                token = int(self._api.llama_sampler_sample(sampler, self._context, -1))
                answer.add()
                if self._api.llama_vocab_is_eog(self._vocabulary, token):
                    finish = "stop"
                    break
                if text := decoder.decode(self._bytes(token)):
                    piece(text)
                if answer.count < limit and not self._decode([token], len(tokens) + answer.count - 1):
                    finish = "stopped"
                    break
        if rest := decoder.decode(b"", final=True):
            piece(rest)
        return answer.result(finish)

    def _common(self, tokens: Sequence[int]) -> int:
        """How many tokens stand in the context already; the last is always run again, for its logits are wanted."""
        most = min(len(self._kept), len(tokens) - 1)
        return next((place for place in range(most) if self._kept[place] != tokens[place]), most)

    def _rewind(self, keep: int) -> int:
        """Empty the cells after the first `keep`; all of them where a part cannot be removed. Returns how many stay."""
        if keep == 0 or not self._api.llama_memory_seq_rm(self._memory, 0, keep, -1):
            self._api.llama_memory_clear(self._memory, False)
            keep = 0
        del self._kept[keep:]
        return keep

    def _check_fit(self, tokens: Sequence[int], room: int = 1) -> None:
        if not tokens:
            raise DataError("There are no tokens to start from.", "The prompt is empty.", "Give it some text.")
        if len(tokens) + room > self.context:
            left = max(0, self.context - len(tokens))
            raise ContextFull(
                f"The prompt has {len(tokens)} tokens, the context holds {self.context}.",
                f"{left or 'No'} token{'s' if left > 1 else ''} would be left for an answer.",
                "Shorten the conversation, or ask for a longer context.",
            )

    def _decode(self, tokens: Sequence[int], start: int, every: bool = False) -> bool:
        """Run one batch whose first token stands at position `start`; logits of the last token, or of `every` one.

        False where it was broken off.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place], batch.pos[place] = token, start + place
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
            batch.logits[place] = int(every or place == len(tokens) - 1)
        watched = not every and (len(tokens) > 1 or self._seconds > SLOW)
        self._api.llama_set_abort_callback(self._context, self._abort if watched else self._no_abort, None)
        began = time.monotonic()
        code = self._api.llama_decode(self._context, batch)
        self._seconds = time.monotonic() - began
        if code == ABORTED:
            return False
        if code != 0:
            raise PipelineError(
                f"llama.cpp could not run the model (code {code}).",
                self._library.reason(),
                "Ask for a shorter context.",
            )
        self._kept += tokens
        return True

    def _bytes(self, token: int) -> bytes:
        """What a token stands for; control tokens stand for nothing."""
        room = 256
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self._api.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count
