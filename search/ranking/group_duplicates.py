"""Folding near-duplicates under the best-ranked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings, Ids

_BLOCK = 256  # rows compared with all before them at once
_ROUNDING = 1e-4  # a matrix product and a dot product of unit rows differ by far less


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
    ids: Ids,
    embeddings: Embeddings,
    *,
    hashes: Sequence[str | None],
    threshold: float,
    made: Sequence[bool] | None = None,
) -> tuple[Group, ...]:
    """Fold candidates under the best-ranked one that they nearly equal, greedily in ranking order.

    A candidate with the hash of an earlier one joins that one's group. Otherwise it joins the best-ranked
    representative with a cosine of at least ``threshold``, or else stands for itself. What a model made
    never hides anything else: only its own kind stands under it. Where a candidate goes depends on those
    before it alone, to the last bit, so that looking deeper changes no representative.

    Args:
        ids: (n,) int64, best first, none twice.
        embeddings: (n, dim) float32, rows of length 1 in the same order; a row of zeros is near to nothing.
        hashes: (n,) of the candidates' contents in the same order; None or empty where there is none.
        threshold: least cosine of near-duplicates, above 0; above 1.1 only equal hashes fold.
        made: (n,) whether a model made it, in the same order; None for none.

    Returns:
        The groups, best representative first.

    Raises:
        ValueError: ids repeat, the three differ in length, or the threshold is not above 0.
    """
    _check(ids, embeddings, hashes, threshold)
    rows = np.ascontiguousarray(embeddings, np.float32)
    leaders = np.empty_like(rows)  # (n, dim), the first len(members) of them are those of the groups
    members: list[list[int]] = []
    by_hash: dict[tuple[str, bool], int] = {}
    marks = np.zeros(len(ids), bool) if made is None else np.asarray(made, bool)
    real = np.zeros(len(ids), bool)  # of the groups: led by what no model made
    given = zip(ids.tolist(), rows, hashes, marks.tolist(), _lonely(rows, threshold), strict=True)
    for item_id, row, content, mark, alone in given:
        group = by_hash.get((content, mark)) if content else None
        if group is None and not alone:
            group = _first_near(leaders[: len(members)], row, threshold, real[: len(members)] | mark)
        if group is None:
            group = len(members)
            leaders[group], real[group] = row, not mark
            members.append([])
        members[group].append(item_id)
        if content:
            for who in (False, True) if real[group] else (True,):
                by_hash.setdefault((content, who), group)
    return tuple(Group(id=first, folded=tuple(rest)) for first, *rest in members)


def _lonely(rows: Embeddings, threshold: float) -> list[bool]:
    """Mark (n,) the rows that are surely near to no earlier one: most, so few are compared one by one."""
    lonely = np.ones(len(rows), bool)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        near = block @ rows[: start + len(block)].T >= threshold - _ROUNDING
        lonely[start : start + len(block)] = ~np.tril(near, start - 1).any(axis=1)
    found: list[bool] = lonely.tolist()
    return found


def _first_near(
    leaders: Embeddings, row: Embeddings, threshold: float, open_to: NDArray[np.bool_]
) -> int | None:
    """Find the first of the leaders (m, dim) that a row (dim,) is near to, and that is open (m,) to it.

    One dot product a pair: the last bit of a matrix product depends on how many rows there are, and its
    threads wait for each other longer than they work.
    """
    near = (np.vecdot(leaders, row) >= threshold) & open_to
    first = int(near.argmax()) if len(near) else 0
    return first if len(near) and near[first] else None


def _check(ids: Ids, embeddings: Embeddings, hashes: Sequence[str | None], threshold: float) -> None:
    if embeddings.ndim != 2 or not len(ids) == len(embeddings) == len(hashes):
        raise ValueError(
            f"{len(ids)} ids, {len(embeddings)} embeddings and {len(hashes)} hashes do not match"
        )
    if np.unique(ids).size != len(ids):
        raise ValueError("a ranking names an item twice")
    if not threshold > 0:
        raise ValueError(f"the threshold must be above 0, not {threshold}")
