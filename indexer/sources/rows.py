"""The rows of tables in text: CSV, TSV, JSON lines and JSON lists, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from ..errors import UnreadableSource
from .texts import clean, legacy

MAX_FIELD = 16 << 20
MAX_JSON_BYTES = 1 << 30
_DELIMITERS = ",;\t|"
_END = "\x1eend of table\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; ``number`` counts rows with content from 1, the header not among them."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be read, so that not even its key is known."""

    number: int
    reason: str


class Rows(Protocol):
    """An opened table.

    Attributes:
        names: its columns; empty where every row brings its own.
        binary: those that hold bytes.
    """

    names: tuple[str, ...]
    binary: tuple[str, ...]

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Yield the rows in their order."""
        ...

    def pictures(self, column: str) -> Callable[[int], bytes]:
        """Return what reads the bytes in a binary column by row number."""
        ...


class TextRows:
    """What all tables in text have in common: no bytes in them."""

    names: tuple[str, ...] = ()
    binary: tuple[str, ...] = ()

    def pictures(self, column: str) -> Callable[[int], bytes]:
        """Refuse: there are no binary columns here.

        Raises:
            UnreadableSource: always.
        """
        raise UnreadableSource(column, "a text table holds no pictures, only their paths")


class CsvRows(TextRows):
    """A CSV or TSV file with a header line; the delimiter is whichever splits the header most.

    Args:
        path: the file.

    Raises:
        UnreadableSource: away, empty or binary.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = _encoding(path)
        with self._open() as file:
            line = next((line for line in file if line.strip()), "")
        if not line:
            raise UnreadableSource(str(path), "it is empty; expected a line with the names of the columns")
        fixed = path.suffix.lower() in (".tsv", ".tab")
        self._delimiter = "\t" if fixed else max(_DELIMITERS, key=lambda mark: len(_cells(line, mark)))
        header = next((cells for _, cells in self._records()), "it is empty")
        if isinstance(header, str):
            raise UnreadableSource(str(path), f"its first line cannot be read: {header}")
        self.names = _distinct(header)

    def __iter__(self) -> Iterator[Row | BadRow]:
        records = self._records()
        next(records, None)
        for number, (line, cells) in enumerate(records, start=1):
            yield self._row(number, line, cells)

    def _row(self, number: int, line: int, cells: list[str] | str) -> Row | BadRow:
        if isinstance(cells, str):
            return BadRow(number=number, reason=f"line {line}: {cells}")
        if any(cells[len(self.names) :]):
            reason = f"line {line} has {len(cells)} cells, the header {len(self.names)}"
            return BadRow(number=number, reason=reason)
        cells += [""] * (len(self.names) - len(cells))
        return Row(number=number, values=dict(zip(self.names, map(_mended, cells), strict=False)))

    def _records(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yield line number and cells of each record that is not blank, or what is wrong with it."""
        # the limit is one number for the whole process; it is only ever raised
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
        with self._open() as file:
            reader = csv.reader(_guarded(file), delimiter=self._delimiter, skipinitialspace=True)
            start = 1
            while True:
                try:
                    cells = next(reader)
                except csv.Error as error:
                    yield start, str(error)
                else:
                    if cells == [_END]:
                        return
                    if cells and cells[-1].endswith(_END):
                        yield start, "a quotation mark is never closed; all that follows is lost"
                        return
                    if any(cell.strip() for cell in cells):
                        yield start, [cell.strip() for cell in cells]
                start = reader.line_num + 1

    def _open(self) -> TextIO:
        errors = "surrogateescape" if self._encoding == "utf-8-sig" else "replace"
        return self._path.open(encoding=self._encoding, errors=errors, newline="")


class JsonLines(TextRows):
    """One JSON object a line.

    Args:
        path: the file.

    Raises:
        UnreadableSource: away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _encoding(path)

    def __iter__(self) -> Iterator[Row | BadRow]:
        number = 0
        with self._path.open("rb") as file:
            for index, line in enumerate(file, start=1):
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if text:
                    number += 1
                    yield _parsed(number, index, text)


class JsonList(TextRows):
    """A JSON file that holds one list of objects.

    Args:
        path: the file.

    Raises:
        UnreadableSource: away, too large, not JSON, or not a list.
    """

    def __init__(self, path: Path) -> None:
        _encoding(path)
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UnreadableSource(str(path), "it is over 1 GiB; write it as JSON lines (.jsonl) instead")
        try:
            rows = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise UnreadableSource(str(path), f"it is not valid JSON ({error})") from error
        if not isinstance(rows, list):
            reason = "expected a list of objects; for one object a line name the file .jsonl"
            raise UnreadableSource(str(path), reason)
        self._rows = rows

    def __iter__(self) -> Iterator[Row | BadRow]:
        for number, values in enumerate(self._rows, start=1):
            yield _object(number, values)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UnreadableSource(str(path), error.strerror or str(error)) from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        raise UnreadableSource(str(path), "it looks like a binary file, not like a table in text")
    return "utf-8-sig"


def _guarded(file: TextIO) -> Iterator[str]:
    """Add a last line that comes back by itself only if every quotation mark was closed."""
    yield from file
    yield _END


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _distinct(header: list[str]) -> tuple[str, ...]:
    """Name blank columns by their place and number repeated ones, so that none hides another."""
    names: list[str] = []
    for place, cell in enumerate(map(_mended, header), start=1):
        name = base = cell or f"column {place}"
        count = 1
        while name in names:
            count += 1
            name = f"{base} {count}"
        names.append(name)
    return tuple(names)


def _mended(cell: str) -> str:
    """Decode a cell again as Windows-1252 where it is not UTF-8."""
    if cell.isascii():
        return cell.replace("\0", "")
    try:
        cell.encode("utf-8")
        return cell
    except UnicodeEncodeError:
        return clean(legacy(cell.encode("utf-8", "surrogateescape")))


def _parsed(number: int, line: int, text: bytes) -> Row | BadRow:
    try:
        try:
            values = json.loads(text.decode("utf-8"))
        except UnicodeDecodeError:
            values = json.loads(legacy(text))
    except (ValueError, RecursionError) as error:
        return BadRow(number=number, reason=f"line {line} is not valid JSON ({error})")
    return _object(number, values)


def _object(number: int, values: Any) -> Row | BadRow:
    if not isinstance(values, dict):
        kind = type(values).__name__
        return BadRow(number=number, reason=f"expected an object with named values, got a {kind}")
    return Row(number=number, values=values)
