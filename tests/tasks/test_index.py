"""The index over rows: what it finds is what reading every row finds; damage and change are told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import Row, write_rows
from pipeline.tasks.index import Filter, Index, index_path, open_index
from pipeline.tasks.indexing import BATCH, text_of
from pipeline.tasks.marks import keep_mark, make_mark, read_marks
from tests.benchmarks.traces import write

ANSWERS = (
    "I don't know the date.", "Café au lait, please", "snake_case and co-operate", "漢字 text 🙂", 'He said "no" \\ /x',
    "tab\tand\nnewline \x1b[0m", "Straße in KELVIN \u212a", "[INST] a [/INST]", "lone \ud800 one",
    "plain as plain can be",
)  # fmt: skip


def row(number: int, answer: str = "an answer", **more: object) -> Row:
    return {
        "id": f"p{number // 2}/{number % 2}", "prompt_id": f"p{number // 2}", "sample": number % 2, "type": "chosen",
        "category": ("safety", "conflict")[number % 2], "split": "train", "finish": "stop", "thought": "hm",
        "messages": [{"role": "user", "content": "Why?"}], "answer": answer, "reward": number / 10,
        "scores": {"helpfulness": number / 10, "conflict_resolution": None}, "spread": {"helpfulness": number / 100},
        **more,
    }  # fmt: skip


Opened = Callable[[list[Row]], Index]


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every index that a test opens is closed after it."""
    made: list[Index] = []
    begin = Index.__init__
    monkeypatch.setattr(Index, "__init__", lambda self, *given: (made.append(self), begin(self, *given))[1])
    yield
    for index in made:
        index.close()


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def make(rows: list[Row]) -> Index:
        path = tmp_path / "data" / "judge-1" / "rows.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, rows)
        index = open_index(tmp_path, path)
        assert index is not None
        return index

    return make


def test_words_and_parts(opened: Opened) -> None:
    index = opened([row(number, answer) for number, answer in enumerate(ANSWERS)])

    def words(text: str) -> list[int]:
        return index.find(Filter(text))

    def part(*texts: str) -> list[int]:
        return index.find(Filter(parts=texts))

    assert words("don't") == [0] and words("cafe") == [1] and words("co-oper*") == [2] and words("snake_case") == [2]
    assert words("know date") == [0] and words("know lait") == []
    assert words('"AND" OR') == [] and words("* ** -") == part("-")
    assert words("🙂") == [3] and words("text 🙂") == [3] and words("INST") == [7] and words("[/INST]") == [7]
    assert words("p3/1") == [7] and words("lone") == [8]
    assert part('said "NO" \\ /') == [4] and part("\x1b[0m") == [5] and part("and\nnew") == [5]
    assert part("strasse") == [6] and part("KELVIN k") == [6] and part("\ud800") == [8]
    assert part("plain as", "can be") == [9] and part("plain as", "lait") == []
    assert part("chosen") == []  # in the line, but not in what is searched
    assert words("") == list(range(10))


def test_a_part_is_found_as_reading_every_row_finds_it(opened: Opened) -> None:
    rows = [row(number, answer) for number, answer in enumerate(ANSWERS)]
    index = opened(rows)
    texts = [text_of(one).casefold() for one in rows]
    pieces = {text[start : start + size] for text in ANSWERS for start in range(len(text)) for size in (1, 3, 7)}
    for piece in pieces:
        wanted = [place for place, text in enumerate(texts) if piece.casefold() in text]
        assert index.find(Filter(parts=[piece])) == wanted, piece


