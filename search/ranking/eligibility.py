"""Which items count when a query is judged: all that were searched but those that a model made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer import Collection, Ids, Kind, isin_sorted


class Counted:
    """The items of a collection that can answer a query.

    What a model made never does, be it promoted or marked in somebody's own file: a catalogue does not hold
    a thing because its picture can be made.

    Args:
        collection: what is searched.
        allowed: (m,) int64 ascending, the only ids to consider; None for all.

    Attributes:
        collection: what is searched.
        total: how many items of the catalogue count, whatever is allowed.
    """

    def __init__(self, collection: Collection, allowed: Ids | None) -> None:
        self.collection = collection
        self._allowed = allowed
        self._tally = collection.store.tally()
        self._made = self._tally.made
        self.total = self._tally.items - len(self._tally.made_and_there)

    @property
    def items(self) -> int:
        """Count the items of the catalogue, those that do not count too."""
        return self._tally.items

    def holds(self, ids: Sequence[int]) -> list[bool]:
        """Say of each item whether it counts."""
        counts: list[bool] = (~isin_sorted(np.asarray(ids, np.int64), self._made)).tolist()
        return counts

    def size(self, kind: Kind) -> int:
        """Tell about how many embeddings of a kind count among those that are searched."""
        count = self.collection.count(kind, without=self._made)
        if self._allowed is None or not count:
            return count
        return max(1, round(len(self._among(self._allowed)) * count / max(self.total, 1)))

    def narrowed(self) -> Ids | None:
        """Give the ids that count, (n,) int64 ascending, where words would find others too; else None."""
        if not len(self._tally.made_and_there):
            return None
        return self.collection.store.real() if self._allowed is None else self._among(self._allowed)

    def is_empty(self) -> bool:
        """Say whether nothing that is searched counts."""
        if self._allowed is None:
            return not self.total
        return not len(self._among(self._allowed))

    def _among(self, ids: Ids) -> Ids:
        return np.setdiff1d(ids, self._made, assume_unique=True) if len(self._made) else ids
