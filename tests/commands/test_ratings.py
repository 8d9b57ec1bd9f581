"""`stage ratings`, as a person types it, with a relative path from a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_ratings_of_a_table_of_battles(tmp_path: Path) -> None:
    rows = ["model_a,model_b,winner", "alpha,beta,model_a", "delta,beta,TIE", "delta,\x1b[31mbeta,both_bad", "x,y"]
    (tmp_path / "battles.csv").write_text("\r\n".join(rows), encoding="utf-8")
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "stage", "ratings", "--battles", "battles.csv", "--out", "rated"],
        capture_output=True, text=True, check=False, encoding="utf-8", cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ratings = json.loads((tmp_path / "rated" / "ratings.json").read_text("utf-8"))
    assert {row["model"]: row["games"] for row in ratings} == {"alpha": 1, "beta": 2, "delta": 2, "␛[31mbeta": 1}
    assert "1 of 4 rows are left out, see left_out.jsonl: bad_columns 1." in done.stdout
    assert "\x1b[31mbeta" not in done.stdout and "␛[31mbeta" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "│ alpha" in line]
    assert "from " in line, "who never lost has no upper bound"
