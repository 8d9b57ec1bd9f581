from __future__ import annotations

from pathlib import Path

from pipeline.engine.stage import PlanContext
from pipeline.gpt import model as gpt
from pipeline.gpt.tokens import save_tokenizer, tags_of
from pipeline.stages import tags
from tests.gpt.tokenizer import tiny_tokenizer
from tests.training.rig import Recorder, context_of


def test_makes_a_model_with_tags_and_foresees_its_shape(tmp_path: Path) -> None:
    base = tmp_path / "base"
    gpt.build(gpt.Shape(1, 2, 16, 32, 257), 1).save_pretrained(base)
    save_tokenizer(tiny_tokenizer(tags=()), base, 32)
    foreseen = tags.plan(PlanContext(tags.Config(), {"model": base}, 7, tmp_path))[0].data["config"]
    recorder = Recorder()
    summary = tags.run(context_of(tags.Config(), {"model": base}, tmp_path / "out", recorder))
    assert gpt.shape_of(tmp_path / "out").vocab_size == summary["vocabulary"] == foreseen["vocab_size"] == 320
    assert summary["ids"] == tags_of(tmp_path / "out")
    assert "15 tags are new" in recorder.of("log")[0]["text"]


def test_what_is_not_made_yet_is_foreseen_from_its_maker(tmp_path: Path) -> None:
    shape = gpt.Shape(1, 2, 16, 32, 50257)
    context = PlanContext(tags.Config(), {}, 7, tmp_path, expected={"model": {"config": shape.describe()}})
    assert tags.plan(context)[0].data["config"]["vocab_size"] == 50304
    assert tags.plan(PlanContext(tags.Config(), {}, 7, tmp_path)) == []
