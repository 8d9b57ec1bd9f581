from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.chat.conversation import Conversation
from pipeline.chat.settings import ChatSettings
from pipeline.chat.transcript import Transcript, read_back, rows_of
from pipeline.engine.errors import ConfigError, DataError, ProviderError
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


def said(tmp_path: Path, *turns: dict[str, object]) -> Path:
    path = tmp_path / "said.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "of another conversation"}]}) + "\n", "utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": turns}) + "\n")
    return path


def test_an_earlier_chat_is_gone_on_with(tmp_path: Path) -> None:
    first = Conversation(Scripted(["<think>Hm.</think>One."], ["Tw", ProviderError]), ChatSettings(system="Be brief."))
    list(first.send("1?"))
    with pytest.raises(ProviderError):
        list(first.send("2?"))
    transcript = Transcript()
    transcript.open(tmp_path / "said.jsonl")
    transcript.save(first)
    system, exchanges = read_back(tmp_path / "said.jsonl")
    assert system == "Be brief."
    partner = Scripted(["Three."], ["Four."])
    talk = Conversation(partner, ChatSettings(system="other"))
    talk.take_up(exchanges, system)
    list(talk.send("3?"))
    list(talk.send("4?"))
    seen = [message["content"] for message in partner.asked[0]]
    assert seen == ["Be brief.", "1?", "One.", "2?", "Tw", "3?"]
    assert partner.reused == [False, True]  # what another process had in its context is not in this one's
    (row,), (before,) = rows_of(talk), rows_of(first)
    assert row["messages"][: len(before["messages"])] == before["messages"]  # its thoughts and weights with it
    assert [turn.get("weight") for turn in row["messages"] if turn["role"] == "assistant"] == [None, 0, None, None]
    talk.reset()
    assert talk.exchanges == []


def test_what_cannot_be_gone_on_with_is_told(tmp_path: Path) -> None:
    user, model = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    for turns in ([], [user], [model, user], [user, model, model, user], [user, {"role": "tool", "content": ""}]):
        with pytest.raises(DataError):
            read_back(said(tmp_path, *turns))
    with pytest.raises(ConfigError, match="no chat"):
        read_back(tmp_path / "none.jsonl")
    _, exchanges = read_back(said(tmp_path, user, model))
    raw = Conversation(Scripted(), ChatSettings(raw=True))
    with pytest.raises(ConfigError, match="stands alone"):
        raw.take_up(exchanges)
    assert raw.exchanges == []
