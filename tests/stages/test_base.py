import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.engine.events import Emitter
from pipeline.engine.rows import read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import base, prompts
from pipeline.tasks.offline_teacher.write import write
from pipeline.tasks.plain_text import document, gather

SMALL = {"width": 32, "heads": 2, "head_size": 16, "feed_forward": 32, "vocabulary": 500, "context": 128}
SHORT = {"steps": 3, "batch": 2, "length": 48}


def context(config, out, events=None, **inputs):
    kept = [] if events is None else events
    return Context(config, inputs, out, 7, Emitter(lambda kind, data: kept.append((kind, data))))


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    out = tmp_path_factory.mktemp("prompts")
    prompts.run(context(prompts.Config(), out))
    return out


@pytest.fixture(scope="module")
def made(bank, tmp_path_factory):
    out = tmp_path_factory.mktemp("base")
    return out, base.run(context(base.Config(**SMALL, **SHORT), out, prompts=bank))


def test_the_tiny_model_is_a_finished_hugging_face_directory(made):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out, summary = made
    assert base.model_files(out)
    assert not (out / base.CHECKPOINT).exists()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.config.model_type == "qwen3" and model.config.tie_word_embeddings
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert summary["parameters"] == model.num_parameters()
    assert summary["vocabulary"] == len(tokenizer) == model.config.vocab_size
    assert summary["tokens"] == 3 * 2 * 48
    assert {"source", "commit", "steps", "loss", "copy_accuracy"} <= summary.keys()


def test_the_same_seed_makes_the_same_model(made, bank, tmp_path):
    base.run(context(base.Config(**SMALL, **SHORT), tmp_path, prompts=bank))
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes()


def test_the_text_holds_every_token_of_the_teachers_good_traces(bank):
    """A LoRA adapter leaves the embeddings alone, so a token that the base never saw stays strange to it."""
    from random import Random

    rows = list(read_rows(bank / "rows.jsonl"))
    source = gather(rows)
    config = base.Config()
    random = Random("7/tokenizer")
    known = [*source.prompts, *source.paragraphs, *(document(random, source).text for _ in range(base.SAMPLE))]
    tokenizer = base.train_tokenizer(known, config.vocabulary, config.context)
    stream = Random("7/stream")
    seen = {token for _ in range(6000) for token in tokenizer.encode(document(stream, source).text)}
    wanted = set()
    for row in rows:
        if row["split"] == "train":
            thought, answer = write(row, "chosen", 0, 7)
            wanted.update(tokenizer.encode(f"<think>\n{thought}\n</think>\n\n{answer}<|im_end|>"))
    assert not [tokenizer.decode([token]) for token in sorted(wanted - seen)]


def test_a_folder_is_brought_as_it_is(made, tmp_path):
    source = made[0]
    config = base.Config(source=str(source))
    summary = base.run(context(config, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in base.model_files(source)}
    assert (tmp_path / "model.safetensors").read_bytes() == (source / "model.safetensors").read_bytes()
    assert summary["files"] == len(list(tmp_path.iterdir())) and summary["commit"] == ""
    assert base.pins(config)["content"]


def test_a_hub_model_without_a_network_is_one_clear_error(tmp_path):
    script = (
        "from pathlib import Path; from pipeline.engine.events import Emitter; from pipeline.engine.stage import *\n"
        "from pipeline.stages import base; from pipeline.engine.errors import PipelineError\n"
        "config = base.Config(source='somebody/some-model')\n"
        "print(base.pins(config))\n"
        "print([(f.level, f.text) for f in base.plan(PlanContext(config, {}, 7, Path('.')))])\n"
        "try: base.run(Context(config, {}, Path('.'), 7, Emitter(lambda *_: None)))\n"
        "except PipelineError as error: print(type(error).__name__, error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    pins, findings, error = found.stdout.split("\n", 2)
    assert pins == "{}"
    assert "'fault'" in findings and "local cache" in findings
    assert (
        error.startswith("ProviderError") and "somebody/some-model" in error and "name its folder as `source`" in error
    )


def test_plan_says_what_it_takes_and_what_has_no_effect(made, tmp_path):
    def findings(**settings):
        return base.plan(PlanContext(base.Config(**settings), {}, 7, tmp_path))

    note, space = findings(**SMALL, **SHORT)
    assert note.level == "note" and note.data["tokens"] == 3 * 2 * 48 and note.data["parameters"] > 0
    assert space.data["disk"]["stays"] > 4 * note.data["parameters"]
    assert "revision" in findings(revision="x")[0].text
    levels = [(finding.level, finding.text) for finding in findings(source=str(made[0]), steps=9, revision="x")]
    assert [level for level, _ in levels] == ["warning", "warning", "note", "note", "note"]
    assert findings(source=str(tmp_path / "nothing"))[0].level == "fault"


def test_a_missing_extra_is_named_before_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "trl" else object())
    (fault,) = base.plan(PlanContext(base.Config(), {}, 7, tmp_path))
    assert fault.level == "fault" and "trl" in fault.text and "[train]" in fault.mend


def test_it_needs_no_prompts(tmp_path):
    torch.manual_seed(0)
    summary = base.run(context(base.Config(**SMALL, **SHORT), tmp_path))
    assert summary["steps"] == 3


def test_a_gpt2_is_foreseen_for_the_track_that_reads_it(tmp_path: Path) -> None:
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 8}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    found = base.plan(PlanContext(base.Config(source=str(tmp_path)), {}, 7, tmp_path))
    assert any(finding.data.get("config") == config for finding in found)
