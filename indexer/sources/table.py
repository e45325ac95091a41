"""A table as a source: one item a row, with a picture beside or inside the table, a text, or both."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

from ..errors import UnreadableImage, UnreadableSource
from ..images.decode import read_image_bytes
from ..items import Attribute, Failure
from .base import Candidate, Content
from .columns import Columns, assign, check
from .files import stamp
from .parquet import ParquetRows, cell_bytes
from .rows import BadRow, CsvRows, JsonLines, JsonList, Row, Rows
from .texts import clean, readable
from .values import attribute, canonical, plain

_READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": CsvRows,
    ".tsv": CsvRows,
    ".tab": CsvRows,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonList,
    ".parquet": ParquetRows,
}
TABLE_SUFFIXES = frozenset(_READERS)

_SUBFOLDERS = ("", "images", "image", "img", "photos", "pictures")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a row's picture is, or why it cannot be read."""

    path: str
    stamp: str = ""
    trouble: str = ""


class TableSource:
    """A CSV, TSV, JSON lines, JSON or Parquet file given to ``index``.

    Keys are ``TABLE#KEY`` from the key column, ``TABLE#row NUMBER`` for a row without one, and plain
    ``TABLE#NUMBER`` where no column is a key; a repeated key gets ``~2``, ``~3`` in the order of the rows.

    Args:
        path: absolute path of the table.
        columns: roles of columns; what is None is guessed by name.
    """

    def __init__(self, path: str, columns: Columns | None = None) -> None:
        self._path = path
        self._wanted = columns or Columns()
        self._certain = True
        self._seen: dict[str, int] = {}

    @property
    def root(self) -> str:
        """Absolute path as given."""
        return self._path

    def scan(self) -> Iterator[Candidate | Failure]:
        """List the rows in their order.

        Raises:
            UnreadableSource: the table is away, cannot be read, or has no column to use.
        """
        self._certain, self._seen = True, {}
        rows = _READERS[Path(self._path).suffix.lower()](Path(self._path))
        roles = self._roles(rows) if rows.names else None
        column = roles.image if roles else None
        pictures = rows.pictures(column) if column in rows.binary and column else None
        try:
            for row in rows:
                yield self._candidate(row, roles, pictures) if isinstance(row, Row) else self._lost(row)
        except OSError as error:
            raise UnreadableSource(self._path, error.strerror or str(error)) from error

    def owns(self, key: str) -> bool:
        """Say whether the key is of a row of this table; False after a scan that lost rows."""
        return self._certain and key.startswith(f"{self._path}#")

    def _roles(self, rows: Rows) -> Columns:
        check(rows.names, self._wanted, table=self._path)
        roles = assign(rows.names, self._wanted, binary=rows.binary)
        if roles.image is roles.title is roles.text is None:
            reason = "no column looks like a picture, a title or a text; its columns are "
            raise UnreadableSource(self._path, reason + ", ".join(rows.names))
        return roles

    def _lost(self, row: BadRow) -> Failure:
        """Report a row whose key is unknown, so that after it no key can be called gone."""
        self._certain = False
        return Failure(path=f"{self._path}#{row.number}", reason=row.reason)

    def _candidate(
        self, row: Row, roles: Columns | None, pictures: Callable[[int], bytes] | None
    ) -> Candidate | Failure:
        roles = roles or assign(tuple(row.values), self._wanted)
        try:
            digest = hashlib.sha256(canonical({"row": row.values, "roles": astuple(roles)}))
        except RecursionError:
            return self._lost(BadRow(number=row.number, reason="its values are nested too deeply"))
        key = self._key(row, roles.key)
        embedded = pictures is not None and cell_bytes(row.values.get(roles.image or "")) is not None
        place = None if embedded else _locate(_cell(row, roles.image, first=True), Path(self._path).parent)
        content = _text_part(row, roles, place, key)
        if not (embedded or place or content.embedded_text):
            return Failure(path=key, reason="the row has neither a picture nor a text")
        if place is not None:
            digest.update(f"{place.path} {place.stamp}".encode("utf-8", "backslashreplace"))
        image = partial(pictures, row.number) if pictures and embedded else partial(_read, place)
        path = None if place is None or _ADDRESS.match(place.path) else place.path
        load = partial(_load, content, image)
        return Candidate(key=key, path=path, fingerprint=digest.hexdigest()[:32], load=load)

    def _key(self, row: Row, column: str | None) -> str:
        """Return a key that no earlier row has."""
        name = _cell(row, column) or (str(row.number) if column is None else f"row {row.number}")
        key = name
        while key in self._seen:
            self._seen[name] += 1
            key = f"{name}~{self._seen[name]}"
        self._seen[key] = 1
        return f"{self._path}#{key}"


def _cell(row: Row, column: str | None, *, first: bool = False) -> str:
    """Return a cell as text; with ``first`` only the first part of a list."""
    value = row.values.get(column) if column is not None else None
    if isinstance(value, dict):  # an image dataset's struct without bytes
        value = value.get("path")
    if first and isinstance(value, list | tuple):
        value = next((part for part in value if part), None)
    return "" if isinstance(value, bytes) else plain(value)


def _text_part(row: Row, roles: Columns, place: _Place | None, key: str) -> Content:
    """Read everything but the picture; without a title the picture's file or the key gives one to show."""
    title = " ".join(_cell(row, roles.title).split())
    other = key.rpartition("#")[2] if place is None else readable(Path(place.path).stem)
    return Content(
        image=None,
        title=title or other,
        text=_cell(row, roles.text),
        attributes=_attributes(row, roles),
        title_is_text=bool(title),
    )


def _load(content: Content, image: Callable[[], bytes | None]) -> Content:
    return replace(content, image=image())


def _attributes(row: Row, roles: Columns) -> Mapping[str, Attribute]:
    used = astuple(roles)
    pairs = (
        (clean(name).strip(), attribute(value)) for name, value in row.values.items() if name not in used
    )
    return {name: value for name, value in pairs if name and value is not None}


def _locate(cell: str, folder: Path) -> _Place | None:
    """Find a row's picture: the whole cell as a path, else the first of several parted by ``|`` or commas."""
    if not cell:
        return None
    if _ADDRESS.match(cell):
        return _Place(path=cell, trouble="it is a web address; only pictures on this machine are read")
    parts = re.split(r"[|;,\n]", cell)
    first = next((part.strip() for part in parts if part.strip()), cell)
    for name in dict.fromkeys((cell, first, first.replace("\\", "/"))):
        for subfolder in _SUBFOLDERS:
            path = os.path.abspath(folder / subfolder / name)  # noqa: PTH100 - resolve() would follow links
            try:
                return _Place(path=path, stamp=stamp(os.stat(path)))  # noqa: PTH116 - a string already
            except (OSError, ValueError):
                continue
    wanted = os.path.abspath(folder / first)  # noqa: PTH100 - as above
    trouble = f"there is no such file as {cell!r}, nor is it in {folder / 'images'}"
    return _Place(path=wanted, trouble=f"{trouble}; bring it there, or correct the row")


def _read(place: _Place | None) -> bytes | None:
    if place is None:
        return None
    if place.trouble:
        raise UnreadableImage(place.path, place.trouble)
    return read_image_bytes(Path(place.path))
