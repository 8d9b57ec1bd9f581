from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, read_json, read_rows, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.gpt.check import check
from pipeline.gpt.episodes import Episodes
from pipeline.gpt.tokens import save_tokenizer
from pipeline.stages import echo, format_lock, prepare
from tests.gpt.tokenizer import tiny_tokenizer
from tests.training.rig import context_of, trace


def made(out: Path, inputs: Any = None, **settings: Any) -> tuple[Row, Any]:
    context = context_of(prepare.Config(**settings), inputs or {}, out)
    return prepare.run(context), context


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_tokenizer(tiny_tokenizer(), tmp_path / "model", 64)
    return tmp_path / "model"


@pytest.fixture
def episodes(tmp_path: Path) -> Path:
    echo.run(context_of(echo.Config(gibberish="include", examples=300), {}, tmp_path / "echo"))
    return tmp_path / "echo"


def texts(folder: Path, side: str) -> list[str]:
    tokenizer = tiny_tokenizer()
    held = Episodes(folder / side)
    return [tokenizer.decode(held[n][0].tolist(), skip_special_tokens=False) for n in range(len(held))]


def asked(text: str) -> str:
    return text.split("<myPT_user>")[1].split("</myPT_user>")[0]


def test_rows_become_a_set_without_a_fault_split_by_payload(tmp_path: Path, model: Path, episodes: Path) -> None:
    summary, context = made(tmp_path / "out", {"rows": episodes, "tokenizer": model})
    faults, found = check(tmp_path / "out")
    assert faults == [] and found["train"]["episodes"] + found["val"]["episodes"] == 300
    assert 24 <= found["val"]["episodes"] <= 30
    told = read_json(tmp_path / "out" / "prepared.json")
    assert told["train"] == summary["train"] and told["padded"] == 320 and told["vocabulary"] == 272
    assert summary["train"]["sources"].keys() == {"echo", "gibberish"} == summary["fertility"].keys()
    payloads = {row["messages"][1]["content"]: row["payload"] for row in read_rows(episodes / "rows.jsonl")}
    sides = {
        side: {
            payloads[text.split("<myPT_user>")[1].split("</myPT_user>")[0]] for text in texts(tmp_path / "out", side)
        }
        for side in ("train", "val")
    }
    assert sides["val"] and not sides["train"] & sides["val"]
    assert context.effective == {}
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_every_fact_is_trained_on(tmp_path: Path, model: Path) -> None:
    format_lock.run(context_of(format_lock.Config(mode="minimal", math="exclude"), {}, tmp_path / "rows"))
    made(tmp_path / "out", {"rows": tmp_path / "rows", "tokenizer": model})
    learnt = {asked(text) for text in texts(tmp_path / "out", "train")}
    rows = list(read_rows(tmp_path / "rows" / "rows.jsonl"))
    facts = {row["fact"] for row in rows if "fact" in row}
    assert facts == {row["fact"] for row in rows if "fact" in row and row["messages"][1]["content"] in learnt}


def test_what_an_unfinished_attempt_left_is_written_anew(tmp_path: Path, model: Path, episodes: Path) -> None:
    inputs = {"rows": episodes, "tokenizer": model}
    made(tmp_path / "out", inputs)
    again, _ = made(tmp_path / "out", inputs, shard=2000)
    assert check(tmp_path / "out")[0] == [] and len(Episodes(tmp_path / "out" / "train").shards) > 5
    made(tmp_path / "out", inputs)
    assert len(Episodes(tmp_path / "out" / "train").shards) == 1 and again["train"]["episodes"] > 250


def test_a_vocabulary_trained_here_reads_the_corpus_too(tmp_path: Path, episodes: Path) -> None:
    summary, _ = made(tmp_path / "a", {"corpus": {"echo": episodes}}, input="novel", tokenization="bpe",
                      vocabulary=300, block_size=128)  # fmt: skip
    assert summary["vocabulary"] == 315 and summary["documents"] == 1 and summary["padded"] == 320
    assert check(tmp_path / "a")[0] == []
    assert 0 < summary["val"]["tokens"] < 0.25 * summary["train"]["tokens"]
    assert summary["train"]["loss_tokens"] == summary["train"]["tokens"]
    _, context = made(tmp_path / "b", {"rows": episodes, "tokenizer": tmp_path / "a"}, tokenization="bpe")
    assert context.effective["tokenization"]["in_effect"] is None
    assert read_json(tmp_path / "b" / "prepared.json")["tags_hash"] == summary["tags_hash"]


