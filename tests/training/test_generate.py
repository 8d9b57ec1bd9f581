import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from pipeline.engine.errors import DataError, StageFailed
from pipeline.training.generate import Job, Sampling, generate, generate_batches
from tests.training.tiny_qwen import save_tiny_qwen

QUESTIONS = [
    "Why?",
    "Name three rivers, and then three more that are longer than these, please.",
    "Is it blue?",
    "0 1 2 3",
    "Name it.",
    "the a of and to in is it the a of and",
    "Why is the sky blue?",
]
CONVERSATIONS = [[{"role": "user", "content": text}] for text in QUESTIONS]
GREEDY = Sampling(max_new_tokens=20, temperature=0.0)
DRAWN = Sampling(max_new_tokens=12, temperature=0.9, top_p=0.95)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return save_tiny_qwen(tmp_path_factory.mktemp("tiny"))


def test_greedy_equals_one_by_one(model_dir):
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    model.generation_config = GenerationConfig()
    answers = generate(model_dir, CONVERSATIONS, GREEDY, seed=1, batch_size=3)
    for conversation, (answer,) in zip(CONVERSATIONS, answers, strict=True):
        ids = tokenizer.apply_chat_template(
            conversation, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        with torch.inference_mode():
            output = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=GenerationConfig(
                    max_new_tokens=20, do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=0
                ),
            )[0, ids.shape[1] :].tolist()
        ended = tokenizer.eos_token_id in output
        expected = output[: output.index(tokenizer.eos_token_id)] if ended else output
        assert answer.text == tokenizer.decode(expected)
        assert answer.finish == ("stop" if ended else "length")
        assert answer.tokens == len(output)


def test_the_author_s_advice_on_sampling_is_not_taken(tmp_path):
    advised = save_tiny_qwen(tmp_path / "advised")
    plain = generate(advised, CONVERSATIONS, DRAWN, seed=1, batch_size=4)
    path = advised / "generation_config.json"
    advice = {"top_k": 1, "repetition_penalty": 5.0, "temperature": 0.1, "do_sample": True}
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | advice), encoding="utf-8")
    assert [[c.text for c in row] for row in generate(advised, CONVERSATIONS, DRAWN, seed=1, batch_size=4)] == [
        [c.text for c in row] for row in plain
    ]


def test_results_come_in_the_order_of_the_conversations(model_dir):
    forward = generate(model_dir, CONVERSATIONS, GREEDY, seed=1, batch_size=2)
    backward = generate(model_dir, CONVERSATIONS[::-1], GREEDY, seed=1, batch_size=2)
    assert [row[0].text for row in forward] == [row[0].text for row in backward][::-1]


def test_samples_differ_and_the_seed_repeats_them(model_dir):
    first = generate(model_dir, CONVERSATIONS, DRAWN, seed=4, batch_size=4, samples=3)
    again = generate(model_dir, CONVERSATIONS, DRAWN, seed=4, batch_size=4, samples=3)
    other = generate(model_dir, CONVERSATIONS, DRAWN, seed=5, batch_size=4, samples=3)
    texts = [[c.text for c in row] for row in first]
    assert texts == [[c.text for c in row] for row in again]
    assert texts != [[c.text for c in row] for row in other]
    assert all(len(set(row)) > 1 for row in texts)


@pytest.mark.parametrize("killed_after", [1, 5, 9])
def test_what_a_resumed_run_draws_does_not_depend_on_what_was_done(model_dir, killed_after):
    options = {"seed": 4, "batch_size": 4, "samples": 2}
    whole = {job: c.text for batch in generate_batches(model_dir, CONVERSATIONS, DRAWN, **options) for job, c in batch}
    assert len(whole) == 14
    done = set(list(whole)[:killed_after])
    rest = [
        (job, completion.text)
        for batch in generate_batches(model_dir, CONVERSATIONS, DRAWN, **options, done=done)
        for job, completion in batch
    ]
    assert len(rest) == 14 - killed_after // 4 * 4  # whole batches alone are passed over
    assert all(whole[job] == text for job, text in rest)


