"""The indexes of a collection in memory, kept in step with its database."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import IndexCorrupt
from .items import KINDS, Embeddings, Ids, Kind
from .snapshots import Files, Index, open_indexes, read_manifest, write_index, write_manifest
from .store import Store
from .vectors import FaissIndex, IvfIndex, Scores, best

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """Indexes as they stand after a change, and what was worked out about them there."""

    change: int
    indexes: Mapping[Kind, Index]
    samples: dict[Kind, Embeddings]
    textual: list[Ids]  # the texts of items without a picture, once somebody asked

    @classmethod
    def at(cls, change: int, indexes: Mapping[Kind, Index]) -> _Standing:
        return cls(change=change, indexes=indexes, samples={}, textual=[])


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
        self._now: _Standing | None = None
        self._apart: _Standing | None = None
        self._files: Files = {}

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
                background = np.vecdot(_sample(now, kind), query)
                found[kind] = Nearest(scores=scores, ids=ids, background=background)
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

    def drift(self, kind: Kind) -> float | None:
        """Give the share of an inverted file that was added or removed since; None for an exact index."""
        with self._lock:
            index = self._catalogue().indexes[kind]
            return index.drift if isinstance(index, IvfIndex) else None

    def save(self) -> None:
        """Write the files of exact indexes that are of an older change; inverted files stay as they are.

        Raises:
            StorageFailure: the disk is full; the old files stay.
        """
        with self._lock:
            self._name(self._written({}))

    def replace(self, files: Files) -> None:
        """Use other index files from now on, which were written beside those in use.

        Raises:
            StorageFailure: the disk is full; the old files stay in use.
            IndexCorrupt: a file cannot be read.
        """
        with self._lock:
            self._name(self._written(files))
            self._now = self._opened(self._files)

    def _written(self, others: Files) -> Files:
        """Write the exact indexes that are newer than their files, but for the kinds that others are for."""
        now = self._catalogue()
        files = {**self._files, **others}
        for kind, index in now.indexes.items():
            if isinstance(index, IvfIndex) or kind in others:
                continue
            if kind not in files or files[kind].change != now.change or files[kind].type != "exact":
                files[kind] = write_index(self._folder, kind, now.change, index.write, count=len(index))
        return files

    def _name(self, files: Files) -> None:
        if files != self._files:
            write_manifest(self._folder, files, str(self._store.meta("id")))
            self._files = files

    # -- keeping up ------------------------------------------------------------------------------------

    def _catalogue(self) -> _Standing:
        """Bring the indexes up to the last change in the database."""
        current = self._store.change()
        now = self._now or self._load()
        if now.change > current:  # an older database was put in its place
            self._files, now = {}, self._empty()
        if now.change < current:
            now = self._caught_up(self._renewed(now), current)
        self._now = now
        return now

    def _renewed(self, now: _Standing) -> _Standing:
        """Open the files of another process instead, if it has built larger ones meanwhile."""
        try:
            files = read_manifest(self._folder, str(self._store.meta("id"))) or {}
            if any(file.type == "ivf" and file != self._files.get(kind) for kind, file in files.items()):
                return self._opened(files)
        except IndexCorrupt:
            pass  # perhaps it is at it right now; what is in memory is as good
        return now

    def _caught_up(self, now: _Standing, change: int) -> _Standing:
        for kind, index in now.indexes.items():
            if now.change:
                index.remove(self._store.removed(kind, since=now.change))
                ids, embeddings = self._store.embeddings(kind, since=now.change)
                if len(ids):
                    index.add(ids, embeddings)
            else:
                for ids, embeddings in self._store.embeddings_in_chunks(kind):
                    index.add(ids, embeddings)
        return _Standing.at(change, now.indexes)

    def _standing_apart(self) -> _Standing:
        """Give the indexes of what stands apart, made anew after a change that ``_catalogue`` saw."""
        current = self._now.change if self._now else 0
        if self._apart is None or self._apart.change != current:
            self._apart = _Standing.at(current, self._empty().indexes)
            for kind, index in self._apart.indexes.items():
                ids, embeddings = self._store.embeddings(kind, apart=True)
                if len(ids):
                    index.add(ids, embeddings)
        return self._apart

    def _load(self) -> _Standing:
        try:
            files = read_manifest(self._folder, str(self._store.meta("id")))
            return self._opened(files) if files else self._empty()
        except IndexCorrupt:
            return self._empty()  # the embeddings are all in SQLite

    def _opened(self, files: Files) -> _Standing:
        indexes = open_indexes(self._folder, files, self._dim, self._store.embeddings_of)
        self._files = files
        return _Standing.at(min(file.change for file in files.values()), indexes)

    def _empty(self) -> _Standing:
        return _Standing.at(0, {kind: FaissIndex(self._dim) for kind in KINDS})


def _sample(now: _Standing, kind: Kind) -> Embeddings:
    """Take up to 1,000 embeddings, evenly spread over the ids, once for each change."""
    if kind not in now.samples:
        index = now.indexes[kind]
        ids = index.ids()
        now.samples[kind] = index.embeddings(ids[:: -(-len(ids) // _SAMPLE) or 1])
    return now.samples[kind]


def _allowed(now: _Standing, kind: Kind, allowed: Ids | None, captions: bool) -> Ids | None:
    """Leave out the texts of items that have a picture too, unless captions count."""
    if kind != "text" or captions:
        return allowed
    if allowed is not None:
        return allowed[~now.indexes["image"].holds(allowed)]
    if not now.textual:
        ids = now.indexes["text"].ids()
        now.textual.append(ids[~now.indexes["image"].holds(ids)])
    return now.textual[0]


def _rows(index: Index, beside: Index, ids: Ids) -> Embeddings:
    """Fetch each embedding from where it is, (n, dim) float32."""
    inside = index.holds(ids)
    rows = np.empty((len(ids), index.dim), np.float32)
    rows[inside] = index.embeddings(ids[inside])
    rows[~inside] = beside.embeddings(ids[~inside])
    return rows
