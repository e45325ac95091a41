"""Embeddings at the end of an index file: read a few at a time, never mapped, so that they take no memory."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..items import Embeddings, Ids

_HALF = np.dtype("<f2")


def append_rows(path: Path, rows: Iterable[Embeddings]) -> None:
    """Write rows (n, dim) behind what a file holds.

    Raises:
        OSError: the disk is full.
    """
    with path.open("ab") as file:
        for some in rows:
            file.write(some.astype(_HALF).tobytes())


class StoredRows:
    """The last rows of a file, as ``append_rows`` wrote them. Safe to use from several threads.

    Args:
        path: of the file; it may be deleted while it is in use.
        count: of the rows.
        dim: numbers of a row.

    Raises:
        OSError: the file cannot be opened, or is too short.
    """

    def __init__(self, path: Path, count: int, dim: int) -> None:
        self._dim = dim
        self._size = dim * _HALF.itemsize
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._start = os.fstat(self._file).st_size - count * self._size
        if self._start < 0:
            raise OSError(f"it is too short for {count:,} embeddings")

    def read(self, places: Ids) -> Embeddings:
        """Read rows by their place, (n,) int64 from 0: (n, dim) float32."""
        size, start = self._size, self._start
        found = [os.pread(self._file, size, start + place * size) for place in places.tolist()]
        return np.frombuffer(b"".join(found), _HALF).reshape(len(found), self._dim).astype(np.float32)
