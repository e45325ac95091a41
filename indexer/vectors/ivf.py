"""Search in large collections: an inverted file of 8-bit codes, mapped from its file, and exact scores.

Codes are half the size of what is stored, and a query looks at few of their lists (an inverted file: Sivic
and Zisserman, *Video Google*, ICCV 2003; as FAISS builds it: Douze et al., *The Faiss library*, 2024). So who
is found is not certain any more; how many of the true best are was measured when the index was built. The
score of whoever is found is exact: its embedding is read from behind the codes in the same file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ..errors import IndexCorrupt
from ..items import Embeddings, Ids, Scores
from .base import best, check_query, cosine
from .faiss import FaissIndex, use_one_thread
from .file_rows import StoredRows
from .filter import Permitted, nearest_permitted

_FEW = 200  # so many allowed items are scored one by one
_SPARE = 2  # times as many candidates are scored exactly as are wanted: codes swap neighbours
_LEAST = 24  # candidates
_PLENTY = 4  # times as many items should lie in the lists that are looked at as are wanted


class IvfIndex:
    """``IVF,SQ8`` with inner product, mapped, never changed; what came later stands in an exact one beside.

    Scores are those of ``ExactIndex``, and so is the order among what is found. With a filter more lists are
    looked at, up to all of them (see ``filter``): nothing starves. For one thread at a time.

    Args:
        base: an IVF index of FAISS, whose ids are the item ids.
        rows: its embeddings, by ascending id.
        probes: lists to look at for a query without a filter.
    """

    def __init__(self, base: Any, rows: StoredRows, *, probes: int) -> None:
        self._base = base
        self._rows = rows
        self.probes = probes
        self._fresh = FaissIndex(base.d)
        parts = _ids_by_list(base)
        held = np.concatenate([*parts, np.empty(0, np.int64)])
        size = int(held.max(initial=-1)) + 1
        self._list_of, self._places = np.zeros(size, np.int32), np.full(size, -1, np.int32)  # by id
        self._list_of[held] = np.repeat(np.arange(len(parts), dtype=np.int32), [len(ids) for ids in parts])
        self._places[np.sort(held)] = np.arange(len(held), dtype=np.int32)
        self._alive = self._places >= 0  # by id: the base still counts
        self._in_base = len(held)
        self._changes = 0
        self._asked: tuple[Ids | None, int, Permitted] | None = None

    @classmethod
    def open(cls, path: Path, dim: int, *, probes: int) -> IvfIndex:
        """Map a file whose size and checksum the caller has verified.

        Raises:
            IndexCorrupt: FAISS cannot read it, or it is not of this kind or width.
            OSError: it cannot be opened, or is too short.
        """
        try:
            base = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexCorrupt(path, str(error).splitlines()[0]) from error
        if not isinstance(base, faiss.IndexIVFScalarQuantizer) or base.d != dim:
            raise IndexCorrupt(path, f"it is not an inverted file of {dim} numbers a row")
        return cls(base, StoredRows(path, int(base.ntotal), dim), probes=probes)

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return int(self._base.d)

    @property
    def lists(self) -> int:
        """How many lists there are to look at."""
        return int(self._base.nlist)

    @property
    def bytes_each(self) -> float:
        """Bytes an embedding takes in memory or mapped: its code, its id, its share of the centres."""
        centres = self.lists * self.dim * 4
        return float(self._base.code_size + 8 + centres / max(int(self._base.ntotal), 1))

    @property
    def drift(self) -> float:
        """Share of the index that was added or removed since it was built."""
        return self._changes / max(int(self._base.ntotal), 1)

    def __len__(self) -> int:
        return self._in_base + len(self._fresh)

    def ids(self) -> Ids:
        """List all ids, ascending."""
        return np.union1d(np.flatnonzero(self._alive), self._fresh.ids())

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        return self._based(ids) | self._fresh.holds(ids)

    def _based(self, ids: Ids) -> NDArray[np.bool_]:
        ids = np.asarray(ids, np.int64)
        inside = (ids >= 0) & (ids < len(self._alive))
        found = np.zeros(len(ids), np.bool_)
        found[inside] = self._alive[ids[inside]]
        return found

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add embeddings; see VectorIndex."""
        before = self._changes
        self.remove(ids)
        self._fresh.add(ids, embeddings)
        self._changes = before + len(ids)

    def remove(self, ids: Ids) -> int:
        """Remove ids; see VectorIndex."""
        ids = np.unique(np.asarray(ids, np.int64))
        based = ids[self._based(ids)]
        self._alive[based] = False
        self._in_base -= len(based)
        removed = len(based) + self._fresh.remove(ids)
        self._changes += removed
        return removed

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see VectorIndex."""
        ids = np.asarray(ids, np.int64)
        unknown = ids[~self.holds(ids)]
        if len(unknown):
            raise KeyError(int(unknown.min()))
        based = self._based(ids)
        if based.all():
            return self._read(ids)
        rows = np.empty((len(ids), self.dim), np.float32)
        rows[based] = self._read(ids[based])
        rows[~based] = self._fresh.embeddings(ids[~based])
        return rows

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items, or nearly those; see VectorIndex."""
        query = check_query(query, k, self.dim)
        use_one_thread()
        scores, ids = self._fresh.search(query, k, allowed)
        if k == 0 or not self._in_base:
            return scores, ids
        found = self._candidates(query, k, allowed)
        more = cosine(self._read(found), query)
        return best(np.concatenate([scores, more]), np.concatenate([ids, found]), k)

    def _read(self, ids: Ids) -> Embeddings:
        """Read embeddings of the base, (n, dim) float32."""
        return self._rows.read(self._places[ids].astype(np.int64))

    def _candidates(self, query: Embeddings, k: int, allowed: Ids | None) -> Ids:
        """Name at least k items of the base, if so many may be named, that are probably the nearest."""
        is_all = allowed is None and self._in_base == int(self._base.ntotal)
        permitted = None if is_all else self._permitted(allowed)
        possible = self._in_base if permitted is None else permitted.count
        fetch = min(max(k * _SPARE, _LEAST), possible)
        if permitted is not None and possible <= max(_FEW, k):
            return np.flatnonzero(permitted.mask)
        if permitted is None or allowed is None:
            ids = self._most_probable(query, fetch, permitted)
            if len(ids) == fetch:
                return ids
        permitted = permitted or self._permitted(None)
        return nearest_permitted(self._base, query, k, fetch, permitted, probes=self.probes)

    def _most_probable(self, query: Embeddings, fetch: int, permitted: Permitted | None) -> Ids:
        """Look at as many lists as were found to be enough without a filter."""
        probes = max(self.probes, math.ceil(_PLENTY * fetch * self.lists / self._in_base))
        told: Any = faiss.SearchParametersIVF  # its keywords are added at run time, unseen by the types
        selector = None if permitted is None else permitted.selector()
        how = told(nprobe=min(probes, self.lists), sel=selector)
        ids = self._base.search(query[None], fetch, params=how)[1][0]
        return np.ascontiguousarray(ids[ids >= 0])

    def _permitted(self, allowed: Ids | None) -> Permitted:
        """Prepare what may be found; kept for ids that nobody can write to, as filters give them again."""
        known = self._asked
        if known is not None and known[0] is allowed and known[1] == self._changes:
            return known[2]
        mask = self._alive
        if allowed is not None:
            ids = np.asarray(allowed, np.int64)
            mask = np.zeros(len(mask), np.bool_)
            mask[ids[(ids >= 0) & (ids < len(mask))]] = True
            mask &= self._alive
        found = Permitted.of(mask, self._list_of, self.lists)
        if allowed is None or not allowed.flags.writeable:
            self._asked = allowed, self._changes, found
        return found


def ids_of(base: Any) -> Ids:
    """Read the ids in all lists, (n,) int64 in no order."""
    return np.concatenate([*_ids_by_list(base), np.empty(0, np.int64)])


def _ids_by_list(base: Any) -> list[Ids]:
    lists = base.invlists
    sizes = [int(lists.list_size(number)) for number in range(base.nlist)]
    return [
        faiss.rev_swig_ptr(lists.get_ids(number), size).copy() if size else np.empty(0, np.int64)
        for number, size in enumerate(sizes)
    ]
