"""Read labelled and captioned pictures, row by row, from Parquet, JSON lines, JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from indexer import (
    BadRow,
    CsvRows,
    Failure,
    JsonLines,
    JsonList,
    ParquetRows,
    Row,
    UnreadableImage,
    UnreadableSource,
    decode_image,
    load_image,
)

from ..errors import UnusableDataset

_Table = ParquetRows | CsvRows | JsonLines | JsonList
_READERS: dict[str, Callable[[Path], _Table]] = {
    ".parquet": ParquetRows,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonList,
    ".csv": CsvRows,
    ".tsv": CsvRows,
}
_USUAL = {
    "image": ("image",),
    "captions": ("captions", "caption"),
    "title": ("title",),
    "label": ("label",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetColumns:
    """Names of the columns that play a role; None for the usual name, or for none.

    Attributes:
        image: the picture: its bytes, a struct with ``bytes`` or ``path``, or a path relative to the file.
        captions: one text, or a list of texts, each of which describes the picture.
        title: a short name of the thing shown.
        label: its kind: a word, or a number that the file's metadata has a name for.
    """

    image: str | None = None
    captions: str | None = None
    title: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row whose picture could be read.

    Attributes:
        picture: mode RGB.
        captions: none, one or several.
        title: empty if there is none.
        label: empty if there is none.
    """

    picture: Image.Image
    captions: tuple[str, ...] = ()
    title: str = ""
    label: str = ""


class Dataset:
    """A file of samples; see ``open_dataset``.

    Attributes:
        path: the file.
        columns: those in use; None for a role that no column plays.
        rows: how many rows will be read; None where that is not known before.
    """

    def __init__(
        self, path: Path, table: _Table, *, columns: DatasetColumns, names: Sequence[str], limit: int | None
    ) -> None:
        self.path = path
        self.columns = columns
        self.rows = _count(path, table, limit)
        self._table = table
        self._names = names
        self._limit = limit

    def samples(self, *, shorter_side: int | None = None) -> Iterator[Sample | Failure]:
        """Read the rows in their order; a Failure stands for one that cannot be used.

        Args:
            shorter_side: pixels that the shorter side of a picture is decoded at, at least; None: full size.

        Raises:
            UnusableDataset: a cell is of a kind that its column must not have.
        """
        for row in islice(self._table, self._limit):
            if isinstance(row, BadRow):
                yield Failure(path=f"{self.path}#{row.number}", reason=row.reason)
                continue
            try:
                picture = self._picture(row, shorter_side)
            except UnreadableImage as error:
                yield Failure(path=error.path, reason=error.reason)
                continue
            yield self._sample(row, picture)

    def _sample(self, row: Row, picture: Image.Image) -> Sample:
        captions = self._cell(row, "captions")
        texts = captions if isinstance(captions, list | tuple) else [captions]
        return Sample(
            picture=picture,
            captions=tuple(filter(None, (self._text(text, "captions", row) for text in texts))),
            title=self._text(self._cell(row, "title"), "title", row),
            label=self._label(row),
        )

    def _cell(self, row: Row, role: str) -> Any:
        column = getattr(self.columns, role)
        return None if column is None else row.values.get(column)

    def _picture(self, row: Row, side: int | None) -> Image.Image:
        name = f"{self.path}#{row.number}"
        cell = self._cell(row, "image")
        if isinstance(cell, Mapping):
            cell = cell.get("bytes") or cell.get("path")
        if isinstance(cell, bytes):
            return decode_image(cell, name=name, shorter_side=side).image
        if isinstance(cell, str) and cell:
            return load_image(self.path.parent / cell, shorter_side=side).image
        raise UnreadableImage(name, "the row holds neither a picture nor the path of one")

    def _label(self, row: Row) -> str:
        value = self._cell(row, "label")
        if isinstance(value, int) and 0 <= value < len(self._names):
            return str(self._names[value])
        return self._text(value, "label", row)

    def _text(self, value: Any, role: str, row: Row) -> str:
        if value is None or isinstance(value, str | int | float):
            return " ".join(str("" if value is None else value).split())
        column, kind = getattr(self.columns, role), type(value).__name__
        raise UnusableDataset(
            self.path, f"row {row.number} has a {kind} in the column {column!r}, where {role} must be text"
        )


def open_dataset(path: Path, columns: DatasetColumns | None = None, *, limit: int | None = None) -> Dataset:
    """Open a dataset without reading its pictures.

    Args:
        path: a Parquet, JSON lines, JSON, CSV or TSV file.
        columns: which columns to use; roles that are None take the column of the usual name (``image``,
            ``captions`` or ``caption``, ``title``, ``label``), if there is one.
        limit: read only that many rows, from the start; at least 1.

    Raises:
        UnreadableSource: there is no such file, or it is damaged.
        UnusableDataset: it is of another kind, empty, or lacks a column that is needed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise UnusableDataset(path, f"its name ends in {path.suffix or 'nothing'!r}, not in one of {known}")
    if not path.is_file():
        raise UnreadableSource(str(path), "there is no such file")
    table = reader(path)
    chosen = _chosen(path, table.names or _first_names(path, table), columns or DatasetColumns())
    names = _class_names(path, chosen.label) if isinstance(table, ParquetRows) and chosen.label else ()
    return Dataset(path, table, columns=chosen, names=names, limit=limit)


def _chosen(path: Path, names: Sequence[str], wanted: DatasetColumns) -> DatasetColumns:
    """Settle which column plays which role."""
    found: dict[str, str | None] = {}
    for role in (field.name for field in fields(DatasetColumns)):
        given = getattr(wanted, role)
        if given is not None and given not in names:
            raise UnusableDataset(path, f"it has no column {given!r}; its columns are {', '.join(names)}")
        found[role] = given or next((name for name in _USUAL[role] if name in names), None)
    has = f"its columns are {', '.join(names)}"
    if found["image"] is None:
        raise UnusableDataset(path, f"no column is called 'image', and {has}; name one with --image-column")
    if not (found["captions"] or found["title"] or found["label"]):
        options = "--captions-column, --title-column or --label-column"
        reason = "nothing says what is on the pictures: no column is called 'captions', 'title' or 'label', "
        raise UnusableDataset(path, f"{reason}and {has}; name one with {options}")
    return DatasetColumns(**found)


def _first_names(path: Path, table: _Table) -> Sequence[str]:
    """Take the columns from the first row, where the file has no list of them."""
    first = next((row for row in table if isinstance(row, Row)), None)
    if first is None:
        raise UnusableDataset(path, "it holds no rows")
    return tuple(first.values)


def _count(path: Path, table: _Table, limit: int | None) -> int | None:
    if not isinstance(table, ParquetRows):
        return None
    import pyarrow.parquet as pq  # only who reads a Parquet file pays for it

    rows = int(pq.read_metadata(path).num_rows)
    return rows if limit is None else min(rows, limit)


def _class_names(path: Path, column: str) -> Sequence[str]:
    """Read the names of the classes that Hugging Face datasets keep in a file's metadata; none if absent."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[column]["names"])
    except (KeyError, TypeError, ValueError):  # another program's metadata may have any shape
        return ()
