from __future__ import annotations

import json
import os
from pathlib import Path

from pipeline.engine.artifacts import Workspace
from tui.partners import named, partners


def test_files_the_newest_first_then_servers_of_presets(tmp_path: Path) -> None:
    for place, name in enumerate(("export-aaaaaaaaaaaa", "export-bbbbbbbbbbbb")):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "made.json").write_text(
            json.dumps({"kind": "gguf", "files": {}, "digest": "", "inputs": {}}), "utf-8"
        )
        (folder / "model.gguf").write_bytes(b"GGUF")
        os.utime(folder / "model.gguf", (1000 + place, 1000 + place))
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "mine.toml").write_text(
        '[providers.lab]\nkind = "openai"\nmodel = "big"\nbase_url = "http://localhost:1/v1"\n'
        '[providers.other]\nkind = "offline"\n', "utf-8",
    )  # fmt: skip
    (configs / "broken.toml").write_text("[[", "utf-8")
    found = partners(Workspace(tmp_path), [configs])
    assert [partner.label for partner in found] == [
        "export-bbbbbbbbbbbb/model.gguf",
        "export-aaaaaaaaaaaa/model.gguf",
        "big at http://localhost:1/v1 (mine, lab)",
    ]
    assert found[-1].load == {"server": "lab", "preset": "mine"}


def test_what_a_person_types_is_a_server_or_a_file() -> None:
    server, file = named(" http://localhost:1/v1 some model "), named("a b.gguf")
    assert server is not None
    assert server.load == {"server": "http://localhost:1/v1", "model": "some model"}
    assert file is not None
    assert file.load == {"model": "a b.gguf"}
    assert named("  ") is None
