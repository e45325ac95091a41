"""Search of an inverted file among some of its items only, however these lie.

The lists nearest to a query may hold none of the permitted items, or those that are left may lie elsewhere
than most: how many lists must be looked at is known only on the way. So lists without a permitted item are
passed over, and looking goes on, to three times as many lists at a time, until the last ones have brought
next to nothing to the best (early termination by patience, as Teofili and Lin 2025 do it in graphs). In a
million items that finds 0.97 or more of the ten best (benchmarks/filter_recall.py), whether a filter goes by
chance or by what things look like; lists in number by the filter's share alone found 0.7 of the latter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ..items import Embeddings, Ids, Scores
from .base import best

_FURTHER = 3  # times as many lists as were looked at
_NEWCOMERS = 0.05  # share of the best that may still have come with the last lists


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Permitted:
    """What of an inverted file may be found.

    Attributes:
        mask: (n,) bool, by id.
        bits: the same, packed for FAISS, which keeps a pointer to it.
        count: how many items that is.
        lists: (nlist,) bool, the lists that hold any of them.
    """

    mask: NDArray[np.bool_]
    bits: NDArray[np.uint8]
    count: int
    lists: NDArray[np.bool_]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], list_of: NDArray[np.int32], lists: int) -> Permitted:
        """Take what a mask (n,) by id permits, where each id is in a list (n,) of so many."""
        ids = np.flatnonzero(mask)
        held = np.zeros(lists, np.bool_)
        held[list_of[ids]] = True
        return cls(mask=mask, bits=np.packbits(mask, bitorder="little"), count=len(ids), lists=held)

    def selector(self) -> Any:
        """Give what FAISS asks of each item; this must live as long."""
        return faiss.IDSelectorBitmap(len(self.bits), faiss.swig_ptr(self.bits))


def nearest_permitted(
    base: Any, query: Embeddings, k: int, fetch: int, permitted: Permitted, *, probes: int
) -> Ids:
    """Find what is probably nearest among what is permitted.

    Args:
        base: an IVF index of FAISS, whose ids are the item ids.
        query: (dim,) float32.
        k: how many are wanted.
        fetch: how many are found, at least k, at most all that are permitted.
        permitted: what may be found.
        probes: lists to begin with.

    Returns:
        (fetch,) int64.
    """
    near, lists = base.quantizer.search(query[None], base.nlist)
    kept = permitted.lists[lists[0]]
    near, lists, selector = near[0][kept], lists[0][kept], permitted.selector()
    scores, ids, seen = np.empty(0, np.float32), np.empty(0, np.int64), 0
    while True:
        upto = min(max(seen * _FURTHER, probes), len(lists))
        more, which = _search_lists(base, query, fetch, lists[seen:upto], near[seen:upto], selector)
        scores, ids = best(np.concatenate([scores, more]), np.concatenate([ids, which]), fetch)
        settled = seen and np.isin(ids[:k], which).sum() <= _NEWCOMERS * k
        if upto == len(lists) or (len(ids) == fetch and settled):
            return ids
        seen = upto


def _search_lists(
    base: Any, query: Embeddings, k: int, lists: Ids, near: Scores, selector: Any
) -> tuple[Scores, Ids]:
    """Look at some lists only; scores are those of the codes."""
    scores, ids = np.empty(k, np.float32), np.empty(k, np.int64)
    told: Any = faiss.SearchParametersIVF  # its keywords are added at run time, unseen by the types
    lists, near = np.ascontiguousarray(lists), np.ascontiguousarray(near)
    base.search_preassigned_c(  # what FAISS offers for NumPy takes no selector
        1,
        faiss.swig_ptr(query),
        k,
        *(faiss.swig_ptr(array) for array in (lists, near, scores, ids)),
        False,  # ids, not places
        told(nprobe=len(lists), sel=selector),
        None,  # no statistics
    )
    found = ids >= 0
    return scores[found], ids[found]
