"""The indexes of a collection, kept in step with its database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..items import KINDS, Embeddings, Ids, Kind, Scores
from ..storage.schema.new_embeddings import EMBEDDED_SINCE
from ..storage.store import Store
from ..vectors import FaissIndex, ReadableIndex, best
from .manifest import Files

_SAMPLE = 1_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """The items whose embeddings of one kind are nearest to a query.

    Attributes:
        scores: (j,) float32 cosine, best first, equal scores by smaller id.
        ids: (j,) int64.
        query: (dim,) float32, what was sought.
        sample: (m, dim) float32, embeddings of the collection, m at most 1,000.
    """

    scores: Scores
    ids: Ids
    query: Embeddings
    sample: Embeddings

    @cached_property
    def background(self) -> Scores:
        """Cosine of the query with the sample, (m,) float32: how high this query scores by chance."""
        found: Scores = np.vecdot(self.sample, self.query)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Indexes as they stand after a change, and what was worked out about them there."""

    change: int
    indexes: Mapping[Kind, ReadableIndex]
    samples: dict[Kind, Embeddings]
    textual: list[Ids]  # the texts of items without a picture, once somebody asked

    @classmethod
    def at(cls, change: int, indexes: Mapping[Kind, ReadableIndex]) -> Standing:
        """Begin with indexes as they are after a change."""
        return cls(change=change, indexes=indexes, samples={}, textual=[])


class Indexes(ABC):
    """One index for each kind of embedding, and beside them others of what stands apart.

    Those of what stands apart are small: they are made when somebody asks, and never written. Safe to use
    from several threads.

    Args:
        store: of the collection.
        dim: width of its embeddings.
        lock: held while an index is used, where that must not change meanwhile.
    """

    def __init__(self, store: Store, dim: int, lock: AbstractContextManager[Any]) -> None:
        self._store = store
        self._dim = dim
        self._lock = lock
        self._now: Standing | None = None
        self._apart: Standing | None = None

    @abstractmethod
    def _catalogue(self) -> Standing:
        """Bring the indexes up to the last change in the database."""

    @abstractmethod
    def drift(self, kind: Kind) -> float | None:
        """Give the share of an inverted file that was added or removed since; None for any other index."""

    @abstractmethod
    def save(self) -> None:
        """Bring what is kept of the indexes up to the last change.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """

    @abstractmethod
    def replace(self, files: Files) -> None:
        """Use other index files from now on, which were written beside those in use.

        Raises:
            StorageFailure: the disk is full; the old files stay in use.
            IndexCorrupt: a file cannot be read.
        """

    def search(
        self, query: Embeddings, k: int, *, allowed: Ids | None, captions: bool, apart: bool
    ) -> dict[Kind, Nearest]:
        """Find what is nearest to a query; see ``Collection.search``."""
        with self._lock:
            now = self._catalogue()
            beside = self._standing_apart() if apart else None
            found = {}
            for kind, index in now.indexes.items():
                scores, ids = index.search(query, k, _allowed(now, kind, allowed, captions))
                if beside is not None and len(beside.indexes[kind]):
                    others = _allowed(beside, kind, allowed, captions)
                    more, which = beside.indexes[kind].search(query, k, others)
                    new = ~index.holds(which)  # promoted by another process between two looks
                    both = np.concatenate([scores, more[new]]), np.concatenate([ids, which[new]])
                    scores, ids = best(*both, k)
                sample = self._sampled(now, kind)
                found[kind] = Nearest(scores=scores, ids=ids, query=query, sample=sample)
            return found

    def embeddings(self, kind: Kind, ids: Ids) -> Embeddings:
        """Fetch embeddings of one kind, (n, dim) float32 in the order of ``ids``, of what stands apart too.

        Raises:
            KeyError: an item has no embedding of this kind.
        """
        with self._lock:
            index = self._catalogue().indexes[kind]
            if index.holds(ids).all():
                return index.embeddings(ids)
            return _rows(index, self._standing_apart().indexes[kind], ids)

    def present(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Fetch the embeddings of one kind of those ids that have one: ids (m,) and rows (m, dim)."""
        with self._lock:
            index = self._catalogue().indexes[kind]
            there = index.holds(ids)
            if there.all():
                return ids, index.embeddings(ids)
            beside = self._standing_apart().indexes[kind]
            some = ids[there | beside.holds(ids)]
            return some, _rows(index, beside, some)

    def count(self, kind: Kind, *, without: Ids | None = None) -> int:
        """Count the embeddings of one kind in the catalogue, without those of some items."""
        with self._lock:
            index = self._catalogue().indexes[kind]
            return len(index) - (0 if without is None else int(index.holds(without).sum()))

    def _standing_apart(self) -> Standing:
        """Give the indexes of what stands apart, made anew after a change that ``_catalogue`` saw."""
        current = self._now.change if self._now else 0
        if self._apart is None or self._apart.change != current:
            beside = empty_indexes(self._dim)
            for kind, index in beside.items():
                ids, embeddings = self._store.embeddings(kind, apart=True)
                if len(ids):
                    index.add(ids, embeddings)
            self._apart = Standing.at(current, beside)
        return self._apart

    @property
    def _since(self) -> int:
        """The change at which all embeddings were replaced; 0 if they never were."""
        return int(self._store.meta(EMBEDDED_SINCE) or 0)

    def _outlived(self, now: Standing, change: int) -> bool:
        """Say whether an older database was put in the place of the one that the indexes are of.

        Within a snapshot they may be newer without that: another thread has seen more.
        """
        return now.change > change and now.change > self._store.latest_change()

    def _remade(self, make: Callable[[Kind, int], ReadableIndex]) -> Standing:
        """Give indexes that are cheap to open, opened anew for each kind after each change."""
        current, now = self._store.change(), self._now
        if now is None or now.change < current or self._outlived(now, current):
            now = self._now = Standing.at(current, {kind: make(kind, current) for kind in KINDS})
        return now

    def _sampled(self, now: Standing, kind: Kind) -> Embeddings:
        """Take up to 1,000 embeddings, evenly spread over the ids, once for each change."""
        if kind not in now.samples:
            index = now.indexes[kind]
            ids = index.ids()
            now.samples[kind] = index.embeddings(ids[:: -(-len(ids) // _SAMPLE) or 1])
        return now.samples[kind]


def empty_indexes(dim: int) -> dict[Kind, FaissIndex]:
    """Make an exact index for each kind, with nothing in it."""
    return {kind: FaissIndex(dim) for kind in KINDS}


def _allowed(now: Standing, kind: Kind, allowed: Ids | None, captions: bool) -> Ids | None:
    """Leave out the texts of items that have a picture too, unless captions count."""
    if kind != "text" or captions:
        return allowed
    if allowed is not None:
        return allowed[~now.indexes["image"].holds(allowed)]
    if not now.textual:
        ids = now.indexes["text"].ids()
        now.textual.append(ids[~now.indexes["image"].holds(ids)])
    return now.textual[0]


def _rows(index: ReadableIndex, beside: ReadableIndex, ids: Ids) -> Embeddings:
    """Fetch each embedding from where it is, (n, dim) float32."""
    inside = index.holds(ids)
    rows = np.empty((len(ids), index.dim), np.float32)
    rows[inside] = index.embeddings(ids[inside])
    rows[~inside] = beside.embeddings(ids[~inside])
    return rows
