"""Files as rows: which encoding, and whether lines of JSON, one JSON value or a table; never more than a row in memory.

What is wrong with one row is told of that row; what makes the rest of a file unreadable is an error.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row
from pipeline.tasks.ingest.columns import choose
from pipeline.tasks.ingest.conversation import LeftOut

Item = tuple[int, Row | LeftOut]
"""The line that a row begins in, and the row or why it is none."""

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
LONGEST = 1 << 24
"""Letters of a line or a JSON value: beyond 16 million nobody has written a conversation."""
_HEAD = 1 << 13
_CHUNK = 1 << 20
_KNOWN = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "Unpack it, or save the table as CSV."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first."),
    (b"PAR1", "a Parquet file", "Write it as JSONL first, for instance with pandas."),
    (b"GGUF", "a model in GGUF", "Leave `kind` at auto, or set it to gguf."),
)
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip


def files_of(source: Path) -> tuple[list[Path], list[Path]]:
    """(the files to read, those passed over) of a file or a folder; of an artifact of ours its rows alone.

    Raises DataError where there is none.
    """
    if source.is_dir():
        if (source / "made.json").is_file() and (source / "rows.jsonl").is_file():
            return [source / "rows.jsonl"], []
        found = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
        files = [path for path in found if path.suffix.lower() in SUFFIXES]
        if not files:
            raise DataError(f"{source} holds no file to read.", "", f"It takes {', '.join(SUFFIXES)}.")
        return files, [path for path in found if path not in set(files)]
    if not source.is_file():
        raise DataError(f"{source} is missing.", "", "Check the path in the setting `source`.")
    return [source], []


def encoding_of(path: Path) -> str:
    """By the mark at its beginning, by where its zeros stand, else UTF-8. Raises DataError for what is no text."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for mark, what, mend in _KNOWN:
        if head.startswith(mark):
            raise DataError(f"{path} is {what}.", "", mend)
    zeros = [head[start::2].count(0) / max(1, len(head) // 2) for start in (0, 1)]
    if max(zeros) > 0.3 and min(zeros) < 0.05:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    if sum(byte < 9 or 13 < byte < 32 for byte in head) > 0.1 * len(head):
        raise DataError(f"{path} is no text file.", "", f"It takes {', '.join(SUFFIXES)}.")
    return "utf-8"


def read_items(path: Path) -> Iterator[Item]:
    """Every row of a file, in order. Raises DataError for a file that cannot be read on."""
    encoding = encoding_of(path)
    # A byte that is no UTF-8 becomes half a surrogate pair, so that it spoils only the row that it stands in.
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    try:
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield from _items(file, path)
    except UnicodeError as error:
        raise DataError(f"{path} is not {encoding} throughout.", str(error), "Save it as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read.", str(error), "Give a file, with leave to read it.") from None


def _items(file: TextIO, path: Path) -> Iterator[Item]:
    first = file.readline(LONGEST)
    while first and not first.strip():
        first = file.readline(LONGEST)
    file.seek(0)
    start = first.lstrip("\ufeff \t\r\n")[:1]
    if path.suffix.lower() in (".csv", ".tsv"):
        return _table(file, path)
    if start == "[" or (start == "{" and path.suffix.lower() == ".json" and isinstance(_parse(first), LeftOut)):
        return _values(file, path)
    return _lines(file)


def _lines(file: TextIO) -> Iterator[Item]:
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if len(line) == LONGEST and not line.endswith("\n"):
            while (rest := file.readline(LONGEST)) and not rest.endswith("\n"):
                pass
            yield number, LeftOut("too_long", f"a line of more than {LONGEST} letters")
        elif line.strip():
            yield number, _parse(line)


def _parse(line: str) -> Row | LeftOut:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        if any("\udc80" <= letter <= "\udcff" for letter in line):
            return LeftOut("invalid_text", "a byte that is not UTF-8")
        return LeftOut("not_json", str(error)[:100])
    return _object(value)


def _object(value: Any) -> Row | LeftOut:
    return value if isinstance(value, dict) else LeftOut("not_an_object", type(value).__name__)


def _values(file: TextIO, path: Path) -> Iterator[Item]:
    """The members of a JSON array, or JSON values one after the other, each over as many lines as it likes."""
    decoder, buffer, place, line, ended = json.JSONDecoder(), "", 0, 1, False
    while True:
        while place < len(buffer) and buffer[place] in " \t\r\n,[]\ufeff":
            line += buffer[place] == "\n"
            place += 1
        if place == len(buffer):
            if ended:
                return
        else:
            try:
                value, end = decoder.raw_decode(buffer, place)
            except (ValueError, RecursionError) as error:
                if ended or len(buffer) - place > LONGEST or isinstance(error, RecursionError):
                    at = line + (buffer.count("\n", place, error.pos) if isinstance(error, json.JSONDecodeError) else 0)
                    raise DataError(
                        f"{path}, line {at}: not JSON.",
                        f"{str(error)[:100]}; the value began in line {line}.",
                        "Mend the file; or write one JSON object a line, so that a bad one spoils no other.",
                    ) from None
            else:
                yield line, _object(value)
                line += buffer.count("\n", place, end)
                place = end
                continue
        more = file.read(max(_CHUNK, len(buffer) - place))
        buffer, place, ended = buffer[place:] + more, 0, not more


def _table(file: TextIO, path: Path) -> Iterator[Item]:
    """A table with a header; comma, semicolon or tab, whichever gives the header the most columns that are known."""
    csv.field_size_limit(LONGEST)
    header_line = file.readline(LONGEST)
    file.seek(0)
    splits = {sign: next(csv.reader([header_line], delimiter=sign), []) for sign in ",;\t"}
    delimiter = max(splits, key=lambda sign: (len(choose(splits[sign], {})), len(splits[sign])))
    lines = iter(lambda: file.readline(LONGEST), "")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise DataError(
            f"{path}, line 1: no header can be read.", str(error), "Write the columns' names there."
        ) from None
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise DataError(f"{path}, line 1: the column `{twice[0][:40]}` is there twice.", "", "Rename one of them.")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if "unexpected end" in str(error) or "field limit" in str(error):
                raise DataError(
                    f"{path}, line {line}: a quote that is opened there does not end.",
                    "All that follows was taken for one field.",
                    'Close it; a quote within a quoted field is written twice: "".',
                ) from None
            yield line, LeftOut("bad_columns", str(error)[:100])
            continue
        if cells is None:
            return
        if len(cells) == len(header):
            yield line, dict(zip(header, cells, strict=True))
        elif cells:
            yield line, LeftOut("bad_columns", f"{len(cells)} fields, {len(header)} in the header")
