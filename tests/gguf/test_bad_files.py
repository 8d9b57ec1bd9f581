"""Files that are no models, or broken ones: a clear error each, the parent alive and able to load another."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError, PipelineError
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session, SessionDied
from tests.gguf.mutation import header_bytes, mutated

HUGE = b"\xff\xff\xff\x7f\0\0\0\0"


def bad_files(good: bytes) -> dict[str, tuple[bytes, str]]:
    """What is wrong -> the file, and what its error says."""
    counts = good[8:24]
    return {
        "text": (b"Dear reader, this is no model.", r"is not a GGUF file.*begins with b'Dear'"),
        "empty": (b"", "is not a GGUF file"),
        "magic only": (good[:4], "cannot be loaded"),
        "cut in the header": (good[:3000], "cannot be loaded.*remaining file size|cannot be loaded.*failed to"),
        "cut in the middle": (good[: len(good) // 2], "cannot be loaded.*not within the file bounds"),
        "version": (good[:4] + b"\x63" + good[5:], "cannot be loaded.*version 99"),
        "other byte order": (good[:4] + good[7:3:-1] + good[8:], "cannot be loaded.*endian"),
        "tensor count": (good[:8] + b"\xff" * 8 + good[16:], "cannot be loaded.*number of tensors"),
        "key count": (good[:16] + HUGE + good[24:], "cannot be loaded"),
        "both counts": (good[:8] + HUGE * 2 + good[24:], "cannot be loaded.*llama.cpp"),
        "vocabulary only": (good.replace(counts, bytes(8) + counts[8:], 1), "cannot be loaded.*token_embd"),
        "architecture": (good.replace(b"qwen3", b"qwenX"), "cannot be loaded.*'qwenX'.*newer llama-cpp-python"),
    }


def test_bad_files_hurt_nobody(plain: Path, session: Session, tmp_path: Path) -> None:
    for name, (content, words) in bad_files(plain.read_bytes()).items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"(?s){words}") as caught:
            session.load(path)
        assert caught.value.mend, name
        assert session.load(plain).vocabulary > 300, name
        assert "".join(session.generate("the sky", Sampling(5))), name


def test_what_is_no_file_is_told_so(session: Session, tmp_path: Path, plain: Path) -> None:
    with pytest.raises(DataError, match="is a directory"):
        session.load(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        session.load(tmp_path / "none.gguf")
    with pytest.raises(DataError, match="was trained with 512"):
        session.load(plain, context=100_000)


def test_a_file_without_a_template_cannot_take_turns(session: Session, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "untold.gguf"
    path.write_bytes(plain.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.char_template"))
    session.load(path)
    with pytest.raises(DataError, match="holds no chat template"):
        session.render([{"role": "user", "content": "Why?"}])
    assert "".join(session.generate("the sky", Sampling(5)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_500_mutated_files_hang_nothing_and_hurt_nobody(plain: Path, tmp_path: Path) -> None:
    good = plain.read_bytes()
    header, path = header_bytes(good), tmp_path / "mutated.gguf"
    found: Counter[str] = Counter()
    slowest = 0.0
    with Session(timeout=20) as session:
        for seed in range(500):
            path.write_bytes(mutated(good, header, seed))
            began = time.monotonic()
            try:
                session.load(path)
                session.tokenize("Why is the sky blue?")
                list(session.generate("Why?", Sampling(3)))
                found["answered"] += 1
            except SessionDied as error:
                assert "gave no sign" not in error.why, f"seed {seed} hangs"
                found["died"] += 1
            except PipelineError as error:
                assert error.why and error.mend, f"seed {seed}: {error}"
                found["refused"] += 1
            slowest = max(slowest, time.monotonic() - began)
        assert session.load(plain).vocabulary > 300
        assert "".join(session.generate("the sky", Sampling(5)))
    assert found["refused"] > 200, f"most breaks are told: {found}"
    assert found["answered"] > 20, f"some do no harm: {found}"
    print(f"{dict(found)}, slowest {slowest:.2f} s")
