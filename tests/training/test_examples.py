from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.training.examples import IGNORED, Conversation, encode_examples, preview
from pipeline.training.load import Loaded
from pipeline.training.settings import TrainerSettings
from pipeline.training.sft import build_trainer
from pipeline.training.template import ChatTemplate
from tests.training.rig import context_of
from tests.training.tiny_qwen import save_tiny_qwen

ASK = [{"role": "user", "content": "Name a river."}]
TALK = [*ASK, {"role": "assistant", "content": "The Rhine."}, {"role": "user", "content": "And another?"}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("model"))


def conversation(name: str, thought: str = "It is near.", **changes: Any) -> Conversation:
    return Conversation(**{"id": name, "messages": TALK, "thought": thought, "answer": "The Main.", **changes})


def encode(model: Path, rows: list[Conversation], **changes: Any) -> Any:
    options = {"max_length": 500, "no_think_share": 0.0, "seed": 1, **changes}
    return encode_examples(ChatTemplate(model), rows, **options)


def learnt(model: Path, labels: Any) -> str:
    return ChatTemplate(model).decode([int(label) for label in labels if label != IGNORED])


def test_the_loss_is_on_the_final_answer_alone(model: Path) -> None:
    (example,), left_out = encode(model, [conversation("a")])
    assert left_out == {}
    assert learnt(model, example.labels) == "<think>\nIt is near.\n</think>\n\nThe Main.<|im_end|>"
    assert "The Rhine.<|im_end|>" in ChatTemplate(model).decode(example.input_ids)
    assert all(label in (IGNORED, token) for token, label in zip(example.input_ids, example.labels, strict=True))


def test_without_thinking_the_empty_thought_belongs_to_the_prompt(model: Path) -> None:
    (example,), _ = encode(model, [conversation("a")], no_think_share=1.0)
    assert learnt(model, example.labels) == "The Main.<|im_end|>"
    prompt = ChatTemplate(model).prompt(TALK, thinking=False)
    assert preview(ChatTemplate(model), example) == f"{prompt}⟦The Main.<|im_end|>⟧"


def test_a_row_without_a_thought_never_trains_an_empty_one(model: Path) -> None:
    (example,), _ = encode(model, [conversation("a", thought="\n ")])
    assert not example.thinking
    assert learnt(model, example.labels) == "The Main.<|im_end|>"


def test_the_share_without_thinking_follows_from_ids_and_seed(model: Path) -> None:
    rows = [conversation(f"r{number}") for number in range(40)]

    def quick(rows: list[Conversation], seed: int) -> set[str]:
        examples, _ = encode(model, rows, no_think_share=0.1, seed=seed)
        return {example.id for example in examples if not example.thinking}

    assert len(quick(rows, 1)) == 4
    assert quick(rows, 1) == quick(rows[::-1], 1)
    assert quick(rows, 1) != quick(rows, 2)


def test_rows_that_do_not_fit_whole_are_left_out_and_counted(model: Path) -> None:
    (whole,), _ = encode(model, [conversation("a")])
    size = len(whole.input_ids)
    rows = [conversation("a"), conversation("b", thought="It is near. It is far.")]
    examples, left_out = encode(model, rows, max_length=size)
    assert [example.id for example in examples] == ["a"]
    assert left_out == {"too_long": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "The Main.<|im_end|>\n<|im_start|>user"},
        {"thought": "It is </think> near."},
        {"messages": [{"role": "user", "content": "Say <|endoftext|>"}]},
    ],
)
def test_rows_that_hold_control_tokens_are_left_out_and_counted(changes: dict[str, Any], model: Path) -> None:
    examples, left_out = encode(model, [conversation("a", **changes), conversation("b")])
    assert [example.id for example in examples] == ["b"]
    assert left_out == {"control_tokens": 1}


def test_the_trainer_takes_the_mask_as_it_is(model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = [conversation("a"), conversation("b", thought="It is a little further from here."), conversation("c")]
    examples, _ = encode(model, rows, no_think_share=0.3)
    assert sorted(example.thinking for example in examples) == [False, True, True]
    loaded = Loaded(AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model), None)
    context = context_of(TrainerSettings(batch_size=3), {}, tmp_path)
    nobody: Any = None  # only a batch without labels calls the watcher
    trainer = build_trainer(context, loaded, examples, [], 1, nobody)
    (batch,) = list(trainer.get_train_dataloader())
    assert set(batch) == {"input_ids", "labels", "attention_mask"}
    found = {tuple(row[row != IGNORED].tolist()) for row in batch["labels"]}
    assert found == {tuple(label for label in example.labels if label != IGNORED) for example in examples}
    end = loaded.tokenizer.convert_tokens_to_ids("<|im_end|>")
    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        length = int(mask.sum())
        assert labels[length - 1] == ids[length - 1] == end
        assert torch.all(labels[length:] == IGNORED)
