"""Export of what our converter does not know, and what goes with the files: origin, bundle, hub."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError, ProviderError, StageFailed
from pipeline.engine.events import Emitter
from pipeline.engine.rows import read_json, write_json
from pipeline.engine.stage import Context, PlanContext
from pipeline.gguf.header import read_header
from pipeline.gguf.reference import Reference
from pipeline.stages.export import STAGE, Config, plan, run
from tests.gguf.tiny import save_tiny_model

CONVERTER = """
    import json, shutil, sys
    from pathlib import Path
    from pipeline.gguf.convert import About, convert

    source, words = Path(sys.argv[1]), dict(zip(sys.argv[2::2], sys.argv[3::2]))
    config = json.loads((source / "config.json").read_text())
    if config.get("broken"):
        sys.exit("Traceback: this architecture is not supported")
    told = json.loads(Path(words["--metadata"]).read_text())
    plain = Path(words["--outfile"]).parent / "plain"
    shutil.copytree(source, plain)
    config["rope_parameters"]["rope_type"] = "default"
    (plain / "config.json").write_text(json.dumps(config))
    convert(plain, Path(words["--outfile"]), words["--outtype"].upper(), About(told["general.name"]))
    shutil.rmtree(plain)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "merge-0123", width=64)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as is looked at; its converter takes any rotary scaling for none."""
    folder = tmp_path / "llama.cpp"
    (folder / "conversion").mkdir(parents=True)
    (folder / "convert_hf_to_gguf.py").write_text(textwrap.dedent(CONVERTER), encoding="utf-8")
    return folder


@pytest.fixture
def strange(model: Path, tmp_path: Path) -> Path:
    return changed(
        model, tmp_path / "strange", rope_parameters={"rope_type": "dynamic", "rope_theta": 2e4, "factor": 1.0}
    )


def changed(model: Path, folder: Path, **settings: Any) -> Path:
    shutil.copytree(model, folder)
    write_json(folder / "config.json", read_json(folder / "config.json") | settings)
    return folder


def context_for(source: Path, out: Path, root: Path = Path(), **settings: Any) -> tuple[Context, list[tuple[str, Any]]]:
    events: list[tuple[str, Any]] = []
    out.mkdir(exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    return Context(Config(**settings), {"model": source}, out, 7, emit, root=root), events


def test_a_checkout_converts_what_ours_does_not_know(strange: Path, checkout: Path, tmp_path: Path) -> None:
    asked = {"types": ["F16", "Q8_0"], "llama_cpp": str(checkout), "model_name": "odd"}
    context, _ = context_for(strange, tmp_path / "out", **asked)
    summary = run(context)
    assert summary["converter"] == "llama.cpp"
    assert summary["files"]["odd-F16.gguf"]["verified"]["max_difference"] < 0.01
    assert read_header(context.out / "odd-F16.gguf").keys["general.name"] == "odd"
    assert not list(context.out.glob("*.part"))
    notes = [finding.text for finding in plan(PlanContext(Config(**asked), {"model": strange}, 7, tmp_path))]
    assert any("dynamic" in note or "cannot be exported" in note for note in notes)
    before = STAGE.pins(Config(**asked))
    (checkout / "conversion" / "new.py").write_text("x = 1\n", encoding="utf-8")
    assert STAGE.pins(Config(**asked)) != before
    (checkout / "README.md").write_text("of no effect", encoding="utf-8")
    assert len({*STAGE.pins(Config(**asked)).values()}) == 1


def test_without_a_checkout_the_error_says_that_one_may_be_named(strange: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        run(context_for(strange, tmp_path / "out")[0])
    assert "llama_cpp" in told.value.mend
    (fault,) = plan(PlanContext(Config(), {"model": strange}, 7, tmp_path))
    assert fault.level == "fault"


def test_what_its_converter_says_is_handed_on(model: Path, checkout: Path, tmp_path: Path) -> None:
    broken = changed(model, tmp_path / "broken", model_type="gemma", broken=True)
    context, _ = context_for(broken, tmp_path / "out", llama_cpp=str(checkout))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(StageFailed) as told:
        patch.setattr(Reference, "of", lambda _: Reference("", [], None, "", [], 0))
        run(context)
    assert "architecture is not supported" in told.value.why
    with pytest.raises(ConfigError, match="no checkout"):
        run(context_for(broken, tmp_path / "other", llama_cpp=str(tmp_path))[0])


def test_a_checkout_that_is_not_needed_is_told(model: Path, checkout: Path, tmp_path: Path) -> None:
    findings = plan(PlanContext(Config(types=["F16"], llama_cpp=str(checkout)), {"model": model}, 7, tmp_path))
    assert [finding.level for finding in findings if "llama_cpp" in finding.text] == ["warning"]


def made(folder: Path, stage: str, **changes: Any) -> None:
    row = {
        "artifact": folder.name, "step": stage, "stage": stage, "kind": "model", "described": {"source": "tiny"},
        "effective": {}, "inputs": {}, "seed": 7, "summary": {}, "run": "20260101-nano-ab12", "files": {}, "digest": "",
    }  # fmt: skip
    write_json(folder / "made.json", row | changes)


@pytest.fixture
def workspace(model: Path, tmp_path: Path) -> Path:
    """A hub model, an SFT with a name that tries to be markup, and the merge of both."""
    root = tmp_path / "root"
    base, sft, merge = (root / "models" / name for name in ("base-1", "sft-2", "merge-3"))
    shutil.copytree(model, merge)
    for folder in (base, sft):
        folder.mkdir()
    made(base, "base", summary={"source": "somebody/Their-8B", "commit": "abc"})
    evil = {"learning_rate": 0.1, "note": "<script>alert(1)</script>\n# Heading\u202e"}
    changes = {"rank": {"asked": 16, "in_effect": "| 8 |", "why": "`memory`"}}
    made(sft, "sft", described=evil, effective=changes, inputs={"model": {"base": {"path": "base-1"}}})
    made(merge, "merge", inputs={"model": {"base": {"path": "base-1"}}, "adapter": {"sft": {"path": "sft-2"}}})
    return root


def test_the_file_says_which_run_made_the_model(workspace: Path, tmp_path: Path) -> None:
    context, _ = context_for(workspace / "models" / "merge-3", tmp_path / "out", workspace, types=["F16"])
    run(context)
    keys = read_header(context.out / "model-F16.gguf").keys
    assert (keys["training_cockpit.run"], keys["training_cockpit.artifact"]) == ("20260101-nano-ab12", "merge-3")
    assert keys["general.base_model.0.name"] == "somebody/Their-8B"


def test_a_bundle_has_a_modelfile_and_a_card(workspace: Path, tmp_path: Path) -> None:
    scores = workspace / "data" / "evaluate-4"
    scores.mkdir(parents=True)
    contestants = {
        "base": {"reward": 0.25, "outcomes": {"answered": 8}},
        "tuned": {"reward": 0.5, "outcomes": {"answered": 8}},
    }
    made(scores, "evaluate", summary={"prompts": 4, "contestants": contestants})
    settings = {"types": ["Q8_0"], "bundle": True, "license": "apache-2.0"}
    context, _ = context_for(workspace / "models" / "merge-3", tmp_path / "out", workspace, **settings)
    context.inputs = {**context.inputs, "evaluation": scores}
    summary = run(context)
    assert summary["bundle"] == ["Modelfile", "README.md"]
    modelfile = (context.out / "Modelfile").read_text(encoding="utf-8")
    assert modelfile.startswith("FROM ./model-Q8_0.gguf\n")
    assert 'PARAMETER stop "<|im_end|>"' in modelfile
    assert '{{ if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n{{ end }}' in modelfile
    card = (context.out / "README.md").read_text(encoding="utf-8")
    assert 'base_model: "somebody/Their-8B"\nlicense: "apache-2.0"' in card
    assert "| tuned | 0.500 | 8 |" in card
    assert card.index("### base") < card.index("### sft") < card.index("### merge")
    assert "\n# Heading" not in card
    assert "\u202e" not in card
    assert "    " + '  "learning_rate": 0.1,' in card
    assert r'rank: "\| 8 \|" instead of 16, since \`memory\`.' in card


def test_nothing_is_pushed_unasked_and_only_the_bundle_when_asked(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Any]] = []

    class Hub:
        def create_repo(self, repository: str, **options: Any) -> str:
            calls.append(("create", (repository, options["private"])))
            return f"https://hub.example/{repository}"

        def upload_folder(self, **options: Any) -> None:
            calls.append(("upload", options))
            if options["repo_id"] == "me/refused":
                raise OSError("403 Forbidden")

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    run(context_for(model, tmp_path / "quiet", types=["F16"], bundle=True)[0])
    assert calls == []
    context, _ = context_for(model, tmp_path / "out", types=["F16"], bundle=True, push_to="me/model")
    assert run(context)["pushed"] == "https://hub.example/me/model"
    assert calls[0] == ("create", ("me/model", True))
    assert calls[1][1]["allow_patterns"] == ["model-F16.gguf", "Modelfile", "README.md"]
    assert calls[1][1]["folder_path"] == context.out
    context, _ = context_for(model, tmp_path / "out", types=["F16"], bundle=True, push_to="me/refused")
    with pytest.raises(ProviderError, match="could not be pushed") as told:
        run(context)
    assert told.value.why == "403 Forbidden"
    assert "HF_TOKEN" in told.value.mend
    assert (context.out / "model-F16.gguf").is_file()


def test_a_model_without_a_chat_template_is_told(tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "gpt", "gpt2", width=64)
    context, events = context_for(source, tmp_path / "out", types=["F16"], bundle=True)
    assert run(context)["files"]["model-F16.gguf"]["verified"]["prompts"] == 0
    assert any(kind == "alert" and "no chat template" in data["text"] for kind, data in events)
    assert "{{ .Prompt }}" in (context.out / "Modelfile").read_text(encoding="utf-8")


def test_tensors_that_fall_back_are_told(tmp_path: Path) -> None:
    source = save_tiny_model(tmp_path / "model", width=256, intermediate_size=320)
    context, _ = context_for(source, tmp_path / "out")
    file = run(context)["files"]["model-Q6_K.gguf"]
    assert file["fallbacks"] == {"Q8_0": 2}
    assert context.effective["types: model-Q6_K.gguf"]["in_effect"] == {"Q8_0": 2}
    assert json.loads((context.out / "checked.json").read_text(encoding="utf-8"))["model-Q6_K.gguf"] == file
