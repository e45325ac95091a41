"""The rows of a Parquet file, in small batches; pictures inside it are read again when they are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import UnreadableImage, UnreadableSource
from .rows import BadRow, Row

_BATCH = 64
_BATCHES_KEPT = 8


class ParquetRows:
    """A Parquet file as a table.

    Args:
        path: the file.

    Raises:
        UnreadableSource: away, or not Parquet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        schema = _open(path).schema_arrow
        self.names: tuple[str, ...] = tuple(schema.names)
        self.binary: tuple[str, ...] = tuple(field.name for field in schema if _holds_bytes(field.type))

    def __iter__(self) -> Iterator[Row | BadRow]:
        number = 0
        try:
            for batch in _batches(self._path, None):
                for values in batch:
                    number += 1
                    yield Row(number=number, values=values)
        except _errors() as error:
            yield BadRow(number=number + 1, reason=f"the file is damaged from here on ({error})")

    def pictures(self, column: str) -> Callable[[int], bytes]:
        """Return what reads the bytes in a column by row number, best in rising order."""
        return _Pictures(self._path, column).read


class _Pictures:
    """Reads one column forward, keeping the last few batches; going back far starts over. Thread-safe."""

    def __init__(self, path: Path, column: str) -> None:
        self._path = path
        self._column = column
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()
        self._ahead: Iterator[list[dict[str, Any]]] = iter(())
        self._next = -1

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as what it is made of: an open file and a lock cannot."""
        return _Pictures, (self._path, self._column)

    def read(self, number: int) -> bytes:
        place, offset = divmod(number - 1, _BATCH)
        name = f"{self._path}#{number}"
        with self._lock:
            try:
                batch = self._batch(place)
                data = cell_bytes(batch[offset][self._column])
            except _errors() as error:
                raise UnreadableImage(name, f"the table has changed or is damaged ({error})") from error
        if not data:
            raise UnreadableImage(name, "the cell is empty")
        return data

    def _batch(self, place: int) -> list[dict[str, Any]]:
        if place in self._kept:
            return self._kept[place]
        if self._next < 0 or place < self._next:
            self._ahead, self._next = _batches(self._path, [self._column]), 0
        while self._next <= place:
            self._kept[self._next] = next(self._ahead)
            self._next += 1
            if len(self._kept) > _BATCHES_KEPT:
                self._kept.popitem(last=False)
        return self._kept[place]


def cell_bytes(cell: Any) -> bytes | None:
    """Return the bytes of a binary cell, or of a struct with ``bytes`` as image datasets write it."""
    if isinstance(cell, dict):
        cell = cell.get("bytes")
    return cell if isinstance(cell, bytes) and cell else None


def _batches(path: Path, columns: list[str] | None) -> Iterator[list[dict[str, Any]]]:
    """Yield lists of exactly ``_BATCH`` rows, and a last shorter one, whatever the row groups are."""
    rest: list[dict[str, Any]] = []
    for batch in _open(path).iter_batches(batch_size=_BATCH, columns=columns):
        rest += batch.to_pylist()
        while len(rest) >= _BATCH:
            yield rest[:_BATCH]
            rest = rest[_BATCH:]
    if rest:
        yield rest


def _open(path: Path) -> Any:
    import pyarrow.parquet as pq  # only who indexes a Parquet file pays for it

    try:
        return pq.ParquetFile(path, buffer_size=1 << 20)
    except _errors() as error:
        reason = getattr(error, "strerror", None) or f"it is not a Parquet file ({error})"
        raise UnreadableSource(str(path), reason) from error


def _errors() -> tuple[type[Exception], ...]:
    """Return what reading a damaged or changed file may raise; dates beyond Python's are an OverflowError."""
    import pyarrow

    return (pyarrow.ArrowException, OSError, ValueError, OverflowError, LookupError, StopIteration)


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as pt

    if pt.is_struct(kind):
        return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind))
