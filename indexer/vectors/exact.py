"""Exact search in NumPy: the readable reference, and the oracle of all tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..items import Embeddings, Ids, Scores
from .base import best, check_query, check_rows, cosine


class ExactIndex:
    """Compares the query with every embedding."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._rows: dict[int, Embeddings] = {}

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self._dim

    def __len__(self) -> int:
        return len(self._rows)

    def ids(self) -> Ids:
        """List all ids, ascending."""
        return np.sort(np.fromiter(self._rows, np.int64))

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        return np.array([int(i) in self._rows for i in ids], np.bool_)

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add embeddings; see VectorIndex."""
        ids, embeddings = check_rows(ids, embeddings, self._dim)
        self._rows.update(zip(ids.tolist(), embeddings, strict=True))

    def remove(self, ids: Ids) -> int:
        """Remove ids; see VectorIndex."""
        return sum(self._rows.pop(int(i), None) is not None for i in ids)

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items; see VectorIndex."""
        query = check_query(query, k, self._dim)
        wanted = self._rows if allowed is None else {int(i) for i in allowed} & self._rows.keys()
        ids = np.fromiter(wanted, np.int64)
        if not ids.size:
            return np.empty(0, np.float32), ids
        return best(cosine(self.embeddings(ids), query), ids, k)

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see VectorIndex."""
        if not len(ids):
            return np.empty((0, self._dim), np.float32)
        return np.stack([self._rows[int(i)] for i in ids])
