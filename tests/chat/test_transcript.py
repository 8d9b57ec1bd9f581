from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.settings import ChatSettings
from pipeline.chat.transcript import Transcript, rows_of
from pipeline.engine.errors import ConfigError, ProviderError
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context
from pipeline.stages.ingest import STAGE, Config
from tests.chat.scripted import Scripted


def ingest(path: Path, **settings: object) -> tuple[Row, list[Row]]:
    out = path.parent / f"ingested-{path.stem}-{len(settings)}"
    out.mkdir()
    emit = Emitter(lambda _kind, _data: None)
    config = Config.model_validate({"source": path, **settings})
    summary = STAGE.run(Context(config=config, inputs={}, out=out, seed=7, emit=emit))
    return summary, list(read_rows(out / "rows.jsonl"))


def test_ingest_reads_a_transcript_back(tmp_path: Path) -> None:
    answers = (["<think>\nTwo and two.\n</think>\n\n", "It is four."], ["Yes."], [" \u2028Schön: \U0001f642"])
    talk = Conversation(Scripted(*answers), ChatSettings(system="Be brief."))
    transcript = Transcript()
    transcript.open(tmp_path / "said.jsonl")
    for text in ("What is 2 + 2?", "Sure?"):
        list(talk.send(text))
        assert transcript.save(talk) == 1
    transcript.end(talk)
    talk.reset()
    list(talk.send("Wie geht es?"))
    assert transcript.save(talk) == 2
    summary, rows = ingest(tmp_path / "said.jsonl", turns="all")
    assert (summary["traces"], summary["rows"], summary["left_out"], summary["ignored"]) == (3, 2, {}, {})
    first, second, third = rows
    assert (first["thought"], first["answer"]) == ("Two and two.", "It is four.")
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 2?"},
    ]
    assert [message["content"] for message in second["messages"]][1:] == ["What is 2 + 2?", "It is four.", "Sure?"]
    assert (second["thought"], second["answer"]) == ("", "Yes.")
    assert third["answer"] == "\u2028Schön: \U0001f642".strip()
    assert {row["model"] for row in rows} == {"scripted"}


def test_what_did_not_come_to_its_end_is_kept_and_not_learnt(tmp_path: Path) -> None:
    talk = Conversation(Scripted(["Half an ", ProviderError], ["Whole."], ["<think>only", " thought"]), ChatSettings())
    with pytest.raises(ProviderError):
        list(talk.send("First?"))
    list(talk.send("Second?"))
    list(talk.send("Third?"))
    transcript = Transcript()
    transcript.open(tmp_path / "said.jsonl")
    transcript.save(talk)
    (row,) = read_rows(tmp_path / "said.jsonl")
    assert [message.get("weight") for message in row["messages"]] == [None, 0, None, None]
    _, rows = ingest(tmp_path / "said.jsonl", turns="all")
    assert [(row["answer"], len(row["messages"])) for row in rows] == [("Whole.", 3)]


def test_raw_messages_are_rows_of_their_own() -> None:
    talk = Conversation(Scripted(["one"], ["two"]), ChatSettings(raw=True, system="never sent"))
    list(talk.send("<a>"))
    list(talk.send("<b>"))
    assert [[message["content"] for message in row["messages"]] for row in rows_of(talk)] == [
        ["<a>", "one"],
        ["<b>", "two"],
    ]


def test_nothing_is_overwritten_and_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    transcript = Transcript()
    transcript.open(path)
    assert transcript.save(Conversation(Scripted(), ChatSettings())) == 0
    assert not path.exists()
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists already"):
        Transcript().open(path)
