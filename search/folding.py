"""Folding near-duplicates under the best-ranked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from indexer import Embeddings, Ids

_BLOCK = 256  # candidates compared at a time: bounds the memory, whatever the depth
_ROUNDING = 1e-5  # a matrix product may be off by this; nearer to the threshold, the pair is looked at alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Candidates that look the same.

    Attributes:
        id: the best-ranked of them, which stands for all.
        folded: the others that were seen, in ranking order.
    """

    id: int
    folded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.id in self.folded:
            raise ValueError(f"item {self.id} cannot be folded under itself")


def fold(
    ids: Ids, embeddings: Embeddings, *, hashes: Sequence[str | None], threshold: float
) -> tuple[Group, ...]:
    """Fold candidates under the best-ranked one that they nearly equal, greedily in ranking order.

    A candidate with the hash of an earlier one joins that one's group. Otherwise it joins the best-ranked
    representative with a cosine of at least ``threshold``, or else stands for itself. Where a candidate goes
    depends on those before it alone, to the last bit, so that looking deeper changes no representative.

    Args:
        ids: (n,) int64, best first, none twice.
        embeddings: (n, dim) float32, rows of length 1 in the same order; a row of zeros is near to nothing.
        hashes: (n,) of the candidates' contents in the same order; None or empty where there is none.
        threshold: least cosine of near-duplicates, above 0; above 1.1 only equal hashes fold.

    Returns:
        The groups, best representative first.

    Raises:
        ValueError: ids repeat, the three differ in length, or the threshold is not above 0.
    """
    _check(ids, embeddings, hashes, threshold)
    rows = np.ascontiguousarray(embeddings, np.float32)
    leads: dict[int, int] = {}  # row of a representative -> number of its group
    by_hash: dict[str, int] = {}
    members: list[list[int]] = []
    for start in range(0, len(rows), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(rows)))
        others = np.concatenate([np.fromiter(leads, np.int64, len(leads)), block])
        for row, maybe in zip(block.tolist(), _maybe_near(rows, block, others, threshold), strict=True):
            content = hashes[row]
            group = by_hash.get(content) if content else None
            if group is None:
                group = _first_near(rows, row, maybe, leads, threshold)
            if group is None:
                group = leads[row] = len(members)
                members.append([])
            members[group].append(int(ids[row]))
            if content:
                by_hash.setdefault(content, group)
    return tuple(Group(id=first, folded=tuple(rest)) for first, *rest in members)


def _maybe_near(rows: Embeddings, block: Ids, others: Ids, threshold: float) -> list[list[int]]:
    """List, for each row of a block, the earlier ones among ``others`` (ascending) that may be near."""
    scores = rows[block] @ rows[others].T  # (b, others)
    near = (scores >= threshold - _ROUNDING) & (others < block[:, None])
    which, columns = np.nonzero(near)
    starts = np.searchsorted(which, np.arange(len(block) + 1))
    found = others[columns].tolist()
    return [found[low:high] for low, high in pairwise(starts.tolist())]


def _first_near(
    rows: Embeddings, row: int, maybe: list[int], leads: dict[int, int], threshold: float
) -> int | None:
    """Give the group of the first representative that is near; one pair at a time, for the last bit."""
    for other in maybe:
        if other in leads and np.vecdot(rows[other], rows[row]) >= threshold:
            return leads[other]
    return None


def _check(ids: Ids, embeddings: Embeddings, hashes: Sequence[str | None], threshold: float) -> None:
    if embeddings.ndim != 2 or not len(ids) == len(embeddings) == len(hashes):
        raise ValueError(
            f"{len(ids)} ids, {len(embeddings)} embeddings and {len(hashes)} hashes do not match"
        )
    if np.unique(ids).size != len(ids):
        raise ValueError("a ranking names an item twice")
    if not threshold > 0:
        raise ValueError(f"the threshold must be above 0, not {threshold}")
