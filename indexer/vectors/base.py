"""What every index can do, and the one way in which scores are computed and ties are broken."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DimensionMismatch
from ..items import Embeddings, Ids, Scores


class ReadableIndex(Protocol):
    """Nearest neighbours by cosine over embeddings kept in float16.

    Scores are those of ``ExactIndex``, to the last bit, and so is the order among what is found. Who is found
    is certain but for ``IvfIndex`` and a graph of pgvector's.
    """

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        ...

    def __len__(self) -> int: ...

    def ids(self) -> Ids:
        """List all ids, (n,) int64 ascending."""
        ...

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        ...

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items for one query.

        Args:
            query: (dim,) float32, finite.
            k: how many, at least 0; may exceed ``len(self)``.
            allowed: (m,) int64, the only ids to consider; None for all.

        Returns:
            Scores (j,) float32 and ids (j,) int64 with j = min(k, matching items); best first, equal
            scores by smaller id.

        Raises:
            DimensionMismatch: the query has another width.
            ValueError: the query has a value that is not finite, or k is negative.
        """
        ...

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back the stored embeddings of known ids.

        Returns:
            (n, dim) float32 in the order of ``ids``, as rounded to float16.

        Raises:
            KeyError: an id is not in the index.
        """
        ...


class VectorIndex(ReadableIndex, Protocol):
    """An index that is told what it holds."""

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add embeddings; an id that is already there gets the new one.

        Args:
            ids: (n,) int64, non-negative, no id twice.
            embeddings: (n, dim) float32, finite, rows of length 1.

        Raises:
            DimensionMismatch: the embeddings have another width.
            ValueError: ids repeat or do not match the rows, or a row is not a unit vector.
        """
        ...

    def remove(self, ids: Ids) -> int:
        """Remove ids, ignoring unknown ones; return how many were there."""
        ...


def cosine(rows: Embeddings, query: Embeddings) -> Scores:
    """Score rows against one query; the result for a row does not depend on the other rows.

    A matrix product would be quicker, but blocks the rows, so that the last bit of a score depends on the
    company it keeps: then ties could not be broken by id, nor engines be compared exactly.

    Args:
        rows: (n, dim) float32, contiguous.
        query: (dim,) float32.

    Returns:
        (n,) float32.
    """
    scores: Scores = np.vecdot(np.ascontiguousarray(rows, np.float32), query)  # one dot product a row
    return scores


def best(scores: Scores, ids: Ids, k: int) -> tuple[Scores, Ids]:
    """Take the k highest scores, best first, equal scores by smaller id."""
    order = np.lexsort((ids, -scores))[:k]
    return scores[order], ids[order]


def check_rows(ids: Ids, embeddings: Embeddings, dim: int) -> tuple[Ids, Embeddings]:
    """Validate what is added to an index, and round it to float16.

    Raises:
        DimensionMismatch: the embeddings have another width.
        ValueError: ids repeat, are negative, or do not match the rows; or a row is not a unit vector.
    """
    ids = np.ascontiguousarray(ids, np.int64)
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        raise DimensionMismatch(dim, embeddings.shape[-1])
    if ids.shape != (len(embeddings),):
        raise ValueError(f"{ids.size} ids for {len(embeddings)} embeddings; one each is needed")
    if ids.size and (ids.min() < 0 or np.unique(ids).size != ids.size):
        raise ValueError("ids must be non-negative and must not repeat")
    norms = np.linalg.norm(embeddings, axis=1)
    if not np.allclose(norms, 1.0, atol=2e-3):  # float16 rounding moves a length by up to 1e-3; NaN fails too
        raise ValueError("every embedding must be finite and of length 1")
    # Rounded here and by NumPy alone: FAISS's own rounding to float16 differs in the last bit now and then.
    return ids, np.ascontiguousarray(embeddings.astype(np.float16), np.float32)


def check_query(query: Embeddings, k: int, dim: int) -> Embeddings:
    """Validate a query.

    Raises:
        DimensionMismatch: the query has another width.
        ValueError: the query has a value that is not finite, or k is negative.
    """
    if query.shape != (dim,):
        raise DimensionMismatch(dim, query.shape[-1] if query.ndim else 0)
    if k < 0:
        raise ValueError(f"k must be at least 0, not {k}")
    if not np.isfinite(query).all():
        raise ValueError("the query embedding has values that are not finite")
    return np.ascontiguousarray(query, np.float32)
