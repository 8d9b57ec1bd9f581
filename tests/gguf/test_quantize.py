from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import convert
from pipeline.gguf.header import read_header
from pipeline.gguf.quantize import FILE_TYPES, block, bytes_needed, quantize
from pipeline.gguf.reference import Reference
from pipeline.gguf.session import Session
from pipeline.gguf.verify import compare_logits


def quantised(kind: str, wide: Path, session: Session, folder: Path, reference: Reference) -> float:
    """Makes a file of that type and returns its mean divergence from the HF model in nats."""
    assert FILE_TYPES[kind] == gguf.LlamaFileType[f"MOSTLY_{kind}"]
    plain, path = folder / "plain.gguf", folder / f"{kind}.gguf"
    if not plain.exists():
        convert(wide, plain, "F16")
    quantize(session, plain, path, kind)
    main = kind.removesuffix("_S").removesuffix("_M").removesuffix("_L")
    assert read_header(path).types()[{"IQ3": "IQ3_S"}.get(main, main)] >= 8, kind
    assert path.stat().st_size < bytes_needed(1_000_000, kind) + 2**20
    session.load(path)
    return float(compare_logits(session, replace(reference, logits=reference.logits[:64]))["divergence"])


def test_every_type_runs_and_the_finer_ones_are_closer(wide: Path, session: Session, tmp_path: Path) -> None:
    reference = Reference.of(wide)
    kinds = [kind for kind in FILE_TYPES if not kind.startswith("IQ")]
    found = {kind: quantised(kind, wide, session, tmp_path, reference) for kind in kinds}
    assert found["Q8_0"] < found["Q6_K"] < found["Q5_K_M"] < found["Q4_K_M"] < found["Q3_K_M"] < found["Q2_K"]
    assert found["Q8_0"] < 0.01


@pytest.mark.slow
def test_the_i_quants_run(wide: Path, session: Session, tmp_path: Path) -> None:
    reference = Reference.of(wide)
    for kind in FILE_TYPES:
        if kind.startswith("IQ"):
            assert 0 < quantised(kind, wide, session, tmp_path, reference) < 1


def test_rows_that_blocks_of_256_do_not_fill_show_another_type(plain: Path, session: Session, tmp_path: Path) -> None:
    quantize(session, plain, tmp_path / "a.gguf", "Q6_K")
    found = read_header(tmp_path / "a.gguf").types()
    assert found["Q8_0"] > found["Q6_K"] > 0
    assert (block("Q6_K"), block("IQ4_XS"), block("Q8_0"), block("IQ4_NL"), block("F16")) == (256, 256, 32, 32, 1)


def test_a_file_that_cannot_be_quantised_leaves_nothing(plain: Path, session: Session, tmp_path: Path) -> None:
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(plain.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"torn\.gguf cannot be quantised"):
        quantize(session, torn, tmp_path / "a.gguf", "Q8_0")
    assert [path.name for path in tmp_path.iterdir()] == ["torn.gguf"]
