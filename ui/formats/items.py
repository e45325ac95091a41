"""Items that were picked, to take away: as CSV, as JSON, and their originals in a ZIP."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer import Collection, FindmakeError, Item
from ui.formats.reports import safe_cell

LARGEST_ZIP = 200_000_000
"""Bytes of originals that go into one ZIP."""

_FIXED = ("id", "title", "text", "path", "key", "modality", "origin", "width", "height", "tags")
_CONTROL = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]")
_LIST = "contents.csv"


class TooMuchToExport(FindmakeError):
    """More than goes into one ZIP."""

    def __init__(self, count: int, size: int, limit: int) -> None:
        self.count, self.size, self.limit = count, size, limit
        super().__init__(
            f"The {count:,} originals come to {size / 1e6:,.0f} MB, and one ZIP holds at most "
            f"{limit / 1e6:,.0f} MB. Select fewer, or copy the files by the paths in the CSV."
        )


def item_to_json(item: Item, probability: float | None = None) -> dict[str, Any]:
    """Shape an item, with its probability to answer what was asked."""
    fixed = {name: getattr(item, name) for name in _FIXED}
    return fixed | {
        "tags": list(item.tags),
        "apart": item.apart,
        "probability": probability,
        "attributes": dict(item.attributes),
    }


def items_to_json(items: Sequence[Item], probabilities: Mapping[int, float | None]) -> bytes:
    """Write items as a JSON list, UTF-8."""
    told = [item_to_json(item, probabilities.get(item.id)) for item in items]
    return json.dumps(told, ensure_ascii=False, indent=2).encode("utf-8", "replace")


def items_to_csv(items: Sequence[Item], probabilities: Mapping[int, float | None]) -> bytes:
    """Write items as CSV: UTF-8, marked so that spreadsheets know it; each attribute has a column of its own.

    Tags are joined by semicolons. No cell and no column's name can start a formula in a spreadsheet.
    """
    names = list(dict.fromkeys(name for item in items for name in item.attributes))
    taken = {*_FIXED, "probability"}
    columns = [f"{name} (attribute)" if name.lower() in taken else name for name in names]
    rows: list[list[object]] = [[*_FIXED, "probability", *columns]]
    for item in items:
        fixed = [getattr(item, name) for name in _FIXED[:-1]]
        values = [item.attributes.get(name) for name in names]
        rows.append([*fixed, "; ".join(item.tags), probabilities.get(item.id), *values])
    return _csv(rows)


def originals_size(items: Sequence[Item]) -> int:
    """Sum up the bytes of the items' original files; one that is gone counts nothing."""
    return sum(_size(item) for item in items)


def check_size(items: Sequence[Item], *, limit: int = LARGEST_ZIP) -> None:
    """See that the originals go into one ZIP.

    Raises:
        TooMuchToExport: they do not.
    """
    size = originals_size(items)
    if size > limit:
        raise TooMuchToExport(len(items), size, limit)


def originals_to_zip(collection: Collection, items: Sequence[Item], *, limit: int = LARGEST_ZIP) -> bytes:
    """Pack the items' original files, with a list of what is in there and what is not, and why.

    Of an item without a file of its own the small picture or the text is packed.

    Args:
        collection: theirs.
        items: to pack.
        limit: bytes of originals at most.

    Raises:
        TooMuchToExport: they are more.
    """
    check_size(items, limit=limit)
    buffer = io.BytesIO()
    rows: list[list[Any]] = [["id", "title", "file", "note"]]
    names = _Names()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, strict_timestamps=False) as packed:
        packed_bytes = 0
        for item in items:
            data, name, note = _content(collection, item)
            packed_bytes += len(data or b"")
            if packed_bytes > limit:  # a file has grown since it was measured
                raise TooMuchToExport(len(items), packed_bytes, limit)
            name = names.take(name) if data is not None else ""
            if data is not None:
                packed.writestr(name, data)
            rows.append([item.id, item.title, name, note])
        packed.writestr(_LIST, _csv(rows))
    return buffer.getvalue()


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig", "replace")


def _size(item: Item) -> int:
    try:
        return Path(item.path).stat().st_size if item.path else 0
    except OSError:
        return 0


def _content(collection: Collection, item: Item) -> tuple[bytes | None, str, str]:
    """Give an item's bytes, the name that they should have, and what there is to note."""
    if item.path:
        path = Path(item.path)
        try:
            return path.read_bytes(), path.name, ""
        except OSError as error:
            return None, path.name, f"not packed: {error.strerror or error}"
    small = collection.store.thumbnail(item.id)
    name = item.title or item.key.rpartition("#")[2]
    if small is not None:
        return small, f"{name}.webp", "the small copy: the original lies inside a table"
    return item.text.encode("utf-8", "replace"), f"{name}.txt", ""


class _Names:
    """Names of files in one folder, each once, also where case does not count."""

    def __init__(self) -> None:
        self._taken = {_LIST}

    def take(self, wanted: str) -> str:
        """Give a name like the wanted one that is free, and nobody's path."""
        tidy = _CONTROL.sub("_", wanted).strip(". ")[-150:] or "unnamed"
        stem, dot, suffix = tidy.rpartition(".")
        name, number = tidy, 2
        while name.casefold() in self._taken:
            name = f"{stem} ({number}){dot}{suffix}" if stem else f"{tidy} ({number})"
            number += 1
        self._taken.add(name.casefold())
        return name
