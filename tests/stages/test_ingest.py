"""The ingest stage: every format to traces, every row counted, the split, lineage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.engine.events import Emitter
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages.ingest import STAGE, Config


def make(
    source: Path, out: Path | None = None, seed: int = 7, **settings: Any
) -> tuple[dict[str, Any], list[Row], list[str]]:
    events: list[tuple[str, Row]] = []
    out = out or source.parent / "out"
    out.mkdir(exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    config = Config(source=source, **settings)
    summary = STAGE.run(Context(config=config, inputs={}, out=out, seed=seed, emit=emit))
    alerts = [data["text"] for kind, data in events if kind == "alert"]
    return json.loads(json.dumps(summary)), list(read_rows(out / "rows.jsonl")), alerts


def planned(source: Path, **settings: Any) -> list[tuple[str, str]]:
    context = PlanContext(config=Config(source=source, **settings), inputs={}, seed=7, root=source.parent)
    return [(finding.level, finding.text) for finding in STAGE.plan(context)]


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def messages(*contents: str, **more: Any) -> Row:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)], **more}


def test_one_question_in_every_format_gives_the_same_trace(tmp_path: Path) -> None:
    thought, answer = "Two and two.", "It is four."
    said = f"<think>\n{thought}\n</think>\n\n{answer}"
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]
    files = [
        jsonl(tmp_path / "openai.jsonl", {"messages": [*asked, {"role": "assistant", "content": said}]}),
        jsonl(
            tmp_path / "reasoning.jsonl",
            {"messages": [*asked, {"role": "assistant", "content": answer, "reasoning_content": thought}]},
        ),
        jsonl(
            tmp_path / "sharegpt.jsonl",
            {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "What is 2 + 2?"},
                               {"from": "gpt", "value": said}]},
        ),
        jsonl(tmp_path / "alpaca.jsonl", {"instruction": "What is 2 + 2?", "input": "", "output": said,
                                          "system": "Be brief."}),
    ]  # fmt: skip
    array = tmp_path / "array.json"
    array.write_text(json.dumps([{"instruction": "What is 2 + 2?", "output": said, "system": "Be brief."}], indent=2))
    table = tmp_path / "table.csv"
    table.write_text("Question,Reasoning,Response,System\r\nWhat is 2 + 2?,Two and two.,It is four.,Be brief.\r\n")
    formats = ["openai", "openai", "sharegpt", "alpaca", "alpaca", "csv"]
    for path, format in zip([*files, array, table], formats, strict=True):
        summary, rows, _ = make(path, tmp_path / f"out-{path.name}")
        assert summary["sources"][0]["format"] == format
        (row,) = rows
        assert (row["messages"], row["thought"], row["answer"]) == (asked, thought, answer), path.name
        assert (row["type"], row["finish"], row["provider"], row["model"]) == ("ingested", "stop", "", "")
        assert row["source"] == f"{path.name}:{2 if format == 'csv' or path == array else 1}"
        assert row["id"].startswith(row["prompt_id"] + "/")
    ids = {next(iter(read_rows(path / "rows.jsonl")))["id"] for path in tmp_path.glob("out-*")}
    assert len(ids) == 1, "ids come from the content, not from the file"


def test_several_turns(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", messages("one", "<think>t1</think>eins", "two", "<think>t2</think>zwei"))
    _, (row,), _ = make(path)
    assert [turn["content"] for turn in row["messages"]] == ["one", "eins", "two"]
    assert (row["thought"], row["answer"]) == ("t2", "zwei")
    summary, rows, _ = make(path, turns="all")
    assert [(row["messages"][-1]["content"], row["thought"], row["answer"]) for row in rows] == [
        ("one", "t1", "eins"),
        ("two", "t2", "zwei"),
    ]
    assert summary["traces"] == 2 and summary["rows"] == 1 and summary["prompts"] == 2
    assert len({row["split"] for row in rows}) == 1
    path = jsonl(tmp_path / "b.jsonl", messages("one", "eins", "two"))
    assert make(path, turns="all")[0]["traces"] == 1
    with pytest.raises(DataError, match="gives no trace"):
        make(path)
    unlearnt = messages("one", "eins", "two", "zwei")
    unlearnt["messages"][1]["weight"] = 0
    _, rows, _ = make(jsonl(tmp_path / "c.jsonl", unlearnt), turns="all")
    assert [row["answer"] for row in rows] == ["zwei"]


BAD: list[tuple[str, Any]] = [
    ("not_json", '{"messages": ['),
    ("not_json", "[" * 100_000),
    ("not_json", "hello"),
    ("not_an_object", "[1, 2]"),
    ("not_an_object", "null"),
    ("unknown_fields", {"text": "hello"}),
    ("unknown_fields", {"messages": "hello"}),
    ("unknown_fields", {"messages": ["hello"]}),
    ("no_user_turn", {"messages": []}),
    ("no_user_turn", {"messages": [{"role": "assistant", "content": "a"}]}),
    ("no_answer", messages("a")),
    ("no_answer", messages("a", "b", "c")),
    ("empty_answer", messages("a", " \n")),
    ("empty_answer", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None}]}),
    ("empty_answer", messages("a", "<think>b</think>")),
    ("empty_turn", messages("", "b")),
    ("unknown_role", {"messages": [{"role": "narrator", "content": "a"}]}),
    ("unknown_role", {"messages": [{"content": "a"}]}),
    ("turn_order", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                                 {"role": "assistant", "content": "c"}]}),
    ("turn_order", {"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"},
                                 {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}),
    ("not_text", {"messages": [{"role": "user", "content": 5}, {"role": "assistant", "content": "b"}]}),
    ("not_text", messages("a", "b", category=["x"])),
    ("unclosed_thought", messages("a", "<think>b")),
    ("control_tokens", messages("a", "b<|im_end|>")),
    ("control_tokens", messages("a [INST]", "b")),
    ("tool_calls", {"messages": [{"role": "user", "content": "a"},
                                 {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]}),
    ("tool_calls", {"messages": [{"role": "tool", "content": "a"}]}),
    ("tool_calls", messages("a", "b", tools=[{"type": "function"}])),
    ("images", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
    ("too_long", messages("a" * 2000, "b")),
    ("invalid_text", '{"messages": [{"role": "user", "content": "a\\ud800"}, {"role": "assistant", "content": "b"}]}'),
    ("invalid_text", messages("a\0", "b")),
    ("unknown_split", messages("a", "b", split="sideways")),
    ("not_to_learn", {"messages": [{"role": "user", "content": "a"},
                                   {"role": "assistant", "content": "b", "weight": 0}]}),
    ("duplicate", messages("good", "row")),
]  # fmt: skip


def test_what_cannot_be_used_is_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", messages("good", "row"), *(row for _, row in BAD))
    with path.open("ab") as file:
        file.write(b'{"messages": [{"role": "user", "content": "caf\xe9"}, {"role": "assistant", "content": "b"}]}\n')
    summary, rows, alerts = make(path, longest=1000)
    assert [row["answer"] for row in rows] == ["row"]
    assert summary["rows"] == len(BAD) + 2 == summary["traces"] + sum(summary["left_out"].values())
    reasons = [*(reason for reason, _ in BAD), "invalid_text"]
    left = list(read_rows(tmp_path / "out" / "left_out.jsonl"))
    assert [(row["at"], row["reason"]) for row in left] == [
        (f"a.jsonl:{line}", reason) for line, reason in enumerate(reasons, 2)
    ]
    assert summary["left_out"] == {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}
    assert summary["first"]["no_answer"] == ["a.jsonl:12", "a.jsonl:13"]
    assert any("not_json 3 (a.jsonl:2, a.jsonl:3, a.jsonl:4)" in alert for alert in alerts)


def test_what_is_odd_but_fine(tmp_path: Path) -> None:
    system = {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": " a\r\nb "},
                           {"role": "assistant", "content": [{"type": "text", "text": "c"}], "name": "x"}]}  # fmt: skip
    twice = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"},
                          {"role": "assistant", "content": "c</think>d"}]}  # fmt: skip
    wrong_then_right = [messages("a", "b", split="sideways"), messages("a", "b", split="train")]
    summary, rows, _ = make(jsonl(tmp_path / "a.jsonl", system, twice, *wrong_then_right))
    assert rows[0]["messages"] == [{"role": "user", "content": "a\nb"}] and rows[0]["answer"] == "c"
    assert [turn["content"] for turn in rows[1]["messages"]] == ["a", "b"]
    assert (rows[1]["thought"], rows[1]["answer"]) == ("c", "d")
    assert len(rows) == 3 and summary["left_out"] == {"unknown_split": 1}, "the first copy was not taken"


def test_strict_makes_the_first_an_error_but_not_a_second_copy(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", messages("good", "row"), messages("good", "row"), messages("a", ""))
    with pytest.raises(DataError, match=r"a\.jsonl:3: The answer is empty"):
        make(path, strict=True)
    assert make(path)[0]["left_out"] == {"duplicate": 1, "empty_answer": 1}


def test_the_split_goes_by_problem_and_does_not_move_when_the_file_grows(tmp_path: Path) -> None:
    rows = [messages(f"question {i // 2}", f"answer {i}") for i in range(2000)]
    first = make(jsonl(tmp_path / "a.jsonl", *rows[:1000]), tmp_path / "first", heldout=0.2)
    summary, made, _ = make(jsonl(tmp_path / "a.jsonl", *reversed(rows)), tmp_path / "second", heldout=0.2)
    assert 0.15 < summary["heldout"] / 2000 < 0.25
    sides: dict[str, set[str]] = {}
    for row in made:
        sides.setdefault(row["messages"][0]["content"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    known = {row["id"]: row["split"] for row in made}
    assert all(known[row["id"]] == row["split"] for row in first[1])
    assert {row["id"] for row in make(tmp_path / "a.jsonl", tmp_path / "third", heldout=0.0)[1]} == known.keys()
    other = {row["id"]: row["split"] for row in make(tmp_path / "a.jsonl", tmp_path / "x", seed=8, heldout=0.2)[1]}
    assert other != known


def test_rows_of_one_problem_stay_together(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *(messages(f"q{i}", f"a{i}", problem=f"p{i % 50}") for i in range(500)))
    _, rows, _ = make(path, heldout=0.3)
    sides = {i: {row["split"] for row in rows if int(row["answer"][1:]) % 50 == i} for i in range(50)}
    assert all(len(side) == 1 for side in sides.values()) and {"train", "heldout"} == set().union(*sides.values())


def test_split_and_category_of_the_file_are_kept(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        messages("a", "b", split="test", category="Safety"),
        messages("c", "d", split="Train", category="math"),
    )
    summary, rows, alerts = make(path, heldout=0.9, category="dialogue")
    assert [(row["split"], row["category"]) for row in rows] == [("heldout", "safety"), ("train", "dialogue")]
    assert summary["categories"] == {"safety": 1, "dialogue": 1}
    assert any("math (1)" in alert for alert in alerts)


def test_alpaca_with_input_and_history(tmp_path: Path) -> None:
    row = {"instruction": "Add them.", "input": "2 and 2", "output": "4", "history": [["Hello", "<think>x</think>Hi"]]}
    bad = [{**row, "history": ["Hello"]}, {**row, "images": ["a.png"]}, {**row, "output": ["4"]}, {**row, "history": 5}]
    summary, rows, _ = make(jsonl(tmp_path / "a.jsonl", row, *bad))
    assert [turn["content"] for turn in rows[0]["messages"]] == ["Hello", "Hi", "Add them.\n\n2 and 2"]
    assert summary["left_out"] == {"unknown_fields": 2, "images": 1, "not_text": 1}


def test_traces_of_our_own_stay_as_they_are(tmp_path: Path) -> None:
    trace = {
        "id": "safety-0001/3", "prompt_id": "safety-0001", "category": "safety", "split": "heldout", "type": "rejected",
        "sample": 3, "messages": [{"role": "user", "content": "q\n"}], "thought": "t", "answer": "a", "finish": "stop",
        "provider": "gemini", "model": "m",
    }  # fmt: skip
    scored = {**trace, "scores": {}, "reasons": {}, "reward": 0.5, "judge": {}}
    other = {**trace, "messages": [{"role": "user", "content": "another"}]}
    again = {**trace, "answer": "another answer"}
    unusable = [{**trace, "id": "x", "finish": "length"}, {"prompt_id": 1}, {**trace, "thought": "\ud800"}]
    write_rows(tmp_path / "rows.jsonl", [scored, other, again, *unusable])
    summary, rows, alerts = make(tmp_path / "rows.jsonl")
    assert rows[0] == {**trace, "source": "rows.jsonl:1"}
    assert rows[1]["prompt_id"].startswith("safety-0001-"), "the same id for another prompt"
    assert rows[2]["prompt_id"] == "safety-0001" and rows[2]["id"] not in (rows[0]["id"], rows[1]["id"])
    assert summary["left_out"] == {"unfinished": 1, "unknown_fields": 1, "invalid_text": 1}
    assert any("reward" in alert for alert in alerts)


def test_a_folder_its_lineage_and_its_fingerprint(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    jsonl(folder / "a.jsonl", messages("a", "b"))
    (folder / "sub" / "b.csv").write_text("prompt;answer\nx;y\n", "utf-8")
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.jsonl").write_text("hello")
    before = path_hash(folder)
    summary, rows, alerts = make(folder, tmp_path / "out")
    assert [row["source"] for row in rows] == ["a.jsonl:1", "sub/b.csv:2"]
    assert [(entry["name"], entry["format"], entry["rows"], entry["traces"]) for entry in summary["sources"]] == [
        ("a.jsonl", "openai", 1, 1),
        ("sub/b.csv", "csv", 1, 1),
    ]
    assert all(len(entry["sha256"]) == 64 and entry["bytes"] for entry in summary["sources"])
    assert any("notes.txt" in alert for alert in alerts)
    jsonl(folder / "a.jsonl", messages("a", "c"))
    assert path_hash(folder) != before


def test_plan_names_settings_without_effect(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", messages("a", "b"))
    assert [level for level, _ in planned(path)] == ["note"]
    assert ("warning", "prompt_column: no effect on files without columns.") in planned(path, prompt_column="x")
    assert planned(tmp_path / "none.jsonl")[0][0] == "fault"


def test_what_a_killed_attempt_left_is_made_anew(tmp_path: Path) -> None:
    make(jsonl(tmp_path / "a.jsonl", messages("a", "b")))
    (tmp_path / "out" / "rows.jsonl").write_text('{"id": "torn', "utf-8")
    _, rows, _ = make(tmp_path / "a.jsonl")
    assert len(rows) == 1