def test_a_scan_tells_what_it_has_found_while_it_looks_for_more(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.tasks.index.ROWS", 1)
    monkeypatch.setattr("pipeline.tasks.index.NEWS", 0.0)
    index = opened([row(number, ("no", "yes it is")[number in (1, 2, 5)]) for number in range(8)])
    told: list[list[int]] = []
    assert index.find(Filter(parts=["s it i"]), told=told.append) == [1, 2, 5]
    assert told == [[1], [1, 2], [1, 2, 5]], "nothing twice, and no list that grows later"
    assert index.find(Filter(parts=["s it i"]), stopped=lambda: len(told) > 3, told=told.append) == []
    monkeypatch.setattr("pipeline.tasks.index.NEWS", 60.0)
    told.clear()
    assert index.find(Filter(parts=["s it i"]), told=told.append) == [1, 2, 5]
    assert told == [[1]], "the first at once, the next after a while"


def test_columns_ranges_and_marks(opened: Opened, tmp_path: Path) -> None:
    rows = [row(number, f"answer {number}") for number in range(8)]
    index = opened(rows)
    assert index.find(Filter(equal={"category": "conflict", "prompt_id": "p1"})) == [3]
    assert index.find(Filter(between={"helpfulness": (0.2, 0.4)})) == [2, 3, 4]
    assert index.find(Filter(between={"spread": (0.05, 1), "reward": (0, 0.6)})) == [5, 6]
    assert index.find(Filter(between={"conflict_resolution": (0, 1)})) == []  # it does not apply
    said = [(1, "accept", ""), (2, "note", "so"), (3, "score", "helpfulness=0.5"), (4, "reject", ""), (4, "clear", "")]
    for place, action, value in said:
        keep_mark(tmp_path, make_mark(rows[place], action, value))
    marked = read_marks(tmp_path)
    found = {
        mark: index.find(Filter(mark=mark), marked) for mark in ("any", "none", "accept", "reject", "note", "score")
    }
    assert found == {"any": [1, 2, 3], "none": [0, 4, 5, 6, 7], "accept": [1], "reject": [], "note": [2], "score": [3]}
    with pytest.raises(KeyError):
        index.find(Filter(equal={"1=1 --": "x"}))
    with pytest.raises(KeyError):
        index.find(Filter(between={"reward; DROP": (0, 1)}))


def test_rows_as_they_are(opened: Opened) -> None:
    rows = [row(number, answer) for number, answer in enumerate(ANSWERS)]
    index = opened(rows)
    assert [index.row(place) for place in range(10)] == rows
    assert index.of_prompt("p1") == [3, 2] and index.place_of("p1/1") == 3 and index.place_of("none") is None
    assert index.of_prompt("\ud800") == [] and index.values("category") == ["conflict", "safety"]
    assert index.line(7)["opening"] == "[INST] a [/INST]" and index.line(7)["score_helpfulness"] == 0.7
    with index.again() as other:
        assert other.row(3) == rows[3]


def test_odd_values_are_no_fault(opened: Opened) -> None:
    odd = [row(0, reward="high", scores=[1], spread="x", sample=10**400, messages=[1, {"content": None}], answer=None),
           row(1, reward=True, scores={"helpfulness": "much"}, id=["x"]), {}, {"messages": "none"}]  # fmt: skip
    index = opened(odd)
    assert len(index) == 4 and index.line(0)["reward"] is None and index.line(1)["score_helpfulness"] is None
    assert index.find(Filter()) == [0, 1, 2, 3]


def test_blank_lines_and_a_last_line_without_newline(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row(number)) for number in range(BATCH + 3)]
    path.write_text("\n\n".join(lines), encoding="utf-8", newline="\n")
    shares: list[float] = []
    index = open_index(tmp_path, path, lambda done, of: shares.append(done / of))
    assert index and len(index) == len(lines) and index.row(BATCH + 2)["reward"] == (BATCH + 2) / 10
    assert index.find(Filter(parts=["AN ANSWER"])) == list(range(BATCH + 3))
    assert len(shares) == 2 and 0 < shares[0] < shares[1] == 1


def test_it_is_made_anew_for_another_file_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(0, "one")])
    first = open_index(tmp_path, path)
    made = index_path(tmp_path, path).stat().st_mtime_ns
    again = open_index(tmp_path, path)
    assert first and again and index_path(tmp_path, path).stat().st_mtime_ns == made
    first.close()
    again.close()
    state = path.stat()
    write_rows(path, [row(0, "two")])  # of the same size, and set back to the same time
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    index = open_index(tmp_path, path)
    assert index and index.find(Filter("two")) == [0] and index.find(Filter("one")) == []


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row(number) for number in range(3)])
    assert open_index(tmp_path, path, stopped=lambda: True) is None
    assert list((tmp_path / "data" / "index").iterdir()) == []
    index = open_index(tmp_path, path)
    assert index and index.find(Filter(parts=["answer"]), stopped=lambda: True) == []


def test_faults_say_what_and_how_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for text in ('{"id": 1}\n{"torn', "[1]\n", "7\n", "\x00\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"row [12] cannot be read"):
            open_index(tmp_path, path)
    write_rows(path, [row(0), row(1)])
    index = open_index(tmp_path, path)
    assert index
    path.write_bytes(b"x" * 10)
    with pytest.raises(DataError, match="was changed"):
        index.row(1)
    with pytest.raises(DataError, match="was changed"):
        index.find(Filter(parts=["answer"]))
    with pytest.raises(DataError, match="was changed"):
        index.line(99)
    index.close()
    (tmp_path / "data" / "index").rename(tmp_path / "away")
    (tmp_path / "data" / "index").write_text("a file where a folder should be")
    with pytest.raises(StageFailed, match="cannot be written"):
        open_index(tmp_path, path)


def test_a_damaged_index_is_made_anew_or_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, 300)
    index = open_index(tmp_path, path)
    assert index
    index.close()
    made = index_path(tmp_path, path)
    whole = made.read_bytes()
    made.write_bytes(b"no database at all" * 100)
    index = open_index(tmp_path, path)
    assert index and len(index) == 300
    index.close()
    made.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    with pytest.raises(DataError, match="Delete it"):
        open_index(tmp_path, path).place_of("safety-00001/3")  # type: ignore[union-attr]
