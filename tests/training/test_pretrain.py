from itertools import repeat
from random import Random

import pytest
import torch

from pipeline.engine.errors import StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.stage import Context
from pipeline.training.pretrain import CHECKPOINT, WARMUP, Recipe, copy_accuracy, pack, pretrain, schedule
from pipeline.training.tiny import Sizes, build
from pipeline.training.tokenizer import train_tokenizer

SIZES = Sizes(width=32, heads=2, head_size=16, feed_forward=32, vocabulary=320, context=128)
RECIPE = Recipe(steps=6, batch=2, length=24, save_every=2, show_every=3)
EXERCISES = [("red blue. Again: red blue.", ((17, 20), (21, 25)))]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["red blue green. Again: red blue green."] * 9, 320, 128)


def texts(step):
    draw = Random(step)
    while True:
        yield " ".join(draw.choices(("red", "blue", "green"), k=5)) + "."


def context(out, events, stop=None):
    return Context(RECIPE, {}, out, 1, Emitter(lambda kind, data: events.append((kind, data))), stop_file=stop)


def train(tokenizer, out, *, stop_after=None):
    events, model = [], build(SIZES, tokenizer, 1)
    given = context(out, events)
    if stop_after is not None:
        done = iter(range(99))
        given.stop_requested = lambda: next(done) >= stop_after
    result = pretrain(given, model, tokenizer, RECIPE, texts, EXERCISES)
    return model.state_dict(), result, events


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_stopped_run_ends_with_the_same_weights(tokenizer, tmp_path, stop_after):
    whole, result, _ = train(tokenizer, tmp_path)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    with pytest.raises(StopRequested):
        train(tokenizer, stopped, stop_after=stop_after)
    weights, again, events = train(tokenizer, stopped)
    assert all(torch.equal(whole[name], weights[name]) for name in whole)
    assert again == result
    assert [data["step"] for kind, data in events if kind == "metric"] == list(range(stop_after + 1, 7))


def test_a_killed_run_goes_on_from_its_newest_checkpoint(tokenizer, tmp_path):
    whole, _, _ = train(tokenizer, tmp_path)
    # What the finished run left is its checkpoint of step 4: a run killed after that finds the same file.
    assert len(torch.load(tmp_path / CHECKPOINT, weights_only=True)["losses"]) == 4
    weights, _, events = train(tokenizer, tmp_path)
    assert [data["step"] for kind, data in events if kind == "metric"] == [5, 6]
    assert all(torch.equal(whole[name], weights[name]) for name in whole)


def test_metrics_go_out(tokenizer, tmp_path):
    _, result, events = train(tokenizer, tmp_path)
    metrics = [data for kind, data in events if kind == "metric"]
    assert all({"loss", "learning_rate", "tokens_per_second"} <= data.keys() for data in metrics)
    assert [data["step"] for data in metrics if "copy_accuracy" in data] == [3, 6]
    assert 0 <= result.copy_accuracy <= 1 and result.loss > 0


def test_rows_are_full_and_begin_with_a_document(tokenizer):
    rows = pack(tokenizer, repeat("red blue."), 3, 10)
    assert [len(row) for row in rows] == [10, 10, 10]
    assert all(row[0] == tokenizer.pad_token_id for row in rows)


def test_copy_accuracy_counts_whole_spans(tokenizer):
    class Oracle:
        def __init__(self, ids):
            self.ids = ids

        def train(self): ...

        def eval(self): ...

        def __call__(self, input_ids):  # noqa: ARG002
            logits = torch.nn.functional.one_hot(self.ids[1:], len(tokenizer)).float()[None]
            return type("Output", (), {"logits": logits})

    ids = torch.tensor([tokenizer.pad_token_id, *tokenizer.encode(EXERCISES[0][0])])
    assert copy_accuracy(Oracle(ids), tokenizer, EXERCISES) == 1
    assert copy_accuracy(Oracle(torch.zeros_like(ids)), tokenizer, EXERCISES) == 0


def test_the_learning_rate_rises_and_falls():
    rates = [schedule(step, 200) for step in range(200)]
    assert rates[0] < rates[WARMUP - 1] and max(rates) <= 1
    assert rates[WARMUP:] == sorted(rates[WARMUP:], reverse=True)
    assert rates[-1] < 0.06