def test_broken_tags_are_refused_or_left_out_and_counted(tmp_path: Path, model: Path) -> None:
    rows: list[Row] = []
    for n in range(20):
        said = [{"role": "user", "content": f"u{n}"}, {"role": "assistant", "content": f"a{n}"}]
        rows.append({"id": f"r{n}", "messages": said})
    rows[3]["messages"][0]["content"] = "a</myPT_user>"
    rows[4]["messages"] = rows[4]["messages"][::-1]
    write_rows(tmp_path / "gold.jsonl", rows)
    with pytest.raises(DataError, match="2 conversations cannot be written with the tags, first r3"):
        made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "gold.jsonl")
    summary, _ = made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "gold.jsonl", strict=False)
    assert summary["train"]["episodes"] + summary["val"]["episodes"] == 18
    assert [row["id"] for row in read_rows(tmp_path / "out" / "left_out.jsonl")] == ["r3", "r4"]
    rows[0] = {"text": "no conversation"}
    write_rows(tmp_path / "gold.jsonl", rows)
    with pytest.raises(DataError, match="row 1: it has no `messages`"):
        made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "gold.jsonl")


def test_traces_keep_the_split_that_they_have(tmp_path: Path, model: Path) -> None:
    rows = [trace(n, 0, split="heldout" if n < 3 else "train", thought="hm" if n else "") for n in range(10)]
    write_rows(tmp_path / "traces" / "rows.jsonl", rows)
    summary, context = made(tmp_path / "out", {"rows": tmp_path / "traces", "tokenizer": model}, block_size=40)
    assert (summary["train"]["episodes"], summary["val"]["episodes"]) == (7, 3)
    assert summary["train"]["cut"] + summary["val"]["cut"] == 10
    assert "say themselves" in context.effective["val_split"]["why"]


def test_plain_text_of_files_is_learnt_whole(tmp_path: Path, model: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("b", "a"):
        (tmp_path / "texts" / f"{name}.txt").write_text(f"{name} text\n" * 40, encoding="utf-8")
    summary, _ = made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "texts", block_size=16, val_split=0)
    assert summary["documents"] == 2 and summary["val"]["episodes"] == 0
    assert (
        "".join(texts(tmp_path / "out", "train"))
        == "a text\n" * 40 + "<|endoftext|>" + "b text\n" * 40 + "<|endoftext|>"
    )
    (tmp_path / "texts" / "c.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"c.txt is not UTF-8"):
        made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "texts", block_size=16)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds nothing to prepare"):
        made(tmp_path / "out", {"tokenizer": model}, input=tmp_path / "empty")


def test_plan_tells_the_training_what_it_will_have(tmp_path: Path, model: Path) -> None:
    def data(inputs: Any = None, expected: Any = None, **settings: Any) -> dict[str, Any]:
        config = prepare.Config(tokenization="bpe", **settings)
        found = prepare.plan(PlanContext(config, inputs or {}, 7, tmp_path, expected=expected or {}))
        return next((dict(finding.data) for finding in found if finding.data), {})

    write_rows(
        tmp_path / "rows.jsonl",
        [
            {
                "messages": [
                    {"role": "user", "content": f"Say {number}."},
                    {"role": "assistant", "content": f"{number}."},
                ]
            }
            for number in range(20)
        ],
    )
    assert data({"rows": tmp_path}, vocabulary=300) == {"episodes": 18, "vocabulary": 320}
    assert data({"rows": tmp_path, "tokenizer": model}) == {"episodes": 18, "vocabulary": 320}
    to_come = {"rows": {"rows": 50}, "tokenizer": {"config": {"vocab_size": 576}}}
    assert data(expected=to_come, val_split=0.5) == {"episodes": 25, "vocabulary": 576}


def test_plan_knows_what_is_missing_and_what_has_no_effect(tmp_path: Path, model: Path) -> None:
    def plan(inputs: Any = None, **settings: Any) -> list[tuple[str, str]]:
        found = prepare.plan(PlanContext(prepare.Config(**settings), inputs or {}, 7, tmp_path))
        return [(finding.level, finding.text.split(":")[0]) for finding in found if finding.level != "note"]

    write_rows(tmp_path / "rows.jsonl", [])
    levels = plan(gpt2=str(tmp_path / "none"))
    assert levels[0] == ("fault", "There is nothing to prepare.") and levels[1][1].startswith(
        "GPT-2's vocabulary cannot"
    )
    assert plan({"rows": tmp_path, "tokenizer": model}, vocabulary=300) == [
        ("warning", "`vocabulary` has no effect")
    ]  # fmt: skip
    assert plan({"rows": tmp_path}, tokenization="bpe", vocabulary=300) == []
    assert plan({"rows": tmp_path, "corpus": {}, "tokenizer": model})[0][1].startswith("`corpus` has no effect")
    assert plan({"tokenizer": model}, input=tmp_path / "gone")[0][0] == "fault"
    with pytest.raises(ConfigError, match="nothing to prepare"):
        made(tmp_path / "out", {"tokenizer": model})
