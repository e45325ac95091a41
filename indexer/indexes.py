"""The indexes of a collection in memory, kept in step with its database."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import IndexCorrupt
from .items import KINDS, Embeddings, Ids, Kind
from .snapshots import Snapshot, load_snapshot, save_snapshot
from .store import Store
from .vectors import FaissIndex, Scores, best

_SAMPLE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The items whose embeddings of one kind are nearest to a query.

    Attributes:
        scores: (j,) float32 cosine, best first, equal scores by smaller id.
        ids: (j,) int64.
        background: (m,) float32 cosine of the query with a sample of the collection, m at most 1,000; it
            tells how high this query scores by chance.
    """

    scores: Scores
    ids: Ids
    background: Scores


class Indexes:
    """One index for each kind of embedding, and beside them others of what stands apart.

    Those of the catalogue start from the files on disk where these are usable, and catch up with the database
    before each use, so that a reader sees what another process has written. Those of what stands apart are
    small: they are made when somebody asks, and never written. Safe to use from several threads.

    Args:
        folder: of the collection.
        store: of the collection.
        dim: width of its embeddings.
    """

    def __init__(self, folder: Path, store: Store, dim: int) -> None:
        self._folder = folder
        self._store = store
        self._dim = dim
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._apart: Snapshot | None = None
        self._change_on_disk: int | None = None
        self._samples: dict[Kind, tuple[int, Embeddings]] = {}

    def search(
        self, query: Embeddings, k: int, *, allowed: Ids | None, captions: bool, apart: bool
    ) -> dict[Kind, Nearest]:
        """Find what is nearest to a query; see ``Collection.search``."""
        with self._lock:
            indexes = self._catalogue()
            beside = self._standing_apart() if apart else {}
            found = {}
            for kind, index in indexes.items():
                scores, ids = index.search(query, k, _allowed(indexes, kind, allowed, captions))
                if beside and len(beside[kind]):
                    others = _allowed(beside, kind, allowed, captions)
                    more, which = beside[kind].search(query, k, others)
                    new = ~index.holds(which)  # promoted by another process between two looks
                    both = np.concatenate([scores, more[new]]), np.concatenate([ids, which[new]])
                    scores, ids = best(*both, k)
                background = np.vecdot(self._sample(kind, index), query)
                found[kind] = Nearest(scores=scores, ids=ids, background=background)
            return found

    def embeddings(self, kind: Kind, ids: Ids) -> Embeddings:
        """Fetch embeddings of one kind, (n, dim) float32 in the order of ``ids``, of what stands apart too.

        Raises:
            KeyError: an item has no embedding of this kind.
        """
        with self._lock:
            index = self._catalogue()[kind]
            if index.holds(ids).all():
                return index.embeddings(ids)
            return _rows(index, self._standing_apart()[kind], ids)

    def present(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Fetch the embeddings of one kind of those ids that have one: ids (m,) and rows (m, dim)."""
        with self._lock:
            index = self._catalogue()[kind]
            there = index.holds(ids)
            if there.all():
                return ids, index.embeddings(ids)
            beside = self._standing_apart()[kind]
            some = ids[there | beside.holds(ids)]
            return some, _rows(index, beside, some)

    def count(self, kind: Kind, *, without: Ids | None = None) -> int:
        """Count the embeddings of one kind in the catalogue, without those of some items."""
        with self._lock:
            index = self._catalogue()[kind]
            return len(index) - (0 if without is None else int(index.holds(without).sum()))

    def save(self) -> None:
        """Write the index files, unless those on disk are of the last change.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """
        with self._lock:
            self._catalogue()
            if self._snapshot is not None and self._snapshot.change != self._change_on_disk:
                save_snapshot(self._folder, self._snapshot, str(self._store.meta("id")))
                self._change_on_disk = self._snapshot.change

    def _sample(self, kind: Kind, index: FaissIndex) -> Embeddings:
        """Take up to 1,000 embeddings, evenly spread over the ids, once for each change."""
        change = self._snapshot.change if self._snapshot else 0
        cached = self._samples.get(kind)
        if cached is None or cached[0] != change:
            ids = index.ids()
            spread = ids[:: -(-len(ids) // _SAMPLE) or 1]
            cached = self._samples[kind] = (change, index.embeddings(spread))
        return cached[1]

    # -- keeping up ------------------------------------------------------------------------------------

    def _catalogue(self) -> dict[Kind, FaissIndex]:
        """Bring the indexes up to the last change in the database."""
        current = self._store.change()
        snapshot = self._snapshot or self._load()
        if snapshot.change > current:  # an older database was put in its place
            snapshot = self._empty()
        if snapshot.change < current:
            snapshot = self._caught_up(snapshot, current)
        self._snapshot = snapshot
        return dict(snapshot.indexes)

    def _caught_up(self, snapshot: Snapshot, change: int) -> Snapshot:
        for kind, index in snapshot.indexes.items():
            if snapshot.change:
                index.remove(self._store.removed(kind, since=snapshot.change))
            ids, embeddings = self._store.embeddings(kind, since=snapshot.change)
            if len(ids):
                index.add(ids, embeddings)
        return Snapshot(change=change, indexes=snapshot.indexes)

    def _standing_apart(self) -> dict[Kind, FaissIndex]:
        """Give the indexes of what stands apart, made anew after a change that ``_catalogue`` saw."""
        current = self._snapshot.change if self._snapshot else 0
        if self._apart is None or self._apart.change != current:
            self._apart = Snapshot(change=current, indexes=self._empty().indexes)
            for kind, index in self._apart.indexes.items():
                ids, embeddings = self._store.embeddings(kind, apart=True)
                if len(ids):
                    index.add(ids, embeddings)
        return dict(self._apart.indexes)

    def _load(self) -> Snapshot:
        try:
            loaded = load_snapshot(self._folder, str(self._store.meta("id")), self._dim)
        except IndexCorrupt:
            loaded = None  # the embeddings are all in SQLite
        self._change_on_disk = loaded.change if loaded else None
        return loaded or self._empty()

    def _empty(self) -> Snapshot:
        return Snapshot(change=0, indexes={kind: FaissIndex(self._dim) for kind in KINDS})


def _allowed(
    indexes: Mapping[Kind, FaissIndex], kind: Kind, allowed: Ids | None, captions: bool
) -> Ids | None:
    """Leave out the texts of items that have a picture too, unless captions count."""
    if kind != "text" or captions:
        return allowed
    wanted = indexes["text"].ids() if allowed is None else allowed
    return wanted[~indexes["image"].holds(wanted)]


def _rows(index: FaissIndex, beside: FaissIndex, ids: Ids) -> Embeddings:
    """Fetch each embedding from where it is, (n, dim) float32."""
    inside = index.holds(ids)
    rows = np.empty((len(ids), index.dim), np.float32)
    rows[inside] = index.embeddings(ids[inside])
    rows[~inside] = beside.embeddings(ids[~inside])
    return rows
