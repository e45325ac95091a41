"""Embeddings of hits and their scores, as the verdict and folding look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer import Collection, Embeddings, Ids, Kind, isin_sorted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """The best items of one kind of embedding.

    Attributes:
        ids: (m,) int64, best first.
        rows: (m, dim) float32, their embeddings.
        scores: (m,) float32, their cosines with the query.
        size: how many embeddings of the kind were searched.
    """

    ids: Ids
    rows: Embeddings
    scores: Embeddings
    size: int


class Rows:
    """The embeddings of items of one kind and their cosines with a query, each fetched once.

    Args:
        collection: what holds them.
        kind: of the embeddings.
        query: (dim,) float32 of length 1.
        size: how many embeddings of the kind are searched.
    """

    def __init__(self, collection: Collection, kind: Kind, query: Embeddings, *, size: int) -> None:
        self._size = size
        self._collection = collection
        self._kind: Kind = kind
        self._query = query
        self._asked = np.empty(0, np.int64)  # ascending; the others are of those that are there
        self._ids, self._scores = np.empty(0, np.int64), np.empty(0, np.float32)
        self._rows = np.empty((0, len(query)), np.float32)

    def of(self, ids: Sequence[int]) -> Best:
        """Give those of some items that have an embedding of this kind, in their order."""
        wanted = np.asarray(ids, np.int64)
        new = wanted[~isin_sorted(wanted, self._asked)]
        if len(new):
            self._fetch(new)
        found = wanted[isin_sorted(wanted, self._ids)]
        places = np.searchsorted(self._ids, found)
        scores = self._scores[places]
        return Best(ids=found, rows=self._rows[places], scores=scores, size=self._size)

    def scores(self, ids: Ids) -> tuple[Ids, Embeddings]:
        """Give ids (m,) and cosines (m,) of those of many items that have an embedding; nothing is kept."""
        present, rows = self._collection.present(self._kind, ids)
        return present, np.vecdot(rows, self._query)

    def _fetch(self, new: Ids) -> None:
        present, rows = self._collection.present(self._kind, new)
        self._asked = np.union1d(self._asked, new)
        ids = np.concatenate([self._ids, present])
        order = np.argsort(ids)
        scores = np.concatenate([self._scores, np.vecdot(rows, self._query)])
        self._ids, self._scores = ids[order], scores[order]
        self._rows = np.concatenate([self._rows, rows])[order]
