from __future__ import annotations

import time
from pathlib import Path

from pipeline.engine.events import KINDS, Emitter, EventLog, Tail
from pipeline.engine.kinds import FIELDS
from pipeline.engine.rows import Row


def test_attempts_and_seq_go_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write("a", "log", {"text": "one"})
    log.write("a", "log", {"text": "two"})
    log.close()
    with path.open("ab") as file:
        file.write(b'{"seq":3,"t":1,"att')
    log = EventLog(path)
    log.write("a", "log", {"text": "three"})
    log.close()
    events = Tail(path).read()
    assert [(event.seq, event.attempt, event.data["text"]) for event in events] == [
        (1, 1, "one"),
        (2, 1, "two"),
        (3, 2, "three"),
    ]


def test_tail_waits_for_the_newline_and_skips_damage(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    line = b'{"seq":1,"t":1.0,"attempt":1,"step":"","kind":"log","data":{"text":""}}\n'
    path.write_bytes(line[:20])
    assert tail.read() == []
    path.write_bytes(line + b"garbage\n" + line.replace(b'"seq":1', b'"seq":2') + b'{"no":"event"}\n')
    assert [event.seq for event in tail.read()] == [1, 2]
    assert tail.read() == [] and tail.damaged == 2


def test_tail_reads_by_the_piece(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for number in range(10):
        log.write("", "log", {"text": str(number)})
    log.close()
    tail = Tail(path)
    assert [len(tail.read(4)) for _ in range(4)] == [4, 4, 2, 0]


def test_emitter_thins_progress_but_not_its_end_and_nulls_what_is_not_finite() -> None:
    sent: list[tuple[str, Row]] = []
    emit = Emitter(lambda kind, data: sent.append((kind, data)))
    for done in range(1, 101):
        emit.progress(done, 100)
    assert [data["done"] for _, data in sent] == [1, 100]
    sent.clear()
    emit.metric(3, loss=float("nan"), reward=float("inf"), kl=0.5)
    assert sent == [("metric", {"step": 3, "loss": None, "reward": None, "kl": 0.5})]
    sent.clear()
    emit.memory(host_used=1)
    emit.memory(host_used=2)
    assert len(sent) == 1


def test_a_line_whose_kind_does_not_hold_what_it_must_is_left_out_and_counted(tmp_path: Path) -> None:
    assert set(FIELDS) == set(KINDS)
    path = tmp_path / "events.jsonl"
    start = '{"seq":1,"t":1.0,"attempt":1,"step":"","kind":'
    bad = ['"progress","data":{"done":"x","total":2,"unit":"rows"}', '"metric","data":{"step":1,"loss":1e999}',
           '"run.finished","data":{"state":[],"seconds":1,"error":null}', '"log","data":["text"]',
           '"metric","data":{"step":1,"loss":' + "9" * 400 + "}", '"memory","data":{"gpus":[3]}']  # fmt: skip
    good = ['"metric","data":{"step":1,"loss":null,"why":"x"}', '"of a later version","data":{}']
    path.write_text("".join(f"{start}{rest}}}\n" for rest in bad + good) + "[" * 100_000 + "\n", encoding="utf-8")
    tail = Tail(path)
    assert [event.kind for event in tail.read()] == ["metric", "of a later version"]
    assert tail.damaged == len(bad) + 1


def test_a_torn_end_is_read_again_only_when_it_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 50_000_000)
    tail = Tail(path)
    assert tail.read() == []
    began = time.process_time()
    for _ in range(100):
        assert tail.read() == []
    assert time.process_time() - began < 0.5  # 100 times 50 MB take seconds
    with path.open("ab") as file:
        file.write(b'\n{"seq":1,"t":1.0,"attempt":1,"step":"","kind":"log","data":{"text":""}}\n')
    assert len(tail.read()) == 1 and tail.damaged == 1