def test_the_caller_s_random_state_is_left_alone(model_dir):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    generate(model_dir, CONVERSATIONS[:1], DRAWN, seed=4, batch_size=4)
    assert torch.equal(torch.rand(1), expected)


def test_nothing_loads_when_all_is_done(model_dir, monkeypatch):
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("the model was loaded"))
    done = {Job(place, 0) for place in range(len(CONVERSATIONS))}
    assert list(generate_batches(model_dir, CONVERSATIONS, GREEDY, seed=1, batch_size=4, done=done)) == []
    assert generate(model_dir, [], GREEDY, seed=1, batch_size=4) == []


def test_an_end_of_turn_stops_and_a_limit_cuts(model_dir):
    answers = generate(model_dir, CONVERSATIONS * 6, DRAWN, seed=2, batch_size=14, samples=4)
    completions = [completion for row in answers for completion in row]
    stopped = [completion for completion in completions if completion.finish == "stop"]
    cut = [completion for completion in completions if completion.finish == "length"]
    assert stopped, "a random model ends its turn now and then"
    assert cut
    assert all("<|im_end|>" not in completion.text for completion in completions)
    assert all(completion.tokens <= 12 for completion in stopped)
    assert all(completion.tokens == 12 for completion in cut)


def test_a_thought_that_the_template_opens_belongs_to_the_answer(model_dir, tmp_path):
    opening = save_tiny_qwen(tmp_path / "opening")
    template = opening / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    plain = text.replace("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'")
    assert plain != text
    template.write_text(plain, encoding="utf-8")
    answer = generate(opening, CONVERSATIONS[:1], GREEDY, seed=1, batch_size=1)[0][0]
    assert answer.text.startswith("<think>\n")
    closed = generate(model_dir, CONVERSATIONS[:1], Sampling(20, 0.0, thinking=False), seed=1, batch_size=1)[0][0]
    assert not closed.text.startswith("<think>")


def test_a_prompt_without_room_for_an_answer_is_an_error(tmp_path):
    cramped = save_tiny_qwen(tmp_path / "cramped", context=16)
    with pytest.raises(DataError, match=r"has \d+ tokens, and the model has room for 16"):
        generate(cramped, CONVERSATIONS, GREEDY, seed=1, batch_size=4)


def test_an_answer_ends_where_the_context_does(tmp_path):
    short = save_tiny_qwen(tmp_path / "short", context=24)
    answer = generate(short, CONVERSATIONS[:1], GREEDY, seed=1, batch_size=4)[0][0]
    tokenizer = AutoTokenizer.from_pretrained(short)
    prompt = tokenizer.apply_chat_template(CONVERSATIONS[0], add_generation_prompt=True, return_dict=False)
    assert answer.finish == "length"
    assert len(prompt) + answer.tokens == 24


def test_a_model_that_names_no_end_of_turn_is_an_error(tmp_path):
    endless = save_tiny_qwen(tmp_path / "endless")
    for name in ("tokenizer_config.json", "generation_config.json", "config.json", "tokenizer.json"):
        path = endless / name
        text = path.read_text(encoding="utf-8").replace("<|im_end|>", "<|no_end|>")
        values = json.loads(text)
        values.pop("eos_token", None)
        values.pop("eos_token_id", None)
        path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match="no token that ends a turn"):
        generate(endless, CONVERSATIONS, GREEDY, seed=1, batch_size=4)


def test_out_of_memory_says_what_to_lower(model_dir, monkeypatch):
    from transformers import Qwen3ForCausalLM

    def starve(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr(Qwen3ForCausalLM, "generate", starve)
    with pytest.raises(StageFailed, match="batch_size"):
        generate(model_dir, CONVERSATIONS, GREEDY, seed=1, batch_size=4)
