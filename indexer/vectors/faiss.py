"""Search by FAISS: exact inner products over float16 codes, about fifteen times quicker than NumPy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ..errors import IndexCorrupt
from ..items import Embeddings, Ids, Scores
from .base import best, check_query, check_rows, cosine

# Scores by SIMD kernels differ from ours by rounding; who is within this of the k-th is scored again exactly.
_ROUNDING = 1e-5
# So few allowed rows, or such a share of all, are scored one by one; for more, walking the whole index with a
# bitmap is quicker, since passing over a row costs next to nothing (benchmarks/filter_speed.py).
_FEW, _SHARE = 100, 600
# A look-up table from id to row is kept if it is at most this many times as long as the index.
_SPARSEST = 16


class FaissIndex:
    """``IDMap2,SQfp16`` with inner product; ids are the item ids.

    FAISS finds the candidates; their scores are then computed by ``cosine``, so that scores, order and the
    choice among ties are those of ``ExactIndex`` to the last bit. Searches may run in parallel, but not
    beside a change.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        quantizer = faiss.ScalarQuantizer.QT_fp16
        self._faiss: Any = faiss.IndexIDMap2(
            faiss.IndexScalarQuantizer(dim, quantizer, faiss.METRIC_INNER_PRODUCT)
        )
        self._known: set[int] = set()
        self._rows: _Rows | None = None  # made when it is needed after a change

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self._dim

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    def ids(self) -> Ids:
        """List all ids, ascending."""
        return np.sort(np.fromiter(self._known, np.int64))

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add embeddings; see VectorIndex."""
        ids, embeddings = check_rows(ids, embeddings, self._dim)
        self.remove(ids)  # FAISS would keep both rows under one id
        self._faiss.add_with_ids(embeddings, ids)
        self._known.update(ids.tolist())
        self._rows = None

    def remove(self, ids: Ids) -> int:
        """Remove ids; see VectorIndex."""
        present = self._known.intersection(np.asarray(ids, np.int64).tolist())
        if not present:  # a removal walks the whole index
            return 0
        self._faiss.remove_ids(np.fromiter(present, np.int64))
        self._known -= present
        self._rows = None
        return len(present)

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items; see VectorIndex."""
        query = check_query(query, k, self._dim)
        if not len(self):  # one beside an inverted file, most of the time
            return np.empty(0, np.float32), np.empty(0, np.int64)
        use_one_thread()
        rows = None if allowed is None else self._row_numbers().of(allowed)
        limit = len(self) if rows is None else len(rows)
        k = min(k, limit)
        if k == 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        if rows is None or len(rows) > max(k, _FEW, len(self) // _SHARE):
            rows = self._candidates(query, k, limit, rows)
        scores = cosine(self._faiss.index.reconstruct_batch(rows), query)
        return best(scores, self._row_numbers().ids[rows], k)

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        return self._row_numbers().numbers(ids) >= 0

    def _row_numbers(self) -> _Rows:
        if self._rows is None:
            self._rows = _Rows(faiss.vector_to_array(self._faiss.id_map))
        return self._rows

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see VectorIndex."""
        if not len(ids):
            return np.empty((0, self._dim), np.float32)
        unknown = set(np.asarray(ids).tolist()) - self._known
        if unknown:
            raise KeyError(min(unknown))
        use_one_thread()
        rows: Embeddings = self._faiss.reconstruct_batch(np.ascontiguousarray(ids, np.int64))
        return rows

    def _candidates(self, query: Embeddings, k: int, limit: int, allowed: Ids | None) -> Ids:
        """Fetch at least k rows, and all whose score might round up to that of the k-th."""
        parameters: Any = faiss.SearchParameters  # its keywords are added at run time, unseen by the types
        params = None
        if allowed is not None:
            mask = np.zeros(len(self), np.bool_)
            mask[allowed] = True
            bits = np.packbits(mask, bitorder="little")  # must outlive the search: FAISS keeps a pointer
            selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
            params = parameters(sel=selector)
        fetch = min(k + 8, limit)
        while True:
            scores, rows = self._faiss.index.search(query[None], fetch, params=params)
            found = rows[0] >= 0
            scores, rows = scores[0][found], rows[0][found]
            if fetch == limit or scores[-1] < scores[k - 1] - _ROUNDING:
                return np.ascontiguousarray(rows[scores >= scores[k - 1] - _ROUNDING])
            fetch = min(fetch * 4, limit)

    def write(self, path: Path) -> None:
        """Write the index to a file that did not exist before, and force it to the disk.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        data = faiss.serialize_index(self._faiss)
        with path.open("xb") as file:
            file.write(data.tobytes())
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def from_bytes(cls, data: bytes, path: Path, dim: int) -> FaissIndex:
        """Take an index from bytes whose size and checksum the caller has verified.

        Raises:
            IndexCorrupt: FAISS cannot read it, or it is not of this kind or width.
        """
        try:
            # Never from a pickle, never from a file that was not checked: FAISS trusts what it reads.
            loaded = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise IndexCorrupt(path, str(error).splitlines()[0]) from error
        if not isinstance(loaded, faiss.IndexIDMap2) or loaded.d != dim:
            raise IndexCorrupt(path, f"it is not an IDMap2 of {dim} numbers a row")
        index = cls(dim)
        index._faiss = loaded
        index._known = set(faiss.vector_to_array(loaded.id_map).tolist())
        return index


def use_one_thread() -> None:
    """Answer one query by one thread: waking a second costs more than it saves (0.5 ms against 20 ms).

    The setting belongs to the calling thread and to FAISS's own OpenMP, so torch does not feel it.
    """
    faiss.omp_set_num_threads(1)


class _Rows:
    """Which row of the index an id stands in.

    Args:
        ids: (n,) int64, of the rows in their order.
    """

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._first = int(ids.min()) if len(ids) else 0
        span = int(ids.max()) - self._first + 1 if len(ids) else 0
        self._table: Ids | None = None
        if span <= _SPARSEST * len(ids) + 1024:
            self._table = np.full(span + 1, -1, np.int64)  # the last place answers for ids outside
            self._table[ids - self._first] = np.arange(len(ids))
        self._order = np.argsort(ids) if self._table is None else ids[:0]
        self._sorted = ids[self._order] if self._table is None else ids[:0]

    def numbers(self, ids: Ids) -> Ids:
        """Give the row of each id, (n,) int64; -1 for unknown ones."""
        ids = np.asarray(ids, np.int64)
        if self._table is not None:
            last = len(self._table) - 1
            places = ids - self._first
            return self._table[np.where((places >= 0) & (places < last), places, last)]
        places = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return np.where(self._sorted[places] == ids, self._order[places], -1)

    def of(self, ids: Ids) -> Ids:
        """Give the rows of the known ones among ids, each once, (m,) int64."""
        rows = self.numbers(ids)
        rows = rows[rows >= 0]
        if np.all(rows[1:] > rows[:-1]):
            return rows
        return np.unique(rows)
