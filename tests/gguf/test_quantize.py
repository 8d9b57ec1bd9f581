from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import convert
from pipeline.gguf.header import read_header
from pipeline.gguf.quantize import FILE_TYPES, NEED_IMPORTANCE, block, bytes_needed, quantize
from pipeline.gguf.reference import Reference
from pipeline.gguf.session import Session
from pipeline.gguf.verify import compare_logits
from tests.gguf.test_importance import write_new, write_old

MAIN = {"IQ3_XS": "IQ3_S", "IQ3_M": "IQ3_S", "IQ2_M": "IQ2_S", "IQ2_S": "IQ2_XS", "MXFP4_MOE": "Q8_0"}
"""Types whose files are named for the mixture, not for the type that most tensors have."""


def quantised(kind: str, wide: Path, session: Session, folder: Path, reference: Reference) -> float:
    """Makes a file of that type and returns its mean divergence from the HF model in nats."""
    if kind != "Q2_0":  # which the package does not know yet
        assert FILE_TYPES[kind] == gguf.LlamaFileType[f"MOSTLY_{kind}"]
    plain, path, matrix = folder / "plain.gguf", folder / f"{kind}.gguf", folder / "matrix.gguf"
    if not plain.exists():
        convert(wide, plain, "F16")
        rows = {name: one.shape[0] for name, one in read_header(plain).tensors.items() if len(one.shape) > 1}
        write_new(matrix, {name: np.linspace(1, 2, row) for name, row in rows.items()}, {name: [1.0] for name in rows})
    quantize(session, plain, path, kind, importance=matrix if kind in NEED_IMPORTANCE else None)
    main = MAIN.get(kind, kind.removesuffix("_S").removesuffix("_M").removesuffix("_L"))
    main = kind if kind in ("IQ3_S", "IQ1_M", "IQ1_S") else main
    assert read_header(path).types()[main] >= 8, kind
    assert path.stat().st_size < bytes_needed(1_000_000, kind) + 2**20
    session.load(path)
    return float(compare_logits(session, replace(reference, logits=reference.logits[:64]))["divergence"])


COARSE = [kind for kind in FILE_TYPES if kind.startswith(("IQ", "TQ", "MX")) or kind in ("Q1_0", "Q2_0", "Q2_K_S")]


def test_every_type_runs_and_the_finer_ones_are_closer(wide: Path, session: Session, tmp_path: Path) -> None:
    reference = Reference.of(wide)
    found = {kind: quantised(kind, wide, session, tmp_path, reference) for kind in FILE_TYPES if kind not in COARSE}
    assert found["Q8_0"] < found["Q6_K"] < found["Q5_K_M"] < found["Q4_K_M"] < found["Q3_K_M"] < found["Q2_K"]
    assert found["Q8_0"] < 0.01


@pytest.mark.slow
def test_the_coarse_ones_run(wide: Path, session: Session, tmp_path: Path) -> None:
    reference = Reference.of(wide)
    for kind in COARSE:
        assert 0 < quantised(kind, wide, session, tmp_path, reference) < 3, kind


def test_types_that_need_an_importance_matrix_are_those_that_llama_cpp_refuses(
    wide: Path, session: Session, tmp_path: Path
) -> None:
    convert(wide, tmp_path / "plain.gguf", "F16")
    for kind in NEED_IMPORTANCE:
        with pytest.raises(DataError, match="importance matrix"):
            quantize(session, tmp_path / "plain.gguf", tmp_path / "a.gguf", kind)
    assert not (tmp_path / "a.gguf").exists()


def test_an_importance_matrix_changes_the_weights(wide: Path, session: Session, tmp_path: Path) -> None:
    plain = tmp_path / "plain.gguf"
    convert(wide, plain, "F16")
    columns = np.where(np.arange(256) < 8, 1000.0, 0.01)
    name = "blk.0.attn_q.weight"
    quantize(session, plain, tmp_path / "even.gguf", "Q4_K_S")
    quantize(session, plain, tmp_path / "told.gguf", "Q4_K_S", importance=write_old(tmp_path / "m", {name: columns}, 1))

    def error(path: Path) -> float:
        """Mean square over the columns that were said to matter."""
        read = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}[name]
        exact = {tensor.name: tensor for tensor in gguf.GGUFReader(plain).tensors}[name]
        values = gguf.quants.dequantize(read.data, read.tensor_type)
        return float(((values - exact.data.astype(np.float32)) ** 2)[:, :8].mean())

    assert error(tmp_path / "told.gguf") < 0.7 * error(tmp_path / "even.gguf")


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
